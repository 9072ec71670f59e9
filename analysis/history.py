"""The trend of every implementation over many runs: which of them became slower or faster, and from which run on.

A series is one implementation of a task on a dataset at a size on one kind of machine. `likeness.py` decides which
machines are alike. Unlike machines, settings or environments are separate series. A machine with a GPU and the same
machine without one are unlike here, because a series must stay the same in all its runs.

`steps.py` says how a time is compared with the time before it in its series, and when it is marked.

If the data has another hash than before, the series begins anew: times of other data are not compared. The hash covers
every byte of the data, so a change to the dataset's code breaks a series only if it changes the data.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from statistics import median
from typing import Any

from residency.analysis.doubt import in_doubt
from residency.analysis.likeness import Likeness, likeness
from residency.analysis.ratios import Times, between_runs
from residency.analysis.row import Key, Row, Seconds
from residency.analysis.rows import rows, timed_samples
from residency.analysis.shift import Shift, shift
from residency.analysis.steps import Step, ratio_of, step_of, steps_marked, with_noise
from residency.harness.environment import Difference
from residency.harness.errors import unknown
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import Records, RunInfo, moment
from residency.harness.statistics import Change, Interval

MARGIN = 0.05
LARGE = 0.5  # a fraction: a series in which only larger changes would be marked cannot tell whether it changed
HIDDEN = "_"  # how a topic begins that only this project's own studies use


@dataclass(frozen=True)
class Machine:
    """A kind of machine, with the settings and the environment of its runs."""

    first: RunInfo  # the first of its runs
    differs: list[Difference]  # its environment from that of an earlier machine with the same parts and settings


@dataclass(frozen=True)
class Taken:
    """A run of a history."""

    folder: str
    info: RunInfo
    machine: int  # its place among the machines
    shift: Shift | None = None  # what all tasks share against the run before, where something is marked
    shares_its_day: bool = False  # whether another run started on the same day, in UTC


@dataclass(frozen=True)
class Point:
    """What a run says of a series."""

    run: int  # its place among the runs
    outcome: str
    reason: str
    seconds: Seconds | None
    data_hash: str
    in_doubt: bool  # whether nobody can tell that it ran on the GPU
    data_changed: bool = False  # against the time before
    step: Step | None = None
    outcome_changed: bool = False  # against the run before that reached it


@dataclass(frozen=True)
class Series:
    """One implementation of a task on a dataset at a size on one kind of machine, in the order of the runs."""

    key: Key
    device: str
    machine: int
    points: list[Point]
    whole: Interval | None = None  # the last time / the first of the same data, with its 95 % interval

    @property
    def timed(self) -> list[Point]:
        """The points with a time since the data changed last."""
        found: list[Point] = []
        for point in self.points:
            if point.data_changed:
                found = []
            if point.seconds is not None:
                found.append(point)
        return found

    @property
    def is_single(self) -> bool:
        """Whether only one run measured it."""
        return len(self.points) == 1

    @property
    def marks(self) -> list[Point]:
        """The points that are marked as slower or faster, in their order."""
        return [point for point in self.points if point.step is not None and point.step.mark]


@dataclass(frozen=True)
class History:
    """All series of some runs."""

    runs: list[Taken]
    machines: list[Machine]
    series: list[Series]
    margin: float
    comparisons: int  # that share the error

    @property
    def compared(self) -> list[Series]:
        """The series with a comparison: two times or more on the same data."""
        return [series for series in self.series if any(point.step is not None for point in series.points)]

    @property
    def large(self) -> float:
        """The change, as a fraction, that a comparison must be able to show: else it cannot tell whether one is there.

        It is at least twice the margin, because a change within the margin is never marked.
        """
        return max(LARGE, 2 * self.margin)

    def can_tell(self, step: Step) -> bool:
        """Whether a comparison tells something: it is marked, or a large change would have been."""
        return bool(step.mark) or step.visible <= self.large

    def is_judged(self, series: Series) -> bool:
        """Whether a series has a mark, or would show a large change in at least half of its comparisons."""
        steps = [point.step for point in series.points if point.step is not None]
        return bool(series.marks) or (bool(steps) and median(step.visible for step in steps) <= self.large)

    @property
    def judged(self) -> list[Series]:
        """The compared series that can tell whether they changed."""
        return [series for series in self.compared if self.is_judged(series)]

    @property
    def changed(self) -> list[Series]:
        """The series with a mark."""
        return [series for series in self.series if series.marks]

    def in_last_run(self) -> list[tuple[Series, Point]]:
        """The series that the last run measured, and what it says of them."""
        last = len(self.runs) - 1
        return [(series, point) for series in self.series for point in series.points if point.run == last]

    @property
    def visible(self) -> float | None:
        """The change that would have been marked in half of the last run's series, or of all if it has no comparison.

        A fraction; None without any comparison.
        """
        steps = [point.step for series in self.series for point in series.points if point.step is not None]
        last = [point.step for _, point in self.in_last_run() if point.step is not None]
        return median(step.visible for step in last or steps) if steps else None


@dataclass
class _Seen:
    """A row of a run with its samples."""

    run: int
    row: Row
    times: Times


@dataclass
class _Found:
    """A series while the runs are read."""

    device: str
    seen: list[_Seen] = field(default_factory=list)


def only(run: Records, tasks: Sequence[str]) -> Records:
    """The run with these topics and tasks alone; all that are not hidden if none is named."""

    def wanted(task: str) -> bool:
        topic = task.partition("/")[0]
        return task in tasks or topic in tasks if tasks else not topic.startswith(HIDDEN)

    return Records(
        run.folder,
        replace(run.info, cells=[cell for cell in run.info.cells if wanted(cell.task)]),
        [sample for sample in run.samples if wanted(sample.cell.task)],
        [outcome for outcome in run.outcomes if wanted(outcome.cell.task)],
    )


def history(runs: Iterable[Records], margin: float = MARGIN, tasks: Sequence[str] = ()) -> History:
    """The history of these runs, which are in the order in which they started.

    A change counts if it is larger than the `margin`, a fraction. Raises `UsageError` if no run has one of the `tasks`.
    """
    taken: list[Taken] = []
    machines = _Machines()
    found: dict[tuple[Key, int], _Found] = {}
    names: set[str] = set()
    for place, run in enumerate(runs):
        names |= {name for task in run.info.tasks for name in (task, task.partition("/")[0])}
        machine = machines.place(run.info)
        taken.append(Taken(str(run.folder), run.info, machine))
        kept = only(run, tasks)
        times = timed_samples(kept)
        for row in rows(kept):
            series = found.setdefault((row.key, machine), _Found(row.cell.device))
            series.seen.append(_Seen(place, row, times.get(row.key, {})))
    for task in tasks:
        if taken and task not in names:
            raise unknown("topic or task", task, names, "these runs")
    all_series = [
        _series(key, machine, series, margin) for (key, machine), series in found.items() if _says_something(series)
    ]
    marked = _marked(all_series, margin)
    comparisons = sum(point.step is not None for series in marked for point in series.points)
    days = Counter(map(_day, taken))
    shared = [
        replace(run, shift=_shared(place, marked), shares_its_day=days[_day(run)] > 1)
        for place, run in enumerate(taken)
    ]
    return History(shared, machines.all, marked, margin, comparisons)


def _day(run: Taken) -> date:
    return moment(run.info.started).date()


def _says_something(series: _Found) -> bool:
    """Whether it was ever timed, or ever went wrong."""
    return any(seen.row.result.outcome != Outcome.UNAVAILABLE and _judged(seen.row) for seen in series.seen)


def _judged(row: Row) -> bool:
    """Whether it has a time, or failed; a rehearsal's `ok` has no time."""
    return row.measured is not None or row.result.outcome != Outcome.OK


class _Machines:
    """The kinds of machines that were met so far."""

    def __init__(self) -> None:
        self.all: list[Machine] = []
        self._members: list[list[RunInfo]] = []  # of each machine, the runs whose facts differ
        self._known: dict[str, int] = {}

    def place(self, info: RunInfo) -> int:
        """The place of a run's machine. It is alike to every run of that machine, not only to the first."""
        facts = _facts(info)
        if facts in self._known:
            return self._known[facts]
        compared = [[_likeness(member, info) for member in members] for members in self._members]
        place = next((n for n, found in enumerate(compared) if not any(one.forbids for one in found)), len(self.all))
        if place == len(self.all):
            alike = (found[0] for found in compared if not found[0].machines and not found[0].settings)
            self.all.append(Machine(info, next((first.environment for first in alike), [])))
            self._members.append([])
        self._members[place].append(info)
        self._known[facts] = place
        return place


def _facts(info: RunInfo) -> str:
    """All that decides which machine a run belongs to, as one text."""
    machine, settings = info.machine, info.settings
    gpus = [[gpu.get(name) for name in ("name", "memory_bytes", "mig")] for gpu in machine.get("gpus") or []]
    known = [machine.get("cpu"), machine.get("cores"), gpus, settings.get("threads"), settings.get("gate")]
    return json.dumps([*known, info.environment], sort_keys=True, default=str)


def _likeness(first: RunInfo, second: RunInfo) -> Likeness:
    """What differs; here a GPU that one of two machines lacks forbids a comparison too."""
    found = likeness(first, second)
    old, new = (info.machine.get("gpus") or [] for info in (first, second))
    if bool(old) == bool(new):
        return found
    return replace(found, machines=[*found.machines, Difference("gpus", old, new)])


def _series(key: Key, machine: int, found: _Found, margin: float) -> Series:
    """A series before its marks are decided."""
    points, timed, outcome = [], _timed(found.seen), ""
    raw = {
        now.run: (before, _between(before, now))
        for before, now in timed
        if before.row.facts.data_hash == now.row.facts.data_hash
    }
    changes = {run: change for run, (_, change) in raw.items()}
    after = {before.run: run for run, (before, _) in raw.items()}
    hashes = {now.run: before.row.facts.data_hash for before, now in timed}
    for seen in found.seen:
        row = seen.row
        if not _judged(row):
            continue
        point = Point(
            seen.run,
            row.result.outcome,
            row.result.reason,
            row.measured.seconds if row.measured else None,
            row.facts.data_hash,
            in_doubt(row),
            seen.run in hashes and hashes[seen.run] != row.facts.data_hash,
        )
        if seen.run in raw:
            since = raw[seen.run][0].run
            others = {run: change for run, change in changes.items() if run != seen.run}
            beside = [others[run] for run in (since, after.get(seen.run)) if run in others]
            change = with_noise(changes[seen.run], list(others.values()), beside)
            point = replace(point, step=step_of(since, change, margin))
        if not is_not_reached(point.outcome, point.reason):
            point = replace(point, outcome_changed=outcome not in {"", point.outcome})
            outcome = point.outcome
        points.append(point)
    series = Series(key, found.device, machine, points)
    return replace(series, whole=_whole(series, {seen.run: seen for seen in found.seen}, list(changes.values())))


def _timed(seen: Sequence[_Seen]) -> list[tuple[_Seen, _Seen]]:
    """Each row with a time, with the one before it that has a time."""
    timed = [each for each in seen if each.row.measured is not None]
    return list(itertools.pairwise(timed))


def _between(before: _Seen, after: _Seen) -> Change:
    return between_runs(({before.row.key: before.times}, {after.row.key: after.times}), before.row, after.row)


def _whole(series: Series, seen: dict[int, _Seen], changes: Sequence[Change]) -> Interval | None:
    """The last time against the first of the same data; None if there is only one."""
    timed = series.timed
    if len(timed) < 2:
        return None
    return ratio_of(with_noise(_between(seen[timed[0].run], seen[timed[-1].run]), changes))


def _marked(all_series: Sequence[Series], margin: float) -> list[Series]:
    """The series with their marks."""
    steps = [point.step for series in all_series for point in series.points if point.step is not None]
    decided = iter(steps_marked(steps, margin))
    return [
        replace(
            series,
            points=[replace(point, step=next(decided)) if point.step is not None else point for point in series.points],
        )
        for series in all_series
    ]


def _shared(run: int, all_series: Sequence[Series]) -> Shift | None:
    """What all tasks share in a run that has a mark, against the run before; None if no other run came between."""
    steps: list[tuple[str, Step]] = [
        (series.key[0], point.step)
        for series in all_series
        for point in series.points
        if point.run == run and point.step is not None
    ]
    if not any(step.mark for _, step in steps):
        return None
    return shift([(task, step.ratio.value) for task, step in steps])


def facts_of(machine: Machine) -> dict[str, Any]:
    """What makes a machine: its processor, its cores, its GPUs, and the threads that were used."""
    known, settings = machine.first.machine, machine.first.settings
    return {
        "cpu": known.get("cpu"),
        "cores": known.get("cores"),
        "gpus": known.get("gpus") or [],
        "threads": settings.get("threads"),
        "gate": bool(settings.get("gate")),
    }
