"""How well a task scales over the workers of a cluster: what `residency scale` says, from the records of its run.

Strong scaling: the same data on more workers, against two baselines, one worker and the fastest single process. Weak
scaling: as much data for each worker. The law fitted is Gunther's Universal Scalability Law: N workers are
N / (1 + contention (N - 1) + coherence N (N - 1)) times as fast as one. It is not used beyond twice the measured number
of workers, because a fit to a few noisy counts can say anything there. It is not used at all if only one count besides
one worker was measured, because that says nothing about coherence, the parameter that grows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.analysis.ratios import Timed, ratio
from residency.analysis.row import Ratio, Row
from residency.analysis.rows import timed_samples
from residency.harness.records import Records
from residency.harness.statistics import Interval

DRAWS = 2_000
BEYOND = 2  # times the most workers measured: as far as the law is asked
ERROR = 0.05
SHARE_ERROR = 0.1  # of a share's rows: some datasets cannot have every number of rows
CURVE_STEP = 2**0.125  # from one number of workers on the fitted law's curve to the next


@dataclass(frozen=True)
class Strong:
    """The same data on a number of workers."""

    workers: int
    row: Row
    over_one: Ratio | None  # times as fast as one worker
    over_single: Ratio | None  # times as fast as the fastest single process

    @property
    def efficiency(self) -> float | None:
        """The share of its workers that it uses: the ratio to one worker, divided by their number."""
        return self.efficiency_interval.value if self.efficiency_interval else None

    @property
    def efficiency_interval(self) -> Interval | None:
        """The same with its interval."""
        speed = self.over_one
        if speed is None:
            return None
        return Interval(speed.value / self.workers, speed.low / self.workers, speed.high / self.workers)


@dataclass(frozen=True)
class Weak:
    """Data in proportion to the number of workers."""

    workers: int
    row: Row
    efficiency: Ratio | None  # one worker's time on its share / this time


@dataclass(frozen=True)
class CurvePoint:
    """The fitted law at a number of workers, which need not be whole: how many times as fast as one."""

    workers: float
    speed: Interval


@dataclass(frozen=True)
class Law:
    """The fitted law's parameters with 95 % intervals, and its predictions for more workers."""

    contention: Interval
    coherence: Interval | None  # None where two counts of workers were measured: they tell one parameter
    predicted: Mapping[int, Interval]  # times as fast as one worker; none where the coherence is not known
    curve: Sequence[CurvePoint] = ()  # as far as it is asked: where the coherence is not known, as far as measured


@dataclass(frozen=True)
class Scaling:
    """One implementation's scaling. Counts of workers grow."""

    task: str
    implementation: str  # without its place
    single: Row | None  # the fastest single process
    strong: list[Strong]
    weak: list[Weak]
    law: Law | None


def scalings(records: Records, found: Sequence[Row]) -> list[Scaling]:
    """The scaling of every task and dataset of a run that was to run on several numbers of workers."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        groups.setdefault((row.cell.task, row.cell.dataset), []).append(row)
    several = [group for group in groups.values() if len(_counts(group)) > 1]
    timed = timed_samples(records) if several else {}
    return [scaled for group in several for scaled in _of_task(timed, group)]


def _counts(group: Sequence[Row]) -> set[int]:
    return {row.cell.workers for row in group if row.cell.runner == "cluster"}


def scaling(records: Records, found: Sequence[Row]) -> list[Scaling]:
    """The scaling of every implementation that ran on clusters, from the rows of one task on one dataset."""
    return _of_task(timed_samples(records), found)


def _of_task(timed: Timed, found: Sequence[Row]) -> list[Scaling]:
    largest = max((row.cell.rows or 0 for row in found), default=0)
    whole = [row for row in found if row.cell.rows == largest]
    strong = [row for row in whole if row.cell.runner == "cluster"]
    alone = [row for row in whole if row.cell.runner == "local" and row.measured and row.compared.speedup]
    single = min(alone, key=lambda row: row.median, default=None)
    choice = single, max(1, len(alone))
    names = dict.fromkeys((_name(row), row.cell.device) for row in strong)
    return [_scaling(name, device, found, timed, choice) for name, device in names]


def _scaling(name: str, device: str, found: Sequence[Row], timed: Timed, choice: tuple[Row | None, int]) -> Scaling:
    """`choice` is the fastest single process, and of how many."""
    single, choices = choice
    mine = [row for row in found if (row.cell.runner, _name(row), row.cell.device) == ("cluster", name, device)]
    largest = max(row.cell.rows or 0 for row in mine)
    whole = sorted((row for row in mine if row.cell.rows == largest), key=_workers)
    one = next((row for row in whole if row.cell.workers == 1 and row.measured), None)
    strong = [
        Strong(row.cell.workers, row, ratio(timed, one, row), ratio(timed, single, row, choices)) for row in whole
    ]
    grown = sorted((row for row in mine if _is_share(row, largest, whole[-1].cell.workers)), key=_workers)
    first = next((row for row in grown if row.cell.workers == 1 and row.measured), None)
    grown += whole[-1:] if grown else []
    weak = [Weak(row.cell.workers, row, ratio(timed, first, row)) for row in grown]
    return Scaling(mine[0].cell.task, name, single, strong, weak, _law(timed, one, whole))


def _name(row: Row) -> str:
    """An implementation without its place."""
    return row.cell.implementation.partition("@")[0]


def _is_share(row: Row, largest: int, most: int) -> bool:
    """Whether it has fewer rows than the most workers have, by as much as it has fewer workers.

    A run may also hold every number of workers at several sizes. What was not measured may have no number of rows.
    """
    count = row.cell.rows
    if count is None:
        return True
    expected = largest * row.cell.workers / most
    return count != largest and abs(count - expected) <= max(1.0, SHARE_ERROR * expected)


def _workers(row: Row) -> int:
    return row.cell.workers


def _law(timed: Timed, one: Row | None, whole: Sequence[Row]) -> Law | None:
    """The law through the measured speeds; its intervals come from fits to speeds drawn from their intervals.

    All speeds are over the same one worker's time, so half of their mean variance is drawn once for all. On simulated
    runs of five processes the parameters' intervals cover 93 to 98 %, predictions 88 to 94 %: neither parameter may be
    negative, and at 0 that cuts off half of the possible values.
    """
    measured = [(row.cell.workers, ratio(timed, one, row)) for row in whole if row.cell.workers > 1]
    known = [(count, speed) for count, speed in measured if speed is not None]
    if not known:
        return None
    counts = np.array([count for count, _ in known], np.float64)
    centre = np.log([speed.value for _, speed in known])
    spread = np.array([np.log(speed.high / speed.low) for _, speed in known]) / (2 * 1.96)
    generator, common = np.random.default_rng(0), np.sqrt(np.mean(spread**2) / 2)
    own = np.sqrt(np.maximum(spread**2 - common**2, spread**2 / 4))
    drawn = centre + generator.normal(0, own, size=(DRAWS, len(known)))
    drawn += generator.normal(0, common, size=(DRAWS, 1))
    fitted = _fit(counts, np.exp(centre), spread)
    fits = np.array([_fit(counts, np.exp(one_draw), spread) for one_draw in drawn])
    most = int(counts.max())
    ahead = [count for count in _ahead(most) if count not in set(counts)] if len(known) > 1 else []
    predicted = {count: _between(_speed(fitted, count), _speed(fits.T, count)) for count in ahead}
    coherence = _between(fitted[1], fits[:, 1]) if len(known) > 1 else None
    curve = [
        CurvePoint(count, _between(_speed(fitted, count), _speed(fits.T, count)))
        for count in _along(most * (BEYOND if len(known) > 1 else 1))
    ]
    return Law(_between(fitted[0], fits[:, 0]), coherence, predicted, curve)


def _fit(counts: NDArray[np.float64], speeds: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contention and coherence, neither negative, by least squares: N / speed - 1 is linear in both."""
    from scipy.optimize import nnls

    slowdown = counts / speeds
    weight = 1 / np.maximum(slowdown * spread, 1e-6)
    terms = np.stack([counts - 1, counts * (counts - 1)], axis=1)
    if len(counts) == 1:
        terms[:, 1] = 0.0
    found, _ = nnls(terms * weight[:, None], (slowdown - 1) * weight)
    return np.asarray(found)


def _speed(parameters: NDArray[np.float64], count: float) -> NDArray[np.float64]:
    contention, coherence = parameters
    return np.asarray(count / (1 + contention * (count - 1) + coherence * count * (count - 1)))


def _ahead(most: int) -> list[int]:
    return sorted({most + max(1, most // 2), BEYOND * most})


def _along(most: int) -> list[float]:
    """Numbers of workers from one to the most, in equal ratios."""
    steps = math.ceil(math.log(most) / math.log(CURVE_STEP))
    return [float(count) for count in np.geomspace(1, most, steps + 1)]


def _between(value: float | NDArray[np.float64], drawn: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(drawn, (100 * ERROR / 2, 100 * (1 - ERROR / 2)))
    return Interval(float(value), float(low), float(high))
