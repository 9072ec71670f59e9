"""Two rows side by side: the only place that computes the ratio of their times, and its error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from residency.analysis.row import Key, Ratio, Row, Speedup
from residency.harness import statistics
from residency.harness.records import OutcomeRecord, RunInfo
from residency.harness.statistics import MARGIN, QUIET, Change, Conditions, Estimate, Interval

Times = Mapping[int, Sequence[float]]
"""Seconds of the timed samples, by replicate."""
Timed = Mapping[Key, Times]


def as_long(found: Interval) -> Interval:
    """How many times as long it takes: 0.5 times as fast is 2 times as long, and the bounds change places."""
    return Interval(1 / found.value, 1 / found.high, 1 / found.low if found.low else math.inf)


def of_times(
    base: Times, other: Times, replicates: Iterable[int], shares: int = 1, known: Conditions = QUIET
) -> Estimate:
    """How many times as fast the other is as the base, from these replicates, which both have.

    `shares` counts the looks and the choices that share the error.
    """
    numbers = list(replicates)
    first, second = ([side[number] for number in numbers] for side in (base, other))
    return statistics.speed_ratio(first, second, shares, known)


def side_by_side(timed: Timed, base: Row, row: Row, shares: int = 1) -> Estimate | None:
    """Base's time over the row's, by the replicates that both have; None without any."""
    theirs, mine = timed[base.key], timed[row.key]
    shared = sorted(theirs.keys() & mine.keys())
    return of_times(theirs, mine, shared, shares, conditions(base, row)) if shared else None


def ratio(timed: Timed, base: Row | None, row: Row, shares: int = 1, margin: float = MARGIN) -> Ratio | None:
    """How many times as fast a row is as the base; None if one has no time, or no process measured both."""
    if base is None or base.measured is None or row.measured is None:
        return None
    if base.key == row.key:
        return Ratio(1.0, 1.0, 1.0, "equivalent")
    found = side_by_side(timed, base, row, shares)
    return None if found is None else with_verdict(found, margin)


def with_verdict(found: Estimate, margin: float = MARGIN) -> Ratio:
    """An estimated ratio with its verdict."""
    return Ratio(found.value, found.low, found.high, statistics.verdict(found, margin))


def speedup(timed: Timed, base: Row, row: Row, shared: tuple[int, int], margin: float = MARGIN) -> Speedup | None:
    """A row's speedup; looks and choices, in this order, share the error. None if no process measured both."""
    name, (looks, choices) = base.cell.implementation, shared
    if base.key == row.key:
        return Speedup(1.0, 1.0, 1.0, "equivalent", name)
    found = side_by_side(timed, base, row, looks * choices)
    if found is None:
        return None
    known, needed = with_verdict(found, margin), None
    if known.verdict == "inconclusive":
        needed = statistics.processes_needed(found, (looks + 1) * choices, margin)
    return Speedup(known.value, known.low, known.high, known.verdict, name, needed)


def between_runs(timed: tuple[Timed, Timed], before: Row, after: Row) -> Change:
    """How much slower a row is than the same row of another run, with which it did not take turns."""
    first, second = (list(side[row.key].values()) for side, row in zip(timed, (before, after), strict=True))
    return statistics.change(first, second, (conditions(before), conditions(after)))


def conditions(*rows: Row) -> Conditions:
    """What is already known about the spread between processes for such rows."""
    measured = [row.measured for row in rows if row.measured is not None]
    return Conditions(
        threads=max(row.facts.threads or 1 for row in rows),
        waiting=max((of_row.waiting for of_row in measured), default=0.0),
        seconds=min((of_row.seconds.value for of_row in measured), default=0.0),
    )


def rivals(row: Row, candidates: Iterable[Row]) -> int:
    """How many other rows might have become a row's baseline, since the fastest candidate is chosen."""
    return max(1, sum(candidate.key != row.key for candidate in candidates))


def looks_of(info: RunInfo, outcomes: Iterable[OutcomeRecord]) -> int:
    """How often the run checked whether it is precise enough: with a target precision it may stop at any check.

    A run that was given more replicates after its report counts the report as a check.
    """
    asked = {outcome.asked for outcome in outcomes if outcome.asked is not None}
    return statistics.LOOKS if info.settings.get("precision") else max(1, len(asked))
