"""Quality metrics: float64, on the host, apart from every implementation.

A metric takes the dataset and what an implementation returned, and gives one number. The metrics of supervised
tasks compare with `data.y_test`; a task whose truth lies elsewhere writes its own with `@metric`.
Each definition follows the textbook one that scikit-learn's function of the same name computes; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """A quality metric: `metric(data, result)` is a finite float.

    `better` says which direction is better. `relative` metrics have an arbitrary scale, so a task's tolerance
    is a fraction of the reference instead of an absolute difference. `sampled` metrics are estimates from the rows at
    hand: right models differ by chance, the more the fewer rows there are.
    """

    name: str
    function: Callable[[Any, Any], float]
    better: Direction = "higher"
    relative: bool = False
    sampled: bool = False

    def __call__(self, data: Any, result: Any) -> float:
        """Judge `result`; raises `WrongResult` where it is not a finite number (NaN never passes)."""
        value = float(self.function(data, result))
        if not np.isfinite(value):
            raise WrongResult(f"{self.name} is {value}")
        return value

    def shortfall(self, value: float, reference: float) -> float:
        """How much worse than `reference` the value is: absolute, or a fraction of it; negative where it is better."""
        worse = reference - value if self.better == "higher" else value - reference
        return worse / abs(reference) if self.relative and reference else worse

    def beyond(self, value: float, floor: float) -> bool:
        """Whether the value is at least as good as the floor."""
        return value >= floor if self.better == "higher" else value <= floor


def metric(
    *, name: str, better: Direction = "higher", relative: bool = False, sampled: bool = False
) -> Callable[[Callable[[Any, Any], float]], Metric]:
    """Make a metric of a function of the dataset and the result."""

    def make(function: Callable[[Any, Any], float]) -> Metric:
        return Metric(name, function, better, relative, sampled)

    return make


class Supervised(Protocol):
    """What the supervised metrics read of a dataset."""

    @property
    def y_test(self) -> NDArray[Any]:
        """The truth for the rows to predict, shape (rows,)."""


def vector(result: Any, rows: int) -> NDArray[np.float64]:
    """The result as a float64 vector of `rows` values; raises `WrongResult` on any other shape."""
    if not isinstance(result, np.ndarray):
        raise WrongResult(f"the result is a {type(result).__name__}, expected one array of shape ({rows},)")
    values = np.asarray(result)
    if values.dtype.kind not in "biuf":
        raise WrongResult(f"the result holds {values.dtype}, expected real numbers")
    if values.shape not in {(rows,), (rows, 1)}:
        raise WrongResult(f"the result has shape {values.shape}, expected ({rows},)")
    return values.reshape(-1).astype(np.float64)


@metric(name="R²", sampled=True)
def r2(data: Supervised, predicted: Any) -> float:
    """Coefficient of determination: 1 is exact, 0 is as good as the mean."""
    truth = np.asarray(data.y_test, dtype=np.float64)
    residual = truth - vector(predicted, len(truth))
    spread = truth - truth.mean()
    return float(1.0 - (residual @ residual) / (spread @ spread))


@metric(name="AUC", sampled=True)
def auc(data: Supervised, score: Any) -> float:
    """Area under the ROC curve of a score for class 1, ties counted half (the Mann-Whitney statistic)."""
    positive = np.asarray(data.y_test) > 0
    values = vector(score, len(positive))
    _, rank, count = np.unique(values, return_inverse=True, return_counts=True)
    midrank = np.cumsum(count) - (count - 1) / 2.0
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        raise WrongResult("the truth holds one class only, AUC is undefined")
    return float((midrank[rank][positive].sum() - hits * (hits + 1) / 2.0) / (hits * misses))


@metric(name="average precision", sampled=True)
def average_precision(data: Supervised, score: Any) -> float:
    """Mean of the precision at each true positive, by falling score; tied scores share one threshold."""
    positive = np.asarray(data.y_test) > 0
    values = vector(score, len(positive))
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(positive[order])
    last_of_tie = np.append(np.diff(values[order]) != 0, True)
    hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    return float((np.diff(np.append(0, hits)) * hits / seen).sum() / positive.sum())
