"""Two runs of like machines, cell by cell: what became slower, faster, wrong, or cannot be told.

A cell is slower only if Student's t-test against the margin says so after the false discovery rate over all cells is
controlled (Benjamini and Hochberg 1995, at 1 %): of a hundred unchanged cells a plain 99 % test would accuse one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from statistics import median
from typing import Any

from residency.harness import statistics
from residency.harness.outcomes import Outcome
from residency.harness.records import Records, RunInfo
from residency.reports.ratios import conditions
from residency.reports.shift import Shift, shift
from residency.reports.summary import Key, Row, rows, timed_samples

FALSE_DISCOVERIES = 0.01
ROUNDS_ALIKE = 2  # times as many samples of a process are told
LIKE = ("cpu", "cores", "cores_in_machine", "memory_bytes", "gpus", "system", "python")
NEEDED = ("cpu", "cores", "gpus")  # machines that differ in these are not alike


class Status(IntEnum):
    """What the command ends with."""

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


@dataclass(frozen=True)
class Comparison:
    """Two runs compared."""

    baseline: str
    current: str
    status: Status
    cells: list[Cell]
    differences: list[str]  # between the machines and their software
    reason: str
    shift: Shift | None = None  # what all tasks share


def compare(
    baseline: Records, current: Records, margin: float, margins: Mapping[str, float] | None = None
) -> Comparison:
    """Compare two runs, at a margin of slowness that is tolerated, by task where `margins` names one."""
    differences, unlike = _differences(baseline.info, current.info)
    names = baseline.info.id, current.info.id
    if unlike:
        return Comparison(*names, Status.CANNOT_COMPARE, [], differences, f"unlike machines: {'; '.join(unlike)}")
    before, after = _by_cell(rows(baseline)), _by_cell(rows(current))
    if not before.keys() & after.keys():
        return Comparison(*names, Status.CANNOT_COMPARE, [], differences, "the runs have no cell in common")
    times = timed_samples(baseline), timed_samples(current)
    differences += _rounds(*times)
    cells = []
    for key in {**before, **after}:
        allowed = (margins or {}).get(key[0], margin)
        cells.append(_cell(key, before.get(key), after.get(key), times, allowed))
    cells = _accused(cells)
    status = _status(cells)
    shared = shift([(cell.task, cell.ratio) for cell in cells if cell.ratio is not None])
    return Comparison(*names, status, cells, differences, _REASONS[status], shared)


def confirmed(first: Comparison, second: Comparison) -> Comparison:
    """The first comparison with every suspect judged by fresh samples alone: the second, of a run made to confirm it.

    The suspects were picked for looking slow, so the samples that they were picked by no longer count; those of the
    baseline still do. What slows everything that runs now, as a clock held down, is measured again with it: against
    that there is only the margin, or a baseline that is measured now, too.
    """
    fresh = {_place(cell): cell for cell in second.cells}
    cells = [_retried(cell, fresh.get(_place(cell))) if cell.kind is Kind.SLOWER else cell for cell in first.cells]
    status = _status(cells)
    return replace(first, status=status, cells=cells, reason=f"{_REASONS[status]}; suspects were measured again")


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
    Status.INCONCLUSIVE: "some cells are inconclusive: more replicates, a quieter machine or a wider margin would tell",
    Status.WRONG: "something that was right is wrong, or no longer runs",
    Status.NO_DEVICE: "the baseline used a device that this machine lacks",
}


def _differences(first: RunInfo, second: RunInfo) -> tuple[list[str], list[str]]:
    """What differs between two runs' machines and software, and what of it forbids a comparison."""
    found, unlike = [], []
    for name in LIKE:
        a, b = (_alike(info.machine.get(name)) for info in (first, second))
        if a != b:
            text = f"{name} {_short(a)} against {_short(b)}"
            found.append(text)
            if name in NEEDED:
                unlike.append(text)
    for name in sorted(first.versions.keys() | second.versions.keys()):
        a, b = first.versions.get(name), second.versions.get(name)
        if a != b:
            found.append(f"{name} {a or 'absent'} against {b or 'absent'}")
    for name, absent in (("threads", None), ("gate", False)):
        if (a := first.settings.get(name, absent)) != (b := second.settings.get(name, absent)):
            found.append(f"{name} {a} against {b}")
            unlike.append(f"{name} {a} against {b}")
    return found, unlike


def _rounds(*runs: Mapping[Key, Mapping[int, Sequence[float]]]) -> list[str]:
    """Whether processes of one run hold many more samples than those of the other: bursts move the middle of few."""
    counts = [[len(times) for processes in run.values() for times in processes.values()] for run in runs]
    if not all(counts):
        return []
    a, b = (median(one) for one in counts)
    return [f"samples of a process: {a:g} against {b:g}"] if max(a, b) > ROUNDS_ALIKE * min(a, b) else []


def _alike(value: Any) -> Any:
    """A fact without what tells two things of one kind apart: GPUs of the same model have UUIDs of their own."""
    return [{**one, "uuid": None} for one in value] if isinstance(value, list) else value


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(one.get("name", str(one)) for one in value) or "none"
    return str(value)


def _by_cell(found: Sequence[Row]) -> dict[Key, Row]:
    return {(row.task, row.dataset, row.size, row.implementation): row for row in found}


def _cell(
    key: Key,
    before: Row | None,
    after: Row | None,
    times: tuple[Mapping[Key, Any], Mapping[Key, Any]],
    margin: float,
) -> Cell:
    """A cell before the others are taken into account."""
    plain = Cell(*key, Kind.NEW, margin)
    if before is None or before.seconds is None:
        return plain
    if after is None:
        return replace(
            plain, kind=Kind.MISSING, baseline_seconds=before.seconds.median, reason="not in the current run"
        )
    if after.outcome != Outcome.OK or after.seconds is None:
        kind = Kind.WRONG
        if after.outcome == Outcome.UNAVAILABLE:
            kind = Kind.NO_DEVICE if after.device == "gpu" else Kind.MISSING
        reason = after.reason if after.outcome == kind else f"{after.outcome}: {after.reason}"
        return replace(plain, kind=kind, baseline_seconds=before.seconds.median, reason=reason)
    if before.data_hash != after.data_hash:
        return replace(plain, kind=Kind.MISSING, reason="the data is not the same")
    first, second = (list(side[key].values()) for side in times)
    found = statistics.change(first, second, (conditions(before), conditions(after)))
    return _timed(plain, before.seconds.median, after.seconds.median, found)


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
