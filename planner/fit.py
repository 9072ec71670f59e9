"""Time and memory over size: what a job with another number of rows probably needs, and when nobody can say.

The law is t = a + b rows^p: a fixed cost, and a growth whose power is near one. It is fitted to the values of single
processes, as a posterior over a small grid; so a prediction comes with an interval, and the same points always give
the same one.

    power         mostly within 0.1 of 1, or of the growth of the declared work; a part of the prior reaches 0.3 to 3.2
    fixed cost    log-normal around what is usual for the quantity; the growth's size may be any
    process       fresh processes differ (`KNOWN_SPREAD` of harness/statistics.py, pooled with what was measured)
    misfit        no law is exact: caches fill up, allocators round up. Each size departs from it by a share of its own,
                  and beyond the measured sizes the departure grows with the distance

A prediction is for a fresh process, as a job is one. It is refused beyond `BEYOND` times the largest measured size and
below a quarter of the smallest: there the law was never tested. One size alone says nothing about the growth: what
remains is the prior, and the interval is wide.

On eight made-up laws (a fixed cost with powers 0.7, 1, 1.3 and 2, no fixed cost, hardly any growth, n log n, a step
where a cache is full) with 3 or 4 sizes, three processes that differ by 5 or 10 %, and a prediction at 3 to 4 times the
largest size, the 90 % interval holds a fresh process's time in 92 to 100 % of 100 seeds each. Its ends differ by a
factor of 1.6 to 3.3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from residency.harness.statistics import KNOWN_SPREAD, KNOWN_WEIGHT, Interval

BEYOND = 4  # times the largest measured size, and below the smallest: as far as a law is asked
LEVEL = 0.90
NEAR = 0.1  # standard deviation of the power around an expected one: n log n is 1.07 at a million rows
POWERS = np.unique(np.round(np.concatenate([np.linspace(0.3, 3.2, 30), np.linspace(0.8, 1.3, 21)]), 4))
LOGITS = np.linspace(-14.0, 5.0, 30)  # of the fixed cost's share of the value at the largest size
SHARES = 1 / (1 + np.exp(-LOGITS))
MISFITS = np.array([0.01, 0.02, 0.035, 0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.65])
NEGLIGIBLE = 1e-4  # weights below this share of the largest are left out
STEPS = np.array([NormalDist().inv_cdf((step + 0.5) / 21) for step in range(21)])


@dataclass(frozen=True)
class Quantity:
    """What is known beforehand about a quantity; the spreads are standard deviations of logarithms."""

    unit: str
    fixed: float  # the usual fixed cost
    fixed_spread: float
    spread: float  # between fresh processes
    misfit: float  # the usual departure of one size from the law


SECONDS = Quantity("s", fixed=0.01, fixed_spread=2.5, spread=KNOWN_SPREAD / math.sqrt(2), misfit=0.06)
"""A warm execution: its fixed cost is milliseconds. The constant is that of a ratio of two processes."""
FIRST_SECONDS = Quantity("s", fixed=1.0, fixed_spread=1.0, spread=KNOWN_SPREAD / math.sqrt(2), misfit=0.06)
"""The first execution in a fresh process, with its imports and compilation."""
BYTES = Quantity("bytes", fixed=250e6, fixed_spread=1.0, spread=0.03, misfit=0.04)
"""A process's peak of memory, with what its libraries take before any data."""


@dataclass(frozen=True)
class Point:
    """A measured size, and one value of each process there: its median seconds, or its peak of bytes."""

    rows: int
    processes: Sequence[float]
    disturbance: float = 0.0  # what is known of the spread between processes, beyond that of a quiet machine


@dataclass(frozen=True)
class Prediction(Interval):
    """The median of what a fresh process needs, with the interval that holds it with probability `level`."""

    level: float = LEVEL


@dataclass(frozen=True)
class Refused:
    """Nobody can say, and why; with the remedy."""

    reason: str


@dataclass(frozen=True)
class Nodes:
    """Possible laws: arrays with one entry for each."""

    shares: NDArray[np.float64]  # of the fixed cost, in the value at the largest measured size
    powers: NDArray[np.float64]
    misfits: NDArray[np.float64]
    scales: NDArray[np.float64]  # log of the value at the largest measured size
    scale_variances: NDArray[np.float64]
    weights: NDArray[np.float64]

    def growth(self, ratio: float) -> NDArray[np.float64]:
        """The value at a size, given as a multiple of the largest, as a multiple of the value there."""
        return _growth(np.asarray(ratio), self.shares, self.powers)


@dataclass(frozen=True)
class Model:
    """A law as a posterior over possible laws."""

    quantity: Quantity
    points: Sequence[Point]  # by size
    nodes: Nodes
    spread: float  # between processes

    @property
    def rows(self) -> tuple[int, int]:
        """The smallest and the largest measured size."""
        return self.points[0].rows, self.points[-1].rows

    @property
    def power(self) -> Interval:
        """The power of the growth with its 90 % interval; the prior's, if there is one size."""
        return Interval(*_quantiles(self.nodes.powers, self.nodes.weights, LEVEL))

    def predict(self, rows: int, level: float = LEVEL) -> Prediction | Refused:
        """What a fresh process needs for this many rows; refused where the law was never tested."""
        if reason := self._refusal(rows):
            return Refused(reason)
        smallest, largest = self.rows
        beyond = max(0.0, math.log2(rows / largest), math.log2(smallest / rows))
        nodes = self.nodes
        centre = nodes.scales + np.log(nodes.growth(rows / largest))
        variance = nodes.scale_variances + nodes.misfits**2 * (1 + beyond) + self.spread**2
        values = centre[:, None] + np.sqrt(variance)[:, None] * STEPS
        weights = np.repeat(nodes.weights / len(STEPS), len(STEPS))
        value, low, high = np.exp(_quantiles(values.ravel(), weights, level))
        return Prediction(float(value), float(low), float(high), level)

    def _refusal(self, rows: int) -> str:
        smallest, largest = self.rows
        if rows > BEYOND * largest:
            return (
                f"{rows:,} rows are more than {BEYOND} times the largest measured size ({largest:,}): "
                f"measure {math.ceil(rows / BEYOND):,} rows or more"
            )
        if rows * BEYOND < smallest:
            return (
                f"{rows:,} rows are less than a quarter of the smallest measured size ({smallest:,}), "
                f"where the fixed cost decides: measure {rows * BEYOND:,} rows or fewer"
            )
        return ""


def model(points: Sequence[Point], quantity: Quantity = SECONDS, growth: float | None = None) -> Model:
    """The law through these points, of different sizes. `growth` is the power with which the declared work grows.

    Raises `ValueError` if there is no point, a size occurs twice, or a number is not positive and finite.
    """
    known = sorted(points, key=lambda point: point.rows)
    _check(known)
    rows = np.array([point.rows for point in known], np.float64)
    counts = np.array([len(point.processes) for point in known], np.float64)
    logs = [np.log(np.asarray(point.processes, np.float64)) for point in known]
    means = np.array([values.mean() for values in logs])
    spread = _spread(logs, quantity.spread**2 + float(np.mean([point.disturbance**2 for point in known])))
    shares, powers, misfits = (axis.ravel() for axis in np.meshgrid(SHARES, POWERS, MISFITS, indexing="ij"))
    residuals = means - np.log(_growth(rows / rows[-1], shares[:, None], powers[:, None]))
    precisions = 1 / (misfits[:, None] ** 2 + spread**2 / counts)
    total = precisions.sum(axis=1)
    scales = (residuals * precisions).sum(axis=1) / total
    squares = ((residuals - scales[:, None]) ** 2 * precisions).sum(axis=1)
    likelihood = (np.log(precisions).sum(axis=1) - np.log(total) - squares) / 2
    logs_of_weights = likelihood + _prior(quantity, growth) + _prior_of_fixed(scales, shares, quantity)
    weights = np.exp(logs_of_weights - logs_of_weights.max())
    kept = weights > NEGLIGIBLE
    found = (shares, powers, misfits, scales, 1 / total, weights / weights[kept].sum())
    return Model(quantity, known, Nodes(*(values[kept] for values in found)), spread)


def _check(points: Sequence[Point]) -> None:
    if not points:
        raise ValueError("a law needs at least one measured size")
    if len({point.rows for point in points}) < len(points):
        raise ValueError("a size occurs twice")
    for point in points:
        if point.rows < 1 or not point.processes or not all(0 < one < math.inf for one in point.processes):
            raise ValueError(f"the values at {point.rows} rows are not all positive and finite")


def _growth(
    ratio: NDArray[np.float64], shares: NDArray[np.float64], powers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The law as a multiple of its value at the largest size, for sizes as multiples of that size."""
    return np.asarray(shares + (1 - shares) * np.power(ratio, powers))


def _spread(logs: Sequence[NDArray[np.float64]], variance: float) -> float:
    """Between processes: what was measured at all sizes, pooled with what is known beforehand."""
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in logs)
    freedom = sum(len(values) - 1 for values in logs)
    return math.sqrt((KNOWN_WEIGHT * variance + squares) / (KNOWN_WEIGHT + freedom))


def _prior(quantity: Quantity, growth: float | None) -> NDArray[np.float64]:
    """The log of the prior weight of each node of the grid, which is not even: each counts by the width of its cell."""
    near = _normal(POWERS, 1.0, NEAR)
    if growth is not None:
        near = (near + _normal(POWERS, growth, NEAR)) / 2
    power = (0.55 * near + 0.45 * np.exp(-np.abs(POWERS - 1) / 0.5)) * np.gradient(POWERS)
    misfit = np.gradient(MISFITS) / (1 + (MISFITS / quantity.misfit) ** 2)
    return np.tile(np.log(power[:, None] * misfit).ravel(), len(SHARES))


def _prior_of_fixed(
    scales: NDArray[np.float64], shares: NDArray[np.float64], quantity: Quantity
) -> NDArray[np.float64]:
    """The log of the prior weight of each node's fixed cost."""
    return -(((scales + np.log(shares) - math.log(quantity.fixed)) / quantity.fixed_spread) ** 2) / 2


def _normal(values: NDArray[np.float64], centre: float, spread: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(((values - centre) / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi)))


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64], level: float) -> tuple[float, float, float]:
    """The median of values with weights, and the ends of the central interval."""
    order = np.argsort(values, axis=None, kind="stable")
    cumulated = np.cumsum(weights[order]) - weights[order] / 2
    low, middle, high = np.interp([(1 - level) / 2, 0.5, (1 + level) / 2], cumulated, values[order])
    return float(middle), float(low), float(high)
