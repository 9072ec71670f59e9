"""How well a task scales over the workers of a cluster: what `residency scale` says, from the records of its run.

Strong scaling: the same data on more workers, against two baselines, one worker and the fastest single process. Weak
scaling: as much data for each worker. The law fitted is Gunther's Universal Scalability Law: N workers are
N / (1 + contention (N - 1) + coherence N (N - 1)) times as fast as one. It is not asked beyond twice what was measured:
fitted to a few counts with a few per cent of noise it would say anything there. Nor is it asked at all where one count
beside one worker was measured, which tells nothing of coherence, the parameter that grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.analysis.ratios import side_by_side
from residency.analysis.rows import Row, rows, timed_samples
from residency.harness import statistics
from residency.harness.records import Records

DRAWS = 2_000
BEYOND = 2  # times the most workers measured: as far as the law is asked
ERROR = 0.05


@dataclass(frozen=True)
class Ratio:
    """A ratio with its 95 % interval."""

    value: float
    low: float
    high: float
    verdict: str


@dataclass(frozen=True)
class Strong:
    """The same data on so many workers."""

    workers: int
    row: Row
    over_one: Ratio | None  # times as fast as one worker
    over_single: Ratio | None  # times as fast as the fastest single process

    @property
    def efficiency(self) -> float | None:
        """Share of its workers that it makes use of: the ratio to one worker over their number."""
        return self.over_one.value / self.workers if self.over_one else None


@dataclass(frozen=True)
class Weak:
    """So many times the data on so many workers."""

    workers: int
    row: Row
    efficiency: Ratio | None  # one worker's time on its share / this time


@dataclass(frozen=True)
class Law:
    """The fitted law's parameters with 95 % intervals, and what it says at further numbers of workers."""

    contention: Ratio
    coherence: Ratio | None  # None where two counts of workers were measured: they tell one parameter
    predicted: Mapping[int, Ratio]  # times as fast as one worker; none where the coherence is not known


@dataclass(frozen=True)
class Scaling:
    """One implementation's scaling. Counts of workers grow."""

    task: str
    implementation: str  # without its place
    single: Row | None  # the fastest single process
    strong: list[Strong]
    weak: list[Weak]
    law: Law | None


def scaling(records: Records) -> list[Scaling]:
    """What a run says of every implementation that ran on clusters of several sizes."""
    found, timed = rows(records), timed_samples(records)
    largest = max((row.rows or 0 for row in found), default=0)
    strong = [row for row in found if row.runner == "cluster" and row.rows == largest]
    locals_ = [row for row in found if row.runner == "local" and row.rows == largest and row.seconds and row.speedup]
    single = min(locals_, key=lambda row: row.seconds.median if row.seconds else 0.0, default=None)
    choice = single, max(1, len(locals_))
    names = dict.fromkeys((row.implementation.partition("@")[0], row.device) for row in strong)
    return [_scaling(name, device, found, timed, choice) for name, device in names]


Timed = Mapping[tuple[str, str, str, str], Mapping[int, Sequence[float]]]


def _scaling(name: str, device: str, found: Sequence[Row], timed: Timed, choice: tuple[Row | None, int]) -> Scaling:
    """`choice` is the fastest single process, and of how many."""
    single, choices = choice
    mine = [
        row
        for row in found
        if row.runner == "cluster" and row.implementation.partition("@")[0] == name and row.device == device
    ]
    largest = max(row.rows or 0 for row in mine)
    whole = sorted((row for row in mine if row.rows == largest), key=lambda row: row.workers)
    one = next((row for row in whole if row.workers == 1 and row.seconds), None)
    strong = [Strong(row.workers, row, _ratio(timed, one, row), _ratio(timed, single, row, choices)) for row in whole]
    grown = sorted((row for row in mine if row.rows != largest), key=lambda row: row.workers)
    first = next((row for row in grown if row.workers == 1 and row.seconds), None)
    grown += whole[-1:] if grown else []
    weak = [Weak(row.workers, row, _ratio(timed, first, row)) for row in grown]
    return Scaling(mine[0].task, name, single, strong, weak, _law(timed, one, whole))


def _ratio(timed: Timed, base: Row | None, row: Row, choices: int = 1) -> Ratio | None:
    """Base's time over the row's; the base is the fastest of so many `choices`."""
    if base is None or base.seconds is None or row.seconds is None:
        return None
    if base.key == row.key:
        return Ratio(1.0, 1.0, 1.0, "equivalent")
    if (ratio := side_by_side(timed, base, row, choices)) is None:
        return None
    return Ratio(ratio.value, ratio.low, ratio.high, statistics.verdict(ratio))


def _law(timed: Timed, one: Row | None, whole: Sequence[Row]) -> Law | None:
    """The law through the measured speeds; its intervals from as many fits to speeds drawn from theirs.

    All speeds are over the same one worker's time, so half of their mean variance is drawn once for all. On simulated
    runs of five processes the parameters' intervals cover 93 to 98 %, predictions 88 to 94 %: neither parameter may be
    negative, and where one is 0 that cuts half of what might be.
    """
    measured = [(row.workers, _ratio(timed, one, row)) for row in whole if row.workers > 1]
    known = [(count, ratio) for count, ratio in measured if ratio is not None]
    if not known:
        return None
    counts = np.array([count for count, _ in known], np.float64)
    centre = np.log([ratio.value for _, ratio in known])
    spread = np.array([np.log(ratio.high / ratio.low) for _, ratio in known]) / (2 * 1.96)
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
    return Law(_between(fitted[0], fits[:, 0]), coherence, predicted)


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


def _speed(parameters: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    contention, coherence = parameters
    return np.asarray(count / (1 + contention * (count - 1) + coherence * count * (count - 1)))


def _ahead(most: int) -> list[int]:
    return sorted({most + max(1, most // 2), BEYOND * most})


def _between(value: float | NDArray[np.float64], drawn: NDArray[np.float64]) -> Ratio:
    low, high = np.percentile(drawn, (100 * ERROR / 2, 100 * (1 - ERROR / 2)))
    return Ratio(float(value), float(low), float(high), "")


def headline(found: Scaling) -> str:
    """The first line: whether more workers are worth it."""
    measured = [one for one in found.strong if one.over_one is not None and one.workers > 1]
    name = f"{found.task}, {found.implementation}"
    if not measured:
        return f"{name}: nothing to compare: {_why(found)}"
    most = measured[-1]
    ratio = most.over_one
    if ratio is None or most.efficiency is None:
        return name
    times = f"{ratio.value:.2f} × [{ratio.low:.2f}, {ratio.high:.2f}] as fast as one"
    if ratio.verdict == "slower":
        text = f"{name}: {most.workers} workers are SLOWER than one: {times}."
    elif ratio.verdict == "faster":
        text = f"{name}: {most.workers} workers are {times}, an efficiency of {most.efficiency:.0%}."
    else:
        text = f"{name}: {most.workers} workers are not told apart from one: {times}."
    single = most.over_single
    if found.single is not None and single is not None:
        if single.value < 1:
            against = (
                f"{found.single.implementation} in a single process is {1 / single.value:.3g} × as fast as they are"
            )
        else:
            against = (
                f"They are {single.value:.3g} × as fast as the fastest single process, {found.single.implementation}"
            )
        text += f" {against}."
    return text


def _why(found: Scaling) -> str:
    failed = [one.row for one in found.strong if one.row.seconds is None]
    if failed:
        return f"{failed[0].implementation} is {failed[0].outcome}: {failed[0].reason}"
    return "it needs one worker and more"
