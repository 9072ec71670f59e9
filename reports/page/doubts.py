"""What makes a number less sure, in a few words that stand beside it."""

from __future__ import annotations

from residency.analysis.row import Row
from residency.harness.statistics import BUSY, ENOUGH_REPLICATES
from residency.reports.answers import DISTURBED


def beside(row: Row) -> str:
    """`1 process, busy machine`; empty if nothing speaks against the row's time."""
    measured = row.measured
    if measured is None:
        return ""
    found = []
    count = measured.seconds.replicates
    if count < ENOUGH_REPLICATES:
        found.append("1 process" if count == 1 else f"{count} processes")
    if measured.waiting > BUSY or (measured.other_cores or 0) > DISTURBED:
        found.append("busy machine")
    if row.facts.tenants:
        found.append("GPU shared")
    if row.facts.slowed_by:
        found.append("GPU clock held down")
    return ", ".join(found)
