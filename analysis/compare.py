"""Two runs of the same kind of machine, cell by cell: what became slower, faster or wrong, or cannot be decided.

`likeness.py` decides which machines are alike. If a GPU that the baseline used is gone, its cells have no device; the
CPU's cells are still compared if the processors are alike.

A cell is slower only if Student's t-test against the margin says so after the false discovery rate over all cells is
controlled (Benjamini and Hochberg 1995, at 1 %): a plain 99 % test would report one of a hundred unchanged cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from statistics import median
from typing import Any

from residency.analysis.doubt import in_doubt
from residency.analysis.likeness import Likeness, likeness
from residency.analysis.ratios import between_runs
from residency.analysis.row import Group, Key, Row
from residency.analysis.rows import rows, timed_samples
from residency.analysis.shift import Shift, shift
from residency.harness import student
from residency.harness.outcomes import Outcome
from residency.harness.records import Records, RunInfo
from residency.harness.statistics import Change, Interval

FALSE_DISCOVERIES = 0.01
ROUNDS_ALIKE = 2  # times as many samples of a process are told


class Status(IntEnum):
    """What the command ends with. If several hold, the first of WRONG, REGRESSION, NO_DEVICE, INCONCLUSIVE counts."""

    SAME = 0
    REGRESSION = 1
    CANNOT_COMPARE = 2
    INCONCLUSIVE = 3
    WRONG = 4
    NO_DEVICE = 5


class Kind(StrEnum):
    """What became of a cell."""

    SLOWER = "slower"
    FASTER = "faster"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    WRONG = "wrong"  # or failed, where it was right before
    NO_DEVICE = "no device"
    MISSING = "missing"  # not in the current run
    NEW = "new"  # not in the baseline, or not ok there


@dataclass(frozen=True)
class Suspicion:
    """What made a cell a suspect, and whether it was measured again."""

    ratio: float  # current / baseline time, at first
    measured_again: bool


@dataclass(frozen=True)
class Cell:
    """One implementation at one size in both runs."""

    task: str
    dataset: str
    size: str
    implementation: str
    kind: Kind
    margin: float
    baseline_seconds: float | None = None
    current_seconds: float | None = None
    ratio: Interval | None = None  # current / baseline time, above 1 is slower
    chance: float | None = None  # p-value of "not slower than the margin"
    was: str = ""  # its outcome in the baseline; empty where it is not in it
    now: str = ""  # its outcome in the current run; empty where it is not in it
    why: str = ""  # the reason of that
    outcome: str = ""  # the current run's, where it was ok and is not any more
    hashes: tuple[str, str] | None = None  # of the data, where it is not the same
    suspicion: Suspicion | None = None
    rows: tuple[Row | None, Row | None] = (None, None)  # of the baseline and of the current run

    @property
    def doubts(self) -> tuple[bool, bool]:
        """Whether nobody can tell that the baseline, and this, ran on the GPU."""
        before, after = (row is not None and in_doubt(row) for row in self.rows)
        return before, after

    @property
    def key(self) -> Key:
        """The cell's task, dataset, size and implementation, the same in both runs."""
        return self.task, self.dataset, self.size, self.implementation


@dataclass(frozen=True)
class Unseen:
    """A margin that is smaller than the smallest effect the machine was seen to detect, both as fractions."""

    margin: float
    smallest: float  # effect that its self-test detected


@dataclass(frozen=True)
class Comparison:
    """Two runs compared."""

    baseline: RunInfo
    current: RunInfo
    likeness: Likeness
    status: Status
    cells: list[Cell]
    shift: Shift | None = None  # what all tasks share
    samples: tuple[float, float] | None = None  # of a process in either run, where one has many more
    apart: tuple[list[Group], list[Group]] | None = None  # what either run measured, where they share no cell
    confirmed: bool = False  # whether what seemed slower was measured again
    unseen: Unseen | None = None


def compare(
    baseline: Records, current: Records, margin: float, margins: Mapping[str, float] | None = None
) -> Comparison:
    """Compare two runs. `margin` is how much slower is allowed; `margins` names other margins by task."""
    plain = Comparison(
        baseline.info, current.info, likeness(baseline.info, current.info), Status.CANNOT_COMPARE, cells=[]
    )
    before, after = _by_key(rows(baseline)), _by_key(rows(current))
    gone = _gone(before, after, current)
    if plain.likeness.forbids:
        lost = [_cell(key, before[key], after.get(key), ({}, {}), margin, gone=gone) for key in gone]
        return replace(plain, status=Status.NO_DEVICE, cells=lost) if gone else plain
    if not before.keys() & after.keys() and not gone:
        return replace(plain, apart=(_groups(before), _groups(after)))
    times = timed_samples(baseline), timed_samples(current)
    cells = []
    for key in {**before, **after}:
        allowed = (margins or {}).get(key[0], margin)
        cells.append(_cell(key, before.get(key), after.get(key), times, allowed, gone=gone))
    cells = _accused(cells)
    shared = shift([(cell.task, cell.ratio.value) for cell in cells if cell.ratio is not None])
    return replace(plain, status=_status(cells), cells=cells, shift=shared, samples=_samples(*times))


def confirmed(first: Comparison, second: Comparison) -> Comparison:
    """The first comparison, with every suspect judged by the fresh samples of the second, made to confirm it.

    The suspects were selected because they looked slow, so the samples that selected them no longer count; those of the
    baseline still do. Something that slows everything now, such as a reduced clock, slows the new samples too. Only the
    margin protects against that, or a baseline that is measured now as well.
    """
    fresh = {cell.key: cell for cell in second.cells}
    cells = [_retried(cell, fresh.get(cell.key)) if cell.kind is Kind.SLOWER else cell for cell in first.cells]
    return replace(first, status=_status(cells), cells=cells, confirmed=True)


def within_sight(found: Comparison, smallest: float | None, margin: float) -> Comparison:
    """The comparison, inconclusive if its margin is smaller than the `smallest` effect that the machine can detect."""
    tightest = min((cell.margin for cell in found.cells), default=margin)
    if smallest is None or tightest >= smallest or found.status not in {Status.SAME, Status.REGRESSION}:
        return found
    return replace(found, status=Status.INCONCLUSIVE, unseen=Unseen(tightest, smallest))


def _retried(suspect: Cell, fresh: Cell | None) -> Cell:
    if suspect.ratio is None:
        return fresh or suspect
    if fresh is None:
        return replace(suspect, kind=Kind.INCONCLUSIVE, suspicion=Suspicion(suspect.ratio.value, measured_again=False))
    if fresh.ratio is None:
        return fresh
    return replace(fresh, suspicion=Suspicion(suspect.ratio.value, measured_again=True))


def _gone(before: Mapping[Key, Row], after: Mapping[Key, Row], current: Records) -> set[Key]:
    """The cells that were ok on a GPU in the baseline, and have none on the current run's machine."""
    if current.info.machine.get("gpus"):
        return set()
    lost = {key for key, row in before.items() if row.cell.device == "gpu" and row.measured is not None}
    return {key for key in lost if key not in after or after[key].result.outcome == Outcome.UNAVAILABLE}


def _groups(keys: Iterable[Key]) -> list[Group]:
    return list(dict.fromkeys((task, dataset, size) for task, dataset, size, _ in keys))


def _samples(*runs: Mapping[Key, Mapping[int, Sequence[float]]]) -> tuple[float, float] | None:
    """Samples of a process, if one run has many more than the other: bursts of load shift the median of a few."""
    counts = [[len(times) for processes in run.values() for times in processes.values()] for run in runs]
    if not all(counts):
        return None
    a, b = (median(count) for count in counts)
    return (a, b) if max(a, b) > ROUNDS_ALIKE * min(a, b) else None


def _by_key(found: Sequence[Row]) -> dict[Key, Row]:
    return {row.key: row for row in found}


def _cell(
    key: Key,
    before: Row | None,
    after: Row | None,
    times: tuple[Mapping[Key, Any], Mapping[Key, Any]],
    margin: float,
    *,
    gone: Set[Key],
) -> Cell:
    """A cell before the others are considered; `gone` are those whose GPU is gone."""
    plain = Cell(
        *key,
        Kind.NEW,
        margin,
        was=before.result.outcome if before else "",
        now=after.result.outcome if after else "",
        rows=(before, after),
    )
    if before is None or before.measured is None:
        return plain
    absent = Kind.NO_DEVICE if key in gone else Kind.MISSING
    plain = replace(plain, baseline_seconds=before.measured.seconds.value)
    if after is None:
        return replace(plain, kind=absent)
    if after.result.outcome != Outcome.OK or after.measured is None:
        kind = absent if after.result.outcome == Outcome.UNAVAILABLE else Kind.WRONG
        return replace(plain, kind=kind, why=after.result.reason, outcome=after.result.outcome)
    if before.facts.data_hash != after.facts.data_hash:
        return replace(plain, kind=Kind.MISSING, hashes=(before.facts.data_hash, after.facts.data_hash))
    plain = replace(plain, current_seconds=after.median)
    return _timed(plain, after.median / before.median, between_runs(times, before, after))


def _timed(cell: Cell, ratio: float, found: Change) -> Cell:
    low, high = found.interval(student.quantile(0.05, found.freedom))
    _, high99 = found.interval(student.quantile(0.01, found.freedom))
    limit = 1.0 + cell.margin
    kind = Kind.INCONCLUSIVE
    if high99 <= limit:
        kind = Kind.FASTER if high99 < 1.0 / limit else Kind.EQUIVALENT
    beyond = found.log_ratio - math.log(limit)
    chance = student.above(beyond / found.error, found.freedom) if found.error > 0 else float(beyond <= 0)
    return replace(cell, kind=kind, ratio=Interval(ratio, low, high), chance=chance)


def _accused(cells: list[Cell]) -> list[Cell]:
    """The cells that are slower beyond doubt, by Benjamini and Hochberg's step-up over all timed cells."""
    ranked = sorted((cell.chance, place) for place, cell in enumerate(cells) if cell.chance is not None)
    last = 0
    for rank, (chance, _) in enumerate(ranked, start=1):
        if chance <= FALSE_DISCOVERIES * rank / len(ranked):
            last = rank
    slower = {place for _, place in ranked[:last]}
    return [replace(cell, kind=Kind.SLOWER) if place in slower else cell for place, cell in enumerate(cells)]


def _status(cells: Sequence[Cell]) -> Status:
    kinds = {cell.kind for cell in cells}
    for kind, status in (
        (Kind.WRONG, Status.WRONG),
        (Kind.SLOWER, Status.REGRESSION),
        (Kind.NO_DEVICE, Status.NO_DEVICE),
        (Kind.INCONCLUSIVE, Status.INCONCLUSIVE),
        (Kind.MISSING, Status.INCONCLUSIVE),
    ):
        if kind in kinds:
            return status
    return Status.SAME if kinds & {Kind.EQUIVALENT, Kind.FASTER} else Status.CANNOT_COMPARE
