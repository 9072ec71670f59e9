"""Anomalies far from everything, around one cloud of rows: generated, any number of rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.outliers import Outliers
from residency.harness.dataset import decoded, generated_from, mapped

COLUMNS = 16
FACTORS = 4  # directions that act on all columns
SHARE = 0.01  # of the rows are anomalies
STRANGE = 5  # columns in which an anomaly is strange
SPREAD = 8.0  # deviation of what is added to these columns; an ordinary row has about 1.4
CHUNK = 8_192  # rows
LEAST_ROWS = 1_000  # so that some are anomalies


@decoded(4 * COLUMNS + 1)
@generated_from(LEAST_ROWS)
def scattered_outliers(rows: int, seed: int, folder: Path) -> Outliers:
    """One cloud in 16 columns that depend on each other, and 1 % anomalies that are far out in five of the columns.

    This is what an isolation forest looks for: a few random cuts part such a row from all others. It does not find the
    anomalies of `clusters_with_outliers`, which lie between clusters, in the middle of the table: there, its average
    precision is below that of a random guess.
    """
    generator = np.random.default_rng(seed)
    loadings = generator.standard_normal((FACTORS, COLUMNS)) / np.sqrt(FACTORS)
    x, anomaly = mapped(folder, (rows, COLUMNS), np.float32), mapped(folder, (rows,), np.int8)
    for start in range(0, rows, CHUNK):
        part = slice(start, min(start + CHUNK, rows))
        size = part.stop - start
        strange = generator.random(size) < SHARE
        row = generator.standard_normal((size, COLUMNS))
        for loading in loadings:
            row += generator.standard_normal((size, 1)) * loading
        far = SPREAD * generator.standard_normal((size, COLUMNS))
        first = generator.integers(COLUMNS, size=(size, 1))
        chosen = (np.arange(COLUMNS) - first) % COLUMNS < STRANGE
        x[part] = row + far * (strange[:, None] & chosen)
        anomaly[part] = strange
    return Outliers(x=x, y_test=anomaly, names=tuple(f"x{column}" for column in range(COLUMNS)))
