"""Quality metrics: float64, on the host, apart from every implementation.

A metric takes the dataset and what an implementation returned, and gives one number. The metrics of supervised
tasks compare with `data.y_test`; a task whose truth lies elsewhere writes its own: `@metric` where a right result has
one known value, `@estimate` where the number is an estimate from the things that were judged.
Each definition follows the textbook one that scikit-learn's function of the same name computes; a test compares them.

Two right models never reach the same estimate. How far apart they may be by chance alone is told by the things that
were judged, which are the same for both: by leaving out a share of them at a time (the jackknife). Each result keeps
what every share contributes to it, as `Judged.shares`; the difference of two results' shares has the spread of the
difference of their qualities (`judgement.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult

SHARES, FEW_SHARES = 64, 16  # of what is judged that are left out in turn; fewer of very many things, to save time
MANY = 20_000

Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """A quality metric: `metric(data, result)` is a finite float.

    `better` says which direction is better. `relative` metrics have an arbitrary scale, so a task's tolerance
    is a fraction of the reference instead of an absolute difference. An estimate has `items`, which tells what was
    judged one by one: right models differ by chance, the more the fewer things there are.
    """

    name: str
    function: Callable[[Any, Any], float]
    better: Direction = "higher"
    relative: bool = False
    items: Callable[[Any, Any], Items] | None = None

    def __call__(self, data: Any, result: Any) -> float:
        """Judge `result`; raises `WrongResult` where it is not a finite number (NaN never passes)."""
        value = float(self.function(data, result))
        if not np.isfinite(value):
            raise WrongResult(f"{self.name} is {value}")
        return value

    def judged(self, data: Any, result: Any) -> Judged | None:
        """What every share of the judged things contributes to an estimate; None where the metric is none."""
        return None if self.items is None else shares_of(self.items(data, result))

    @property
    def perfect(self) -> float:
        """The best value of an estimate: 1 of those that are better the higher, 0 of errors."""
        return 1.0 if self.better == "higher" else 0.0

    def of(self, name: str) -> str:
        """What the quality of a naive result is called among the figures: `MASE of repeating the last value`."""
        return f"{self.name} of {name}"

    def shortfall(self, value: float, reference: float) -> float:
        """How much worse than `reference` the value is: absolute, or a fraction of it; negative where it is better."""
        worse = reference - value if self.better == "higher" else value - reference
        return worse / abs(reference) if self.relative and reference else worse

    def beyond(self, value: float, floor: float) -> bool:
        """Whether the value is at least as good as the floor."""
        return value >= floor if self.better == "higher" else value <= floor


@dataclass(frozen=True)
class Items:
    """The things that a result is judged by, one by one: rows to predict, texts, series.

    `score` gives the quality of any part of them: it takes `columns`, each with an entry a thing along its first axis.
    `chance` is what a result reaches that knows nothing of them. Of things of different `classes` (codes) every share
    gets its part of each.
    """

    score: Callable[..., float]
    columns: tuple[NDArray[Any], ...]
    chance: float
    unit: str = "rows"
    classes: NDArray[Any] | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self.columns[0])


@dataclass(frozen=True)
class Judged:
    """What a result was judged by, kept with its outcome: enough to compare it with another result for the same."""

    count: int  # things
    unit: str
    fewest: int  # things of the rarest class
    chance: float  # quality without any knowledge
    shares: list[float]  # what each contributes, less their mean; in quality's own unit


def metric(
    *, name: str, better: Direction = "higher", relative: bool = False
) -> Callable[[Callable[[Any, Any], float]], Metric]:
    """Make a metric of a function of the dataset and the result, for results with one right value."""
    return lambda function: Metric(name, function, better, relative)


def estimate(*, name: str, better: Direction = "higher") -> Callable[[Callable[[Any, Any], Items]], Metric]:
    """Make a metric that is an estimate of a function that tells what is judged: its `Items`."""

    def make(items: Callable[[Any, Any], Items]) -> Metric:
        def whole(data: Any, result: Any) -> float:
            judged = items(data, result)
            return judged.score(*judged.columns)

        return Metric(name, whole, better, items=items)

    return make


def shares_of(items: Items) -> Judged:
    """What every share of the things contributes to the quality of all (Quenouille's and Tukey's jackknife).

    A share's contribution is (shares - 1) times what is missing without it. Where the quality is not defined without
    one of the shares, as AUC without its only positive, there are none.
    """
    count = len(items)
    classes = np.zeros(count, np.intp) if items.classes is None else np.unique(items.classes, return_inverse=True)[1]
    fewest = int(np.bincount(classes).min()) if count else 0
    shares = min(SHARES if count <= MANY else FEW_SHARES, count)
    number = np.empty(count, np.intp)
    number[np.argsort(classes, kind="stable")] = np.arange(count) % max(1, shares)
    try:
        without = [items.score(*(column[number != one] for column in items.columns)) for one in range(shares)]
    except WrongResult:
        without = []
    if len(without) < 2 or not np.isfinite(without).all():
        return Judged(count, items.unit, fewest, items.chance, [])
    contributions = (shares - 1) * (np.mean(without) - np.array(without))
    return Judged(count, items.unit, fewest, items.chance, [float(f"{value:.5g}") for value in contributions])


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
    """Area under the ROC curve of a score for class 1, ties counted half (the Mann-Whitney statistic)."""
    positive = np.asarray(data.y_test) > 0

    def area(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
        _, rank, count = np.unique(values, return_inverse=True, return_counts=True)
        midrank = np.cumsum(count) - (count - 1) / 2.0
        hits, misses = int(positive.sum()), int((~positive).sum())
        if not hits or not misses:
            raise WrongResult("the truth holds one class only, AUC is undefined")
        return float((midrank[rank][positive].sum() - hits * (hits + 1) / 2.0) / (hits * misses))

    return Items(area, (positive, vector(score, len(positive))), chance=0.5, classes=positive)


@estimate(name="average precision")
def average_precision(data: Supervised, score: Any) -> Items:
    """Mean of the precision at each true positive, by falling score; tied scores share one threshold."""
    positive = np.asarray(data.y_test) > 0

    def mean(positive: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
        if not positive.any():
            raise WrongResult("the truth holds no positive, average precision is undefined")
        order = np.argsort(-values, kind="stable")
        hits = np.cumsum(positive[order])
        last_of_tie = np.append(np.diff(values[order]) != 0, True)
        hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
        return float((np.diff(np.append(0, hits)) * hits / seen).sum() / positive.sum())

    return Items(mean, (positive, vector(score, len(positive))), chance=float(positive.mean()), classes=positive)
