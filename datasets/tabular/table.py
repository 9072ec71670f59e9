"""The schema of supervised tables, and the split that all of them share.

Columns are float32. Numbers are standardised by the training rows' mean and deviation: linear models need this, and
trees do not notice it. Categories are codes 0, 1, 2, ... The training rows' mean is subtracted from a regression's
target, so that models need no intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.harness.truth import Asked, BestAnswer, Truth

TEST_SHARE = 0.2
CONSTANT = 1e-12  # of the mean: a deviation up to this is rounding in a column that is constant in the training rows


@dataclass(frozen=True)
class Table:
    """A table with a target, split into training rows and rows to predict."""

    x: NDArray[np.float32]  # (rows, columns); NaN is a missing value
    y: NDArray[np.float32]  # (rows,); 0 or 1 for a binary target
    x_test: Asked[NDArray[np.float32]]
    y_test: Truth[NDArray[np.float32]]
    names: tuple[str, ...]
    categorical: tuple[int, ...] = ()  # the columns that hold codes
    expected_test: BestAnswer[NDArray[np.float64] | None] = None  # the known truth behind `y_test`, without its noise
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Rows in all."""
        return len(self.x) + len(self.x_test)


def split(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    names: Sequence[str],
    seed: int,
    *,
    binary: bool = False,
    categorical: Sequence[int] = (),
    expected: NDArray[np.float64] | None = None,
    remarks: Sequence[str] = (),
) -> Table:
    """A `Table` of shuffled rows, prepared as this module says; a fifth of the rows are to be predicted."""
    order = np.random.default_rng(seed).permutation(len(x))
    test, train = np.split(order, [round(TEST_SHARE * len(order))])
    numbers = [column for column in range(x.shape[1]) if column not in set(categorical)]
    prepared = np.array(x, dtype=np.float64)
    mean = np.nanmean(prepared[train][:, numbers], axis=0)
    deviation = np.nanstd(prepared[train][:, numbers], axis=0)
    prepared[:, numbers] = (prepared[:, numbers] - mean) / np.where(deviation > CONSTANT * np.abs(mean), deviation, 1.0)
    offset = 0.0 if binary else float(y[train].mean(dtype=np.float64))
    target = (np.asarray(y, dtype=np.float64) - offset).astype(np.float32)
    cells = prepared.astype(np.float32)
    return Table(
        x=cells[train],
        y=target[train],
        x_test=cells[test],
        y_test=target[test],
        names=tuple(names),
        categorical=tuple(categorical),
        expected_test=None if expected is None else expected[test] - offset,
        remarks=tuple(remarks),
    )
