"""Overlapping Gaussian blobs of different sizes: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.points import SAMPLE, Points, initial_centres
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 32
BLOBS = 64
NARROWEST, WIDEST = 0.6, 1.4  # deviation, against 1 between the blobs' centres
CHUNK = 8_192  # rows


@decoded(4 * COLUMNS + 4)
@generated_from(BLOBS + 1)  # rows: one more than there are initial centres
def blobs(rows: int, seed: int, folder: Path) -> Points:
    """Sixty-four round Gaussian blobs in 32 columns, the largest with ten times the rows of the smallest.

    Centres are standard normal, deviations go from 0.6 to 1.4, so neighbouring blobs overlap. The initial centres
    leave 93 % of the variance unexplained, the blobs' own means 50 %; k-means reaches 51 or 52 % in 25 rounds and stops
    moving after about a hundred. Rows are in random order.
    """
    generator = np.random.default_rng(seed)
    centres = generator.standard_normal((BLOBS, COLUMNS))
    widths = np.linspace(NARROWEST, WIDEST, BLOBS)
    weights = generator.permutation(np.linspace(1.0, 10.0, BLOBS))
    bounds = np.cumsum(weights) / np.cumsum(weights)[-1]
    x, labels = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int32)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        label = np.searchsorted(bounds, generator.random(part.stop - start), side="right")
        noise = generator.standard_normal((len(label), COLUMNS))
        x[part] = centres[label] + widths[label, np.newaxis] * noise
        labels[part] = label
    return Points(
        x=x,
        initial=initial_centres(x[:SAMPLE], BLOBS, generator),
        labels=labels,
        names=tuple(f"x{column}" for column in range(COLUMNS)),
    )
