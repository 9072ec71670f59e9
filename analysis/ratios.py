"""Two rows of a run side by side: the one way in which every report takes the ratio of their times, and its error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from residency.harness import statistics
from residency.harness.records import OutcomeRecord, RunInfo
from residency.harness.statistics import Conditions, Estimate

if TYPE_CHECKING:
    from residency.analysis.rows import Key, Row

Timed = Mapping["Key", Mapping[int, Sequence[float]]]


def side_by_side(timed: Timed, base: Row, row: Row, shares: int = 1) -> Estimate | None:
    """Base's time over the row's, by the replicates that both have; None without any.

    `shares` counts the looks and the choices that share the error.
    """
    theirs, mine = timed[base.key], timed[row.key]
    if not (shared := sorted(theirs.keys() & mine.keys())):
        return None
    first, second = ([side[number] for number in shared] for side in (theirs, mine))
    return statistics.speed_ratio(first, second, shares, conditions(base, row))


def conditions(*rows: Row) -> Conditions:
    """What is known beforehand of the spread between processes of any of these rows."""
    return Conditions(
        threads=max(row.threads or 1 for row in rows),
        waiting=max(row.waiting or 0.0 for row in rows),
        seconds=min(row.seconds.median if row.seconds else 0.0 for row in rows),
    )


def rivals(row: Row, candidates: Iterable[Row]) -> int:
    """How many others might have become a row's baseline, where the fastest of the candidates is chosen."""
    return max(1, sum(one.key != row.key for one in candidates))


def looks_of(info: RunInfo, outcomes: Iterable[OutcomeRecord]) -> int:
    """How often it was looked at whether enough is known: a run with a target precision may stop at any of its looks.

    One that was given more replicates when its report was out has been looked at as often.
    """
    asked = {one.asked for one in outcomes if one.asked is not None}
    return statistics.LOOKS if info.settings.get("precision") else max(1, len(asked))
