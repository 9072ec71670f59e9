"""The size from which one side of a task overtakes another: the search for it, and what its result means.

A side is one implementation or several (all on a GPU, all on a cluster); at each size its fastest counts. The ratio of
the sides' times is measured at some sizes, with its interval, and interpolated between them by straight lines on
logarithmic scales. The estimate is the size at which the ratio passes 1; the interval lies between the sizes at which
the interval's bounds pass 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from residency.analysis.doubt import in_doubt
from residency.analysis.ratios import Timed, ratio
from residency.analysis.resident import is_lower_bound, resident_views
from residency.analysis.row import Ratio, Row
from residency.analysis.rows import computing_samples, timed_samples
from residency.harness.records import Records
from residency.harness.statistics import Interval

Answer = Literal["crosses", "always", "never", "inconclusive", "not monotone"]
SIDES = "crossover"  # the setting of a run that names both sides and the sizes between which it searched
Bound = Literal["value", "low", "high"]


@dataclass(frozen=True)
class Point:
    """A measured size: how many times as fast the challenger is there."""

    rows: int
    challenger: str
    champion: str
    ratio: Ratio
    at_least: bool = False  # whether the ratio is only a lower bound; then its verdict is not `slower`


@dataclass(frozen=True)
class Crossover:
    """What was found."""

    answer: Answer
    at: Interval | None  # the size, in rows, where it crosses
    points: list[Point]  # by size
    resident: Crossover | None = None  # with the data resident, from the same sizes; None if it is known at none
    untold: list[str] = field(default_factory=list)  # of which nobody can tell whether they ran on the GPU
    left_out: list[str] = field(default_factory=list)  # clusters that have a time and are on no side

    @property
    def low_is_open(self) -> bool:
        """Whether the interval begins at the smallest size measured: then the true size may be smaller still."""
        return self.at is not None and self.at.low == self.points[0].rows

    @property
    def value_is_open(self) -> bool:
        """The same of the estimate: already at the smallest size, the ratio is 1 or more."""
        return self.at is not None and self.at.value == self.points[0].rows


@dataclass(frozen=True)
class TaskCrossover:
    """What a run tells about one task on one dataset, and which sides were compared."""

    task: str
    dataset: str
    unit: str  # what its numbers of rows count
    challenger: Sequence[str]
    champion: Sequence[str]
    found: Crossover


def crossovers(records: Records, rows: Sequence[Row]) -> list[TaskCrossover]:
    """The answers for every task and dataset of a run that was measured at several sizes.

    The sides are those that `residency crossover` recorded, else all implementations on a GPU against all on the CPU.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.cell.task, row.cell.dataset), []).append(row)
    recorded = SIDES in records.info.settings
    sides = {key: sides_of(records, group) for key, group in groups.items()}
    known = [
        (*key, group, *sides[key])
        for key, group in groups.items()
        if recorded or all(_several_sizes(group, side) for side in sides[key])
    ]
    if not known:
        return []
    timed, computing = timed_samples(records), computing_samples(records)
    answers = [
        TaskCrossover(
            *(task, dataset, group[0].facts.unit, challenger, champion),
            _both(timed, computing, group, challenger, champion),
        )
        for task, dataset, group, challenger, champion in known
    ]
    return [answer for answer in answers if recorded or len(answer.found.points) > 1 or answer.found.untold]


def sides_of(records: Records, group: Sequence[Row]) -> tuple[list[str], list[str]]:
    """The challenger and the champion of a task: those on record, else the GPU and the CPU without clusters."""
    recorded = records.info.settings.get(SIDES)
    if recorded is not None:
        return list(recorded["challenger"]), list(recorded["champion"])
    task = records.info.tasks.get(group[0].cell.task)
    beside = task.beside if task else ()
    local = [row.cell for row in group if row.cell.runner == "local" and row.cell.implementation not in beside]
    gpu, cpu = (
        dict.fromkeys(cell.implementation for cell in local if cell.device == device) for device in ("gpu", "cpu")
    )
    return list(gpu), list(cpu)


def _several_sizes(group: Sequence[Row], side: Sequence[str]) -> bool:
    """Whether a side has times at two sizes or more."""
    return len({row.cell.rows for row in _side(group, side) if row.measured is not None}) > 1


def both(records: Records, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]) -> Crossover:
    """The answer end to end, and with the data resident as far as the same sizes tell it."""
    return _both(timed_samples(records), computing_samples(records), rows, challenger, champion)


def _both(
    timed: Timed, computing: Timed, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]
) -> Crossover:
    known = crossover(points_of(timed, _told(rows), challenger, champion))
    there = _resident_points(computing, rows, challenger, champion)
    untold = [row.cell.implementation for row in _sides(rows, challenger, champion) if in_doubt(row)]
    sides = {*challenger, *champion}
    clusters = [row.cell for row in rows if row.cell.runner == "cluster" and row.measured is not None]
    return replace(
        known,
        resident=crossover(there) if there else None,
        untold=list(dict.fromkeys(untold)),
        left_out=list(dict.fromkeys(cell.implementation for cell in clusters if cell.implementation not in sides)),
    )


def points(records: Records, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]) -> list[Point]:
    """The ratio at every size that holds a correct time of both sides, by size.

    The fastest of each side is chosen, so all pairs that might have been compared share the error. What may have run
    on the CPU instead of the GPU is left out.
    """
    return points_of(timed_samples(records), _told(rows), challenger, champion)


def _told(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if not in_doubt(row)]


def resident_points(
    records: Records, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]
) -> list[Point]:
    """The same with the data resident, at the sizes at which no implementation hides how long it computes.

    If the champion copies while it computes, the ratio bounds nothing from below, so that size is left out.
    """
    return _resident_points(computing_samples(records), rows, challenger, champion)


def _resident_points(
    computing: Timed, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]
) -> list[Point]:
    told = [row for row in _told(_sides(rows, challenger, champion)) if row.measured is not None]
    hidden = {row.cell.rows for row in told if row.measured is not None and row.measured.resident is None}
    views = resident_views([row for row in told if row.cell.rows not in hidden])
    bounds = {(row.cell.rows, row.cell.implementation) for row in views if is_lower_bound(row)}
    found = points_of(computing, views, challenger, champion)
    told_of = [point for point in found if (point.rows, point.champion) not in bounds]
    return [_bound(point) if (point.rows, point.challenger) in bounds else point for point in told_of]


def _bound(point: Point) -> Point:
    """The point if its ratio is only a lower bound: without the copy, the challenger may be faster."""
    if point.ratio.verdict == "faster":
        return replace(point, at_least=True)
    return replace(point, ratio=replace(point.ratio, verdict="inconclusive"), at_least=True)


def _sides(rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]) -> list[Row]:
    return [row for row in rows if row.cell.implementation in {*challenger, *champion}]


def points_of(timed: Timed, rows: Sequence[Row], challenger: Sequence[str], champion: Sequence[str]) -> list[Point]:
    """The same from times that are read already, of these rows."""
    sizes: dict[int, list[Row]] = {}
    for row in rows:
        if row.measured is not None and row.cell.rows is not None:
            sizes.setdefault(row.cell.rows, []).append(row)
    found = []
    for count, here in sorted(sizes.items()):
        new, old = _fastest(here, challenger), _fastest(here, champion)
        if new is None or old is None:
            continue
        choices = len(_side(here, challenger)) * len(_side(here, champion))
        if (times := ratio(timed, old, new, choices)) is not None:
            found.append(Point(count, new.cell.implementation, old.cell.implementation, times))
    return found


def _side(here: Sequence[Row], side: Sequence[str]) -> list[Row]:
    return [row for row in here if row.cell.implementation in side]


def _fastest(here: Sequence[Row], side: Sequence[str]) -> Row | None:
    return min(_side(here, side), key=lambda row: row.median, default=None)


def next_size(known: Sequence[Point], precision: float) -> int | None:
    """The most informative size: the middle of the widest gap that may hold the answer; None if the answer is known.

    Gaps count while their ends differ by more than `precision`, a fraction.
    """
    slower = [point.rows for point in known if point.ratio.verdict == "slower"]
    faster = [point.rows for point in known if point.ratio.verdict == "faster"]
    if not faster or (not slower and known[0].ratio.verdict == "faster"):
        return None
    low, high = max(slower, default=known[0].rows), min(faster)
    inside = [point.rows for point in known if min(low, high) <= point.rows <= max(low, high)]
    gaps = [(after / before, before, after) for before, after in pairwise(inside)]
    widest = max(gaps, default=(1.0, 0, 0))
    middle = round(math.sqrt(widest[1] * widest[2]))
    return middle if widest[0] > 1 + precision and middle not in inside else None


def crossover(known: Sequence[Point]) -> Crossover:
    """The answer that the measured sizes give."""
    verdicts = [point.ratio.verdict for point in known]
    slower = [point.rows for point in known if point.ratio.verdict == "slower"]
    faster = [point.rows for point in known if point.ratio.verdict == "faster"]
    if not faster:
        answer: Answer = "never" if verdicts and set(verdicts) <= {"slower", "equivalent"} else "inconclusive"
        return Crossover(answer, None, list(known))
    if slower and max(slower) > min(faster):
        return Crossover("not monotone", None, list(known))
    if verdicts[-1] != "faster":  # it may have fallen back at the largest sizes
        return Crossover("inconclusive", None, list(known))
    if verdicts[0] == "faster":
        answer = "always" if set(verdicts) == {"faster"} else "inconclusive"
        return Crossover(answer, None, list(known))
    low = float(known[0].rows) if any(point.at_least for point in known) else _passes(known, "high")
    at = Interval(_passes(known, "value"), low, _passes(known, "low", last=True))
    return Crossover("crosses", at, list(known))


def _passes(known: Sequence[Point], bound: Bound, last: bool = False) -> float:
    """The size at which a bound's line first (or last) passes 1; the smallest size if it is above 1 from there on.

    At the largest size every bound is above 1, else nothing crosses.
    """
    crossings = [float(known[0].rows)] if getattr(known[0].ratio, bound) >= 1 else []
    for before, after in pairwise(known):
        a, b = math.log(getattr(before.ratio, bound)), math.log(getattr(after.ratio, bound))
        if a < 0 <= b:
            share = -a / (b - a)
            crossings.append(math.exp((1 - share) * math.log(before.rows) + share * math.log(after.rows)))
    return crossings[-1] if last else crossings[0]
