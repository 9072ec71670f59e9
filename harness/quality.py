"""Quality metrics, computed in float64 on the host. They share no code with any implementation.

A metric takes the dataset and an implementation's result, and returns one number. The metrics of supervised tasks
compare the result with `data.y_test`. Other tasks define their own metric: with `@metric` if a right result has one
known value, with `@estimate` if the number is an estimate from the items that were judged.
Each definition is the textbook one that scikit-learn's function of the same name computes; a test compares them.

Two right models never reach exactly the same estimate. The jackknife estimates how far apart chance alone can put
them: it leaves out one share of the items at a time. The items are the same for both models. Each result keeps what
every share contributes to it, as `Judged.shares`. The differences between two results' shares give the standard error
of the difference between their qualities (`judgement.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult

SHARES, FEW_SHARES = 64, 16  # shares of the items, left out in turn; few shares if there are many items, to save time
MANY = 20_000  # items

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """A quality metric: `metric(data, result)` is a finite float.

    `better` is the better direction. A `relative` metric has an arbitrary scale, so a task's tolerance is a fraction
    of the reference instead of an absolute difference. An estimate has `items`, which returns the items that were
    judged: right models differ by chance, and they differ more if there are fewer items.
    """

    name: str
    function: Callable[[Any, Any], float]
    better: Direction = "higher"
    relative: bool = False
    items: Callable[[Any, Any], Items] | None = None

    def __call__(self, data: Any, result: Any) -> float:
        """Judge `result`; raises `WrongResult` if its quality is not a finite number (NaN never passes)."""
        value = float(self.function(data, result))
        if not np.isfinite(value):
            raise WrongResult(f"{self.name} is {value}")
        return value

    def judged(self, data: Any, result: Any) -> Judged | None:
        """What every share of the items contributes to an estimate; None if the metric is not an estimate."""
        return None if self.items is None else shares_of(self.items(data, result))

    @property
    def perfect(self) -> float:
        """The best value of an estimate: 1 if higher is better, 0 for errors."""
        return 1.0 if self.better == "higher" else 0.0

    def of(self, name: str) -> str:
        """The name of a naive result's quality among the figures: `MASE of repeating the last value`."""
        return f"{self.name} of {name}"

    def shortfall(self, value: float, reference: float) -> float:
        """How much worse the value is than `reference`: absolute, or a fraction of it. Negative if it is better."""
        worse = reference - value if self.better == "higher" else value - reference
        return worse / abs(reference) if self.relative and reference else worse

    def beyond(self, value: float, floor: float) -> bool:
        """Whether the value is at least as good as the floor."""
        return value >= floor if self.better == "higher" else value <= floor


@dataclass(frozen=True)
class Items:
    """The items that a result is judged by: rows to predict, texts, series.

    `score` computes the quality of any subset of them. It takes `columns`, which have one entry for each item along
    the first axis. `chance` is the quality of a result that was made without any knowledge of the items. `classes` are
    codes, one for each item: every share holds an equal part of each class.
    """

    score: Callable[..., float]
    columns: tuple[NDArray[Any], ...]
    chance: float
    unit: str = "rows"
    classes: NDArray[Any] | None = None

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.columns[0])


@dataclass(frozen=True)
class Judged:
    """How a result was judged, kept with its outcome: enough to compare it with another result for the same items."""

    count: int  # items
    unit: str
    fewest: int  # items of the rarest class
    chance: float  # quality without any knowledge
    shares: list[float]  # contribution of each share, minus their mean; in the quality's own unit


def metric(
    *, name: str, better: Direction = "higher", relative: bool = False
) -> Callable[[Callable[[Any, Any], float]], Metric]:
    """Turn a function of the dataset and the result into a metric, for results with one right value."""
    return lambda function: Metric(name, function, better, relative)


def estimate(*, name: str, better: Direction = "higher") -> Callable[[Callable[[Any, Any], Items]], Metric]:
    """Turn a function that returns the judged `Items` into a metric that is an estimate."""

    def make(items: Callable[[Any, Any], Items]) -> Metric:
        def whole(data: Any, result: Any) -> float:
            judged = items(data, result)
            return judged.score(*judged.columns)

        return Metric(name, whole, better, items=items)

    return make


def shares_of(items: Items) -> Judged:
    """What every share of the items contributes to the quality of all (Quenouille's and Tukey's jackknife).

    A share's contribution is (shares - 1) times the quality that is missing without it. If the quality is undefined
    without one of the shares, as AUC is without its only positive, the list of contributions is empty.
    """
    count = len(items)
    classes = np.zeros(count, np.intp) if items.classes is None else np.unique(items.classes, return_inverse=True)[1]
    fewest = int(np.bincount(classes).min()) if count else 0
    shares = min(SHARES if count <= MANY else FEW_SHARES, count)
    number = np.empty(count, np.intp)
    number[np.argsort(classes, kind="stable")] = np.arange(count) % max(1, shares)
    try:
        without = [items.score(*(column[number != left_out] for column in items.columns)) for left_out in range(shares)]
    except WrongResult:
        without = []
    if len(without) < 2 or not np.isfinite(without).all():
        return Judged(count, items.unit, fewest, items.chance, [])
    contributions = (shares - 1) * (np.mean(without) - np.array(without))
    return Judged(count, items.unit, fewest, items.chance, [float(f"{value:.5g}") for value in contributions])


class Supervised(Protocol):
    """What the supervised metrics read from a dataset."""

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


def numbers(result: Any, rows: int) -> NDArray[np.float64]:
    """The same for metrics that rank or compare, which would take NaN for a value: it raises `WrongResult`, too."""
    values = vector(result, rows)
    if missing := int(np.isnan(values).sum()):
        raise WrongResult(f"{missing} of {rows} values are NaN")
    return values


def array(result: Any, shape: tuple[int, ...], kinds: str) -> NDArray[Any]:
    """The result if it is one array of this shape with whole numbers ("iu") or real ones ("f"), else `WrongResult`."""
    wanted = f"expected {'real' if kinds == 'f' else 'whole'} numbers {shape}"
    if not isinstance(result, np.ndarray):
        raise WrongResult(f"the result is a {type(result).__name__}, {wanted}")
    if result.shape != shape or result.dtype.kind not in kinds:
        raise WrongResult(f"the result is {result.dtype} {result.shape}, {wanted}")
    return result


@estimate(name="R²")
def r2(data: Supervised, predicted: Any) -> Items:
    """Coefficient of determination: 1 is exact, 0 is as good as the mean."""
    truth = np.asarray(data.y_test, dtype=np.float64)

    def score(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
        residual, spread = truth - predicted, truth - truth.mean()
        total = float(spread @ spread)
        if total == 0:
            raise WrongResult("the truth is the same in all rows, R² is undefined")
        return float(1.0 - (residual @ residual) / total)

    return Items(score, (truth, vector(predicted, len(truth))), chance=0.0)


@estimate(name="AUC")
def auc(data: Supervised, score: Any) -> Items:
    """Area under the ROC curve of a score for class 1; ties count half (the Mann-Whitney statistic)."""
    positive = np.asarray(data.y_test) > 0

    def area(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
        _, rank, count = np.unique(values, return_inverse=True, return_counts=True)
        midrank = np.cumsum(count) - (count - 1) / 2.0
        hits, misses = int(positive.sum()), int((~positive).sum())
        if not hits or not misses:
            raise WrongResult("the truth holds one class only, AUC is undefined")
        return float((midrank[rank][positive].sum() - hits * (hits + 1) / 2.0) / (hits * misses))

    return Items(area, (positive, numbers(score, len(positive))), chance=0.5, classes=positive)


@estimate(name="average precision")
def average_precision(data: Supervised, score: Any) -> Items:
    """Mean of the precision at each true positive, in order of falling score; tied scores share one threshold."""
    positive = np.asarray(data.y_test) > 0

    def mean(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
        if not positive.any():
            raise WrongResult("the truth holds no positive, average precision is undefined")
        order = np.argsort(-values, kind="stable")
        hits = np.cumsum(positive[order])
        last_of_tie = np.append(np.diff(values[order]) != 0, True)
        hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
        return float((np.diff(np.append(0, hits)) * hits / seen).sum() / positive.sum())

    return Items(mean, (positive, numbers(score, len(positive))), chance=float(positive.mean()), classes=positive)
