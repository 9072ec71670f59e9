"""Clusters of different density with anomalies between them: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.outliers import Outliers
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 16
FACTORS = 4  # directions in which a cluster's rows differ most
CLUSTERS = 12
SHARE = 0.01  # of the rows are anomalies
DISTANCE = 2.0  # deviation of the clusters' centres
NARROWEST, WIDEST = 0.1, 0.4  # a cluster's deviation along its factors
NOISE = 0.2  # deviation in all other directions, as a share of that along the factors
STRAY = 0.4  # deviation of an anomaly from the line between two clusters
CHUNK = 8_192  # rows
LEAST_ROWS = 1_000  # so that some are anomalies


@decoded(4 * COLUMNS + 1)
@generated_from(LEAST_ROWS)
def clusters_with_outliers(rows: int, seed: int, folder: Path) -> Outliers:
    """Twelve clusters in 16 columns, and 1 % anomalies on the lines between their centres.

    As in most real tables, the columns depend on each other: within a cluster, four factors that act on all columns
    make nearly all of the difference between rows. Some clusters are four times as wide as others, so an ordinary row
    of one cluster can be as far from its neighbours as an anomaly near another. With fewer rows this happens more
    often: the average precision of the distance to the tenth neighbour is about 0.45 on 5,000 rows, 0.7 on 40,000 and
    0.9 on a million. A random guess has 0.01.
    """
    generator = np.random.default_rng(seed)
    centres = DISTANCE * generator.standard_normal((CLUSTERS, COLUMNS))
    loadings = generator.standard_normal((FACTORS, CLUSTERS, COLUMNS))
    widths = np.linspace(NARROWEST, WIDEST, CLUSTERS)
    x, anomaly = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int8)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        strange = generator.random(size) < SHARE
        here = generator.integers(CLUSTERS, size=size)
        there = (here + generator.integers(1, CLUSTERS, size=size)) % CLUSTERS
        way = np.where(strange, generator.random(size), 0.0)[:, np.newaxis]
        width = np.where(strange, STRAY, NOISE * widths[here])[:, np.newaxis]
        row = (1.0 - way) * centres[here] + way * centres[there]
        row += width * generator.standard_normal((size, COLUMNS))
        for loading in loadings:
            factor = np.where(strange, 0.0, widths[here] * generator.standard_normal(size))
            row += factor[:, np.newaxis] * loading[here]
        x[part] = row
        anomaly[part] = strange
    return Outliers(x=x, y_test=anomaly, names=tuple(f"x{column}" for column in range(COLUMNS)))
