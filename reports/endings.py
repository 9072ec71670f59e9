"""How a row without a time ended, in a word, and why: for all reports in the same way."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.row import Row
from residency.harness.outcomes import Outcome
from residency.harness.tiers import REHEARSAL, Tier

REHEARSED, UNTIMED = "rehearsed", "not timed"


def is_rehearsal(rows: Sequence[Row]) -> bool:
    """Whether these are the rows of `residency rehearse`, which times nothing."""
    return bool(rows) and all(row.cell.runner == REHEARSAL for row in rows)


def ending(row: Row) -> str:
    """The outcome: `wrong`; `rehearsed` if it was right in a rehearsal, which times nothing."""
    if row.measured is None and row.result.outcome == Outcome.OK:
        return REHEARSED if row.cell.runner == REHEARSAL else UNTIMED
    return row.result.outcome


def reason(row: Row) -> str:
    """Why it has no time; what a rehearsal saw."""
    if ending(row) == REHEARSED:
        seen = Tier(row.facts.tier).label if row.facts.tier is not None else "not recorded what was seen"
        return f"{seen}; nothing was timed"
    return row.result.reason
