"""Your own data with two values to predict, one of them rare: a CSV or Parquet file, prepared for distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.tabular.own import marked_rows
from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import number_of, own_table
from residency.harness.errors import UsageError

LEAST_RARE = 20  # rows of the rarer value: enough to learn from, and to judge by
ATTEMPTS = 20  # seeds to try for the split, until some of the rare rows judge


@own_table
def own_rare(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: one column with two values, to predict from the others; the rarer value is 1, in at least 20 rows.

    Missing numbers are filled with the median, categories become columns of 0 and 1, all columns are standardised: as
    for `own_outliers`, so distances between rows can be computed. The remarks say what became of every column. What
    quality to expect depends on your data.
    """
    prepared = marked_rows(path, target, "rare row", "rare rows")
    count = int(prepared.y_test.sum())
    if count < LEAST_RARE:
        raise UsageError(
            f"the rarer value of column `{target}` is in {number_of(count, 'row')}; at least {LEAST_RARE} are needed, "
            "to learn from and to judge by"
        )
    rare = prepared.y_test.astype(np.float32)
    for attempt in range(seed, seed + ATTEMPTS):
        table = split(prepared.x, rare, prepared.names, attempt, binary=True, remarks=prepared.remarks)
        if table.y_test.any():
            return table
    raise UsageError(f"no row with the rarer value of column `{target}` is left to judge by: name a column with more")
