"""How a stack of models is judged, and how the models that it stands on are judged beside it.

A result has a column for the stack's predictions, and one for each model's: shape (rows to predict, 1 + models).
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


@estimate(name="R²")
def r2_of_stack(data: Table, result: Any) -> Items:
    """R² of the stack, the first column; a vector is a stack alone, as the best possible answer is."""
    assert quality.r2.items is not None
    alone = isinstance(result, np.ndarray) and result.ndim == 1
    return quality.r2.items(data, result if alone else column(data, result, 0))


def r2_of_each(names: Sequence[str]) -> dict[str, Callable[[Table, Any], float]]:
    """R² of each model by its name, in the order of the columns, and how much better the stack is than the best.

    The gain is negative if the stack is worse.
    """

    def of(place: int) -> Callable[[Table, Any], float]:
        return lambda data, result: quality.r2(data, column(data, result, place))

    each = {f"R² of {name}": of(place) for place, name in enumerate(names, 1)}

    def gain(data: Table, result: Any) -> float:
        return of(0)(data, result) - max(alone(data, result) for alone in each.values())

    return {**each, "R² gained over the best": gain}


def column(data: Table, result: Any, place: int) -> NDArray[Any]:
    """A column of a result; raises `WrongResult` if it has none."""
    shape = (len(data.y_test),)
    if not isinstance(result, np.ndarray) or result.ndim != 2 or result.shape[:1] != shape or result.shape[1] <= place:
        raise WrongResult(f"expected {shape[0]} rows, and columns for the stack and for each of its models")
    found: NDArray[Any] = result[:, place]
    return found
