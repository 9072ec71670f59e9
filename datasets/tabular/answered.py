"""The linear table with visible answers, for tasks that measure the harness and not a library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.linear import COLUMNS, linear
from residency.datasets.tabular.table import Table
from residency.harness.dataset import decoded, generated


@dataclass(frozen=True)
class Answered(Table):
    """A table whose truth every implementation may read: the right result, at no cost in time."""

    y_test: NDArray[np.float32]
    expected_test: NDArray[np.float64] | None = None


@decoded(4 * COLUMNS + 5.6)
@generated
def answered(rows: int, seed: int, folder: Path) -> Answered:
    """As `linear`, but an implementation may return `expected_test`, the best possible answer, as its result."""
    return Answered(**vars(linear.maker(rows, seed, folder)))
