"""Tables with a class to predict in which rows belong to one of two groups, and how well each group is predicted.

The last column of `x` says which group: it is positive in the rows of the smaller group. Models may use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import Table, split
from residency.harness.errors import UsageError
from residency.harness.quality import auc

ATTEMPTS = 20  # seeds to try for the split, until the test rows of both groups hold both classes


def split_groups(
    x: NDArray[np.floating],
    y: NDArray[Any],
    smaller: NDArray[np.bool_],
    *,
    names: Sequence[str],
    seed: int,
    remarks: Sequence[str] = (),
) -> Table:
    """A `Table` of shuffled rows, prepared as by `split`. `smaller`, shape (rows,), becomes its last column.

    Raises `UsageError` if a group has too few rows with either class to be judged by.
    """
    whole = np.column_stack([x, smaller])
    for attempt in range(seed, seed + ATTEMPTS):
        table = split(whole, y, names, attempt, binary=True, remarks=remarks)
        of_smaller = smaller_group(table)
        parts = (table.y, table.y_test[of_smaller], table.y_test[~of_smaller])
        if all(len(part) and part.min() < part.max() for part in parts):
            return table
    raise UsageError(
        f"`{names[-1]}`: the smaller group has {int(smaller.sum())} of {len(y)} rows: too few of one class in one of "
        "the groups to judge it by; each needs rows of both classes"
    )


def smaller_group(data: Table) -> NDArray[np.bool_]:
    """Which rows to predict belong to the smaller group, shape (rows,)."""
    belongs: NDArray[np.bool_] = np.asarray(data.x_test[:, -1]) > 0
    return belongs


def auc_of_larger(data: Table, score: Any) -> float:
    """AUC among the rows to predict of the larger group."""
    return _auc_of(data, score, ~smaller_group(data))


def auc_of_smaller(data: Table, score: Any) -> float:
    """AUC among the rows to predict of the smaller group."""
    return _auc_of(data, score, smaller_group(data))


def gap(data: Table, score: Any) -> float:
    """AUC of the larger group minus AUC of the smaller one."""
    return auc_of_larger(data, score) - auc_of_smaller(data, score)


def _auc_of(data: Table, score: Any, rows: NDArray[np.bool_]) -> float:
    return auc(replace(data, y_test=np.asarray(data.y_test)[rows]), np.asarray(score)[rows])
