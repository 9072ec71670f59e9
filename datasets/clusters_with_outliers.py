"""Clusters of different density with anomalies between them: generated, any number of rows."""

from __future__ import annotations

import numpy as np

from residency.datasets.outliers import Outliers
from residency.harness.dataset import generated

COLUMNS = 16
CLUSTERS = 12
SHARE = 0.01  # of the rows are anomalies
DISTANCE = 2.0  # deviation of the clusters' centres
DENSEST, SPARSEST = 0.3, 0.9  # deviation within a cluster
STRAY = 1.2  # deviation of an anomaly from the line between two clusters
CHUNK = 8_192  # rows


@generated
def clusters_with_outliers(rows: int, seed: int) -> Outliers:
    """Twelve round Gaussian clusters in 16 columns, and 1 % anomalies on the lines between their centres.

    Deviations go from 0.3 to 0.9, so one cluster's ordinary row is as far from its neighbours as another's anomaly;
    and a line begins and ends inside a cluster, where nothing looks strange. The distance to the tenth neighbour
    finds most anomalies and cannot find all: average precision about 0.8, where a blind guess has 0.01.
    """
    generator = np.random.default_rng(seed)
    centres = DISTANCE * generator.standard_normal((CLUSTERS, COLUMNS))
    widths = np.linspace(DENSEST, SPARSEST, CLUSTERS)
    x = np.empty((rows, COLUMNS), np.float32)
    anomaly = np.empty(rows, np.int8)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        strange = generator.random(size) < SHARE
        here = generator.integers(CLUSTERS, size=size)
        there = (here + generator.integers(1, CLUSTERS, size=size)) % CLUSTERS
        way = np.where(strange, generator.random(size), 0.0)[:, np.newaxis]
        width = np.where(strange, STRAY, widths[here])[:, np.newaxis]
        noise = generator.standard_normal((size, COLUMNS))
        x[part] = (1.0 - way) * centres[here] + way * centres[there] + width * noise
        anomaly[part] = strange
    return Outliers(x=x, y_test=anomaly, names=tuple(f"x{column}" for column in range(COLUMNS)))
