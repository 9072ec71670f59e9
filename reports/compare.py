"""Two runs of like machines, cell by cell: what became slower, faster, wrong, or cannot be told.

Which machines are alike says `likeness.py`. Where a GPU that the baseline used is gone, its cells have no device, and
those of the processor are compared all the same, if the processors are alike.

A cell is slower only if Student's t-test against the margin says so after the false discovery rate over all cells is
controlled (Benjamini and Hochberg 1995, at 1 %): of a hundred unchanged cells a plain 99 % test would accuse one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from statistics import median
from typing import Any

from residency.harness import statistics
from residency.harness.outcomes import Outcome
from residency.harness.records import Records
from residency.reports.likeness import boards, likeness, refusal
from residency.reports.ratios import conditions
from residency.reports.shift import Shift, shift
from residency.reports.summary import Key, Row, rows, timed_samples

FALSE_DISCOVERIES = 0.01
WORK_SHOWN = 3  # of what a run measured, in a message
ROUNDS_ALIKE = 2  # times as many samples of a process are told


class Status(IntEnum):
    """What the command ends with. Where several hold, the first of WRONG, REGRESSION, NO_DEVICE, INCONCLUSIVE."""

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
class Cell:
    """One implementation at one size in both runs. `ratio` is current / baseline time, above 1 is slower."""

    task: str
    dataset: str
    size: str
    implementation: str
    kind: Kind
    margin: float
    baseline_seconds: float | None = None
    current_seconds: float | None = None
    ratio: float | None = None
    low: float | None = None  # 95 %
    high: float | None = None
    chance: float | None = None  # p-value of "not slower than the margin"
    reason: str = ""
    outcome: str = ""  # the current run's, where it is not ok


@dataclass(frozen=True)
class Comparison:
    """Two runs compared."""

    baseline: str
    current: str
    status: Status
    cells: list[Cell]
    differences: list[str]  # between the machines, their software and the settings: `name BASELINE against CURRENT`
    reason: str
    shift: Shift | None = None  # what all tasks share
    unlike: list[str] = field(default_factory=list)  # of the differences, those that forbid a comparison


def compare(
    baseline: Records, current: Records, margin: float, margins: Mapping[str, float] | None = None
) -> Comparison:
    """Compare two runs, at a margin of slowness that is tolerated, by task where `margins` names one."""
    found = likeness(baseline.info, current.info)
    names, unlike = (baseline.info.id, current.info.id), found.forbids
    before, after = _by_cell(rows(baseline)), _by_cell(rows(current))
    gone = _gone(before, after, current)
    if unlike:
        why = refusal(found, baseline.info)
        if not gone:
            return Comparison(*names, Status.CANNOT_COMPARE, [], found.differences, why, unlike=unlike)
        lost = [_cell(key, before[key], after.get(key), ({}, {}), margin, gone=gone) for key in gone]
        reason = f"{_without_device(baseline, current)}. Nothing else can be compared: {why}"
        return Comparison(*names, Status.NO_DEVICE, lost, found.differences, reason, unlike=unlike)
    if not before.keys() & after.keys() and not gone:
        why = _nothing_in_common(before, after)
        return Comparison(*names, Status.CANNOT_COMPARE, [], found.differences, why)
    times = timed_samples(baseline), timed_samples(current)
    cells = []
    for key in {**before, **after}:
        allowed = (margins or {}).get(key[0], margin)
        cells.append(_cell(key, before.get(key), after.get(key), times, allowed, gone=gone))
    cells = _accused(cells)
    status = _status(cells)
    reason = _reason(status, cells)
    if status is Status.NO_DEVICE:
        reason = f"{_without_device(baseline, current)} {_counted(cells)}"
    shared = shift([(cell.task, cell.ratio) for cell in cells if cell.ratio is not None])
    return Comparison(*names, status, cells, [*found.differences, *_rounds(*times)], reason, shared)


def confirmed(first: Comparison, second: Comparison) -> Comparison:
    """The first comparison with every suspect judged by fresh samples alone: the second, of a run made to confirm it.

    The suspects were picked for looking slow, so the samples that they were picked by no longer count; those of the
    baseline still do. What slows everything that runs now, as a clock held down, is measured again with it: against
    that there is only the margin, or a baseline that is measured now, too.
    """
    fresh = {_place(cell): cell for cell in second.cells}
    cells = [_retried(cell, fresh.get(_place(cell))) if cell.kind is Kind.SLOWER else cell for cell in first.cells]
    status = _status(cells)
    reason = f"{_reason(status, cells)}; what seemed slower was measured again"
    return replace(first, status=status, cells=cells, reason=reason)


def _place(cell: Cell) -> Key:
    return cell.task, cell.dataset, cell.size, cell.implementation


def _retried(suspect: Cell, fresh: Cell | None) -> Cell:
    if fresh is None:
        return replace(suspect, kind=Kind.INCONCLUSIVE, reason="suspected to be slower, and not measured again")
    if fresh.ratio is None or suspect.ratio is None:
        return fresh
    how = "confirmed" if fresh.kind is Kind.SLOWER else "not confirmed"
    return replace(fresh, reason=f"{suspect.ratio:.3g} × at first, measured again: {how}")


_REASONS = {
    Status.SAME: "no regression",
    Status.REGRESSION: "something became slower",
    Status.CANNOT_COMPARE: "nothing could be compared",
    Status.INCONCLUSIVE: "some cells are inconclusive: use more replicates, a quieter machine or a wider margin",
    Status.WRONG: "something that was right is wrong, or no longer runs",
    Status.NO_DEVICE: "the baseline used a device that this machine lacks",
}
_NOT_MEASURED = (
    "some cells of the baseline were not measured in the current run: measure the same tasks, sizes and seed"
)


def _reason(status: Status, cells: Sequence[Cell]) -> str:
    """What the comparison comes to, and what became of how many cells."""
    text = _REASONS[status]
    if status is Status.INCONCLUSIVE and not any(cell.kind is Kind.INCONCLUSIVE for cell in cells):
        text = _NOT_MEASURED
    return f"{text} {_counted(cells)}"


def _counted(cells: Sequence[Cell]) -> str:
    """`(2 slower, 10 equivalent, 1 without a baseline)`."""
    counts = Counter(cell.kind for cell in cells)
    names = {Kind.WRONG: "wrong or failed", Kind.NO_DEVICE: "without their device", Kind.NEW: "without a baseline"}
    return f"({', '.join(f'{counts[kind]} {names.get(kind, kind)}' for kind in Kind if kind in counts)})"


def _without_device(baseline: Records, current: Records) -> str:
    used = boards(baseline.info.machine)
    why = current.info.machine.get("no_gpu_because") or "it has no GPU"
    return f"{_REASONS[Status.NO_DEVICE]}: {'a GPU' if used == 'none' else used}; the current run's machine: {why}"


def _gone(before: Mapping[Key, Row], after: Mapping[Key, Row], current: Records) -> set[Key]:
    """The cells that were ok on a GPU in the baseline, and have none on the current run's machine."""
    if current.info.machine.get("gpus"):
        return set()
    lost = {key for key, row in before.items() if row.device == "gpu" and row.seconds is not None}
    return {key for key in lost if key not in after or after[key].outcome == Outcome.UNAVAILABLE}


def _nothing_in_common(before: Mapping[Key, Row], after: Mapping[Key, Row]) -> str:
    baseline, current = (_work(keys) for keys in (before, after))
    return (
        f"the runs have no cell in common: the baseline measured {baseline}, the current run {current}. "
        "Remedy: measure the same tasks, datasets, sizes and implementations in both"
    )


def _work(keys: Iterable[Key]) -> str:
    """`tabular/ridge (linear, smoke)`, three of them at most."""
    named = list(dict.fromkeys(f"{task} ({dataset}, {size})" for task, dataset, size, _ in keys))
    more = f" and {len(named) - WORK_SHOWN} more" if len(named) > WORK_SHOWN else ""
    return ", ".join(named[:WORK_SHOWN]) + more or "nothing"


def _rounds(*runs: Mapping[Key, Mapping[int, Sequence[float]]]) -> list[str]:
    """Whether processes of one run hold many more samples than those of the other: bursts move the middle of few."""
    counts = [[len(times) for processes in run.values() for times in processes.values()] for run in runs]
    if not all(counts):
        return []
    a, b = (median(one) for one in counts)
    return [f"samples of a process: {a:g} against {b:g}"] if max(a, b) > ROUNDS_ALIKE * min(a, b) else []


def _by_cell(found: Sequence[Row]) -> dict[Key, Row]:
    return {(row.task, row.dataset, row.size, row.implementation): row for row in found}


def _cell(
    key: Key,
    before: Row | None,
    after: Row | None,
    times: tuple[Mapping[Key, Any], Mapping[Key, Any]],
    margin: float,
    *,
    gone: Set[Key],
) -> Cell:
    """A cell before the others are taken into account; `gone` are those whose GPU is gone."""
    plain = Cell(*key, Kind.NEW, margin)
    if before is None or before.seconds is None:
        return replace(plain, reason=_without_baseline(before, after))
    absent = Kind.NO_DEVICE if key in gone else Kind.MISSING
    plain = replace(plain, baseline_seconds=before.seconds.median)
    if after is None:
        return replace(plain, kind=absent, reason="not in the current run")
    if after.outcome != Outcome.OK or after.seconds is None:
        kind = absent if after.outcome == Outcome.UNAVAILABLE else Kind.WRONG
        reason = after.reason if kind is Kind.WRONG else f"{after.outcome}: {after.reason}"
        return replace(plain, kind=kind, reason=reason, outcome=after.outcome)
    if before.data_hash != after.data_hash:
        hashes = f"{before.data_hash[:8]} against {after.data_hash[:8]}"
        return replace(plain, kind=Kind.MISSING, reason=f"the data is not the same: hash {hashes}")
    first, second = (list(side[key].values()) for side in times)
    found = statistics.change(first, second, (conditions(before), conditions(after)))
    return _timed(plain, before.seconds.median, after.seconds.median, found)


def _without_baseline(before: Row | None, after: Row | None) -> str:
    was = "not in the baseline" if before is None else f"{before.outcome} in the baseline"
    return f"{was}, {after.outcome} now" if after is not None else f"{was}, not in the current run"


def _timed(cell: Cell, before: float, after: float, found: statistics.Change) -> Cell:
    from scipy.stats import t  # half a second to import

    low, high = found.interval(float(t.ppf(0.975, found.freedom)))
    _, high99 = found.interval(float(t.ppf(0.995, found.freedom)))
    limit = 1.0 + cell.margin
    kind = Kind.INCONCLUSIVE
    if high99 <= limit:
        kind = Kind.FASTER if high99 < 1.0 / limit else Kind.EQUIVALENT
    beyond = found.log_ratio - math.log(limit)
    chance = float(t.sf(beyond / found.error, found.freedom)) if found.error > 0 else float(beyond <= 0)
    return replace(
        cell, kind=kind, baseline_seconds=before, current_seconds=after, low=low, high=high, chance=chance,
        ratio=after / before,
    )  # fmt: skip


def _accused(cells: list[Cell]) -> list[Cell]:
    """Those that are slower beyond doubt: Benjamini and Hochberg's step-up over all that were timed."""
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
