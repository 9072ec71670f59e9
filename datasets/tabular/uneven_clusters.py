"""Clusters of unequal density with noise around them: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.points import NOISE, Points
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 8
CLUSTERS = 24
SHARE = 0.1  # of the rows are noise
REACH = 4.0  # the centres lie in a cube from -REACH to REACH
BEYOND = 1.3  # the noise fills a cube that is larger by this factor
NARROWEST, WIDEST = 0.15, 0.8  # a cluster's deviation
CHUNK = 8_192  # rows
LEAST_ROWS = 1_000  # so that each cluster has some


@decoded(4 * COLUMNS + 4)
@generated_from(LEAST_ROWS)
def uneven_clusters(rows: int, seed: int, folder: Path) -> Points:
    """Twenty-four round clusters in 8 columns, and 10 % noise, spread evenly in a larger cube.

    The widest cluster is 5.3 times as wide as the narrowest, so their densities differ by a factor of some 600,000 at
    equal rows. The largest has five times the rows of the smallest. The noise has the label -1. Some of it lies inside
    clusters, and the edges of wide clusters look like noise: HDBSCAN reaches an adjusted Rand index of 0.91 on 4,000
    rows and 0.88 on 30,000.
    """
    generator = np.random.default_rng(seed)
    centres = generator.uniform(-REACH, REACH, (CLUSTERS, COLUMNS))
    widths = np.linspace(NARROWEST, WIDEST, CLUSTERS)
    weights = generator.permutation(np.linspace(1.0, 5.0, CLUSTERS))
    bounds = np.cumsum(weights) / np.cumsum(weights)[-1]
    x, labels = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int32)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        label = np.searchsorted(bounds, generator.random(size), side="right")
        row = centres[label] + widths[label, np.newaxis] * generator.standard_normal((size, COLUMNS))
        strange = generator.random(size) < SHARE
        far = generator.uniform(-BEYOND * REACH, BEYOND * REACH, (size, COLUMNS))
        x[part] = np.where(strange[:, np.newaxis], far, row)
        labels[part] = np.where(strange, NOISE, label)
    return Points(x=x, initial=x[:1].copy(), labels=labels, names=tuple(f"x{column}" for column in range(COLUMNS)))
