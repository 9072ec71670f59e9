"""Your own table with a class to predict, of two or more, prepared as `own.py` says of `own_groups`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from residency.datasets.tabular.own import own_groups
from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import own_table
from residency.harness.errors import UsageError


@own_table
def own_classes(path: Path | None, target: str | None, seed: int) -> Table:
    """Your file: a column with a few values is the class to predict from the others.

    Rows without a class are left out. Missing numbers are filled with the median, categories become columns of 0 and 1,
    all columns are standardised. The remarks say what became of every column, and how many classes no row to learn from
    has: they cannot be found. What accuracy to expect depends on your data.
    """
    groups = own_groups.maker(path, target, seed)
    table = split(groups.x, groups.labels, groups.names, seed, binary=True)  # the codes stay as they are
    learned, asked = np.unique(table.y), np.unique(table.y_test)
    if len(learned) < 2:
        raise UsageError(f"column `{target}` hardly varies: all rows to learn from have the same class")
    remarks = list(groups.remarks)
    if unknown := np.setdiff1d(asked, learned).size:
        classes = np.union1d(learned, asked).size
        remarks.append(f"`{target}`: {unknown} of {classes} classes are in no row to learn from")
    return replace(table, remarks=tuple(remarks))
