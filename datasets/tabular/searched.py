"""How a search over models is judged: by its last choice, and beside it by what it would have chosen earlier.

A result has a column of scores for class 1 for each choice, the last one last: shape (rows to predict, choices).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.tabular.table import Table
from residency.harness import quality
from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate


@estimate(name="AUC")
def auc_of_last(data: Table, result: Any) -> Items:
    """AUC of the last choice; a vector is a last choice alone, as the best possible answer is."""
    assert quality.auc.items is not None
    alone = isinstance(result, np.ndarray) and result.ndim == 1
    return quality.auc.items(data, result if alone else column(data, result, -1))


def auc_after(rounds: Sequence[int]) -> dict[str, Callable[[Table, Any], float]]:
    """AUC of the choices before the last one, by the number of rounds that the search had spent then."""

    def of(place: int) -> Callable[[Table, Any], float]:
        return lambda data, result: quality.auc(data, column(data, result, place))

    return {f"AUC after {spent} rounds": of(place) for place, spent in enumerate(rounds)}


def column(data: Table, result: Any, place: int) -> NDArray[Any]:
    """A column of a result; raises `WrongResult` if it has none."""
    rows = len(data.y_test)
    wanted = isinstance(result, np.ndarray) and result.ndim == 2 and len(result) == rows
    if not wanted or result.shape[1] <= max(place, 0):
        raise WrongResult(f"expected {rows} rows, and a column for each choice of the search")
    found: NDArray[Any] = result[:, place]
    return found
