"""With the data resident: how fast an implementation computes, without the reading and the copies around it.

The resident time of an execution is its compute clock: the sum of its stages that compute. It leaves out reading,
copies, and `other`, which no stage covers: that may be the freeing of a copy as well as work, and so belongs to neither
side. It is the clock that reports call `compute` and by which rooflines are judged.

    ratio       baseline's compute clock / the row's, paired by process and round as the end-to-end ratio is, with the
                same interval and verdict
    baseline    the strongest correct CPU implementation by this clock, which may be another one than end to end

Not every compute clock tells how long computing takes, and a clock that holds more must not be compared:

    reads       Its data lies in files and it has no stage that reads, as a lazy query engine: it reads while it
                computes. The same holds for a cluster whose workers get their data inside a stage that computes.
    outside     More of its time lies outside its stages than in those that compute.
    too short   None of its stages computes, or they take so little time that the clock itself decides what it shows.

Such a row has no resident time. If it is a CPU implementation that needs less time in all than the baseline does, the
strongest opponent is not known, and the whole group has no resident ratio.

If a GPU implementation has no `put` and reads nothing, it copies its data while it computes. Its ratio is a lower
bound: with the data resident it is at least as fast as that, so it is never called slower.

Not yet seen on a real GPU: tested on records written by hand, and on a stand-in for the driver's libraries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from residency.analysis.clocks import kind_of
from residency.analysis.ratios import Timed, Times, conditions, rivals, speedup
from residency.analysis.row import Resident, Row, Seconds
from residency.harness import statistics
from residency.harness.judgement import Evidence

LEAST = 1e-5  # seconds: an empty stage shows 0.3 µs on a CPU; on a GPU, which it waits for, about ten (estimated)
NOTHING = "none of its stages computes"
READS = "it reads its data while it computes"
FETCHES = "its workers get their data while they compute"
OUTSIDE = "more of its time lies outside its stages than in those that compute"
NOT_BESIDE = "no process measured both it and the strongest CPU implementation"
NO_OPPONENT = "no CPU implementation has a resident time to compare with"


def computing(found: Evidence) -> dict[int, list[float]]:
    """Seconds of the compute clock of the timed samples, by replicate, in the order of the rounds."""
    seconds: dict[int, list[float]] = {}
    for sample in found.samples:
        if sample.phase == "timed":
            clock = sum(time for name, time in sample.stages.items() if kind_of(name) == "compute")
            seconds.setdefault(sample.replicate, []).append(clock)
    return seconds


def with_resident(
    group: Sequence[Row], timed: Timed, *, looks: int, margin: float, beside: Sequence[str], in_files: bool
) -> list[Row]:
    """The rows of a group with their resident times and ratios, or with the reason why they have none.

    `timed` are their compute clocks; `beside` are the implementations that are never compared.
    """
    compared = [row for row in group if row.measured is not None and row.cell.implementation not in beside]
    in_files = in_files or any(row.cell.runner == "local" and "io" in _kinds(row) for row in compared)
    reasons = {row.key: why for row in compared if (why := _untold(row, timed[row.key], in_files))}
    rows = {row.key: row if row.key in reasons else _with_time(row, timed, looks) for row in compared}
    views = resident_views(list(rows.values()))
    on_cpu = [view for view in views if view.cell.device == "cpu"]
    baseline = min(on_cpu, key=lambda view: view.median, default=None)
    why = _no_opponent(list(rows.values()), baseline)
    for view in views:
        choices = rivals(view, on_cpu)
        ratio = _ratio(timed, baseline, view, (looks, choices), margin) if baseline and not why else None
        if ratio is None:
            reasons[view.key] = why or NOT_BESIDE
        else:
            row = rows[view.key]
            rows[view.key] = replace(row, compared=replace(row.compared, resident=ratio))
    return [_with_reason(rows.get(row.key, row), reasons.get(row.key)) for row in group]


def resident_views(rows: Sequence[Row]) -> list[Row]:
    """The rows that have a resident time, each with that time as its median."""
    return [
        replace(row, measured=replace(row.measured, seconds=row.measured.resident))
        for row in rows
        if row.measured is not None and row.measured.resident is not None
    ]


def _kinds(row: Row) -> set[str]:
    return {kind_of(name) for name in row.measured.stages} if row.measured else set()


def _untold(row: Row, times: Times, in_files: bool) -> str:
    """Why its compute clock does not tell how long computing takes; empty if it does."""
    if row.measured is None:
        return ""
    clocks, kinds = row.measured.clocks, _kinds(row)
    if not clocks.compute:
        return NOTHING
    if in_files and "io" not in kinds:
        return READS
    if row.cell.runner == "cluster" and "io" not in kinds and "put" not in row.measured.stages:
        return FETCHES
    if clocks.other > clocks.compute:
        return OUTSIDE
    if min(time for process in times.values() for time in process) < LEAST:
        return f"its compute clock is shorter than {LEAST * 1e6:.0f} µs, which a clock around a stage cannot tell"
    return ""


def _with_time(row: Row, timed: Timed, looks: int) -> Row:
    times = list(timed[row.key].values())
    known = replace(conditions(row), seconds=median(time for process in times for time in process))
    time = statistics.median_time(times, looks, known)
    resident = Seconds(time.value, time.low, time.high, time.samples, time.replicates)
    return replace(row, measured=replace(row.measured, resident=resident)) if row.measured else row


def _no_opponent(rows: Sequence[Row], baseline: Row | None) -> str:
    """Why the strongest CPU implementation with the data resident is not known; empty if it is the baseline."""
    if baseline is None:
        return NO_OPPONENT
    whole = next(row.median for row in rows if row.key == baseline.key)
    hidden = [row for row in rows if row.cell.device == "cpu" and row.measured and row.measured.resident is None]
    stronger = min((row for row in hidden if row.median < whole), key=lambda row: row.median, default=None)
    if stronger is None:
        return ""
    faster, slower = stronger.cell.implementation, baseline.cell.implementation
    return f"the compute time of {faster} is not known, and end to end it is faster than {slower}"


def _ratio(timed: Timed, base: Row, row: Row, shared: tuple[int, int], margin: float) -> Resident | None:
    """A row's ratio with the data resident, from the views of both rows."""
    found = speedup(timed, base, row, shared, margin)
    if found is None:
        return None
    at_least = is_lower_bound(row)
    ratio = Resident(**vars(found), at_least=at_least)
    if at_least and ratio.verdict in {"slower", "equivalent"}:  # without the copy it may be faster
        return replace(ratio, verdict="inconclusive", processes_needed=None)
    return replace(ratio, processes_needed=None) if at_least else ratio


def is_lower_bound(row: Row) -> bool:
    """Whether it copies its data while it computes, so that its compute clock holds more than computing."""
    copies = row.cell.device == "gpu" and "put" not in (row.measured.stages if row.measured else {})
    return copies and "io" not in _kinds(row)


def _with_reason(row: Row, why: str | None) -> Row:
    return replace(row, facts=replace(row.facts, unknown={**row.facts.unknown, "resident": why})) if why else row
