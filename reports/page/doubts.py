"""What makes a number less sure, in a few words that stand beside it."""

from __future__ import annotations

from residency.analysis.row import Row
from residency.harness.statistics import BUSY, ENOUGH_REPLICATES
from residency.reports.answers import DISTURBED


def beside(row: Row) -> str:
    """`1 process, busy machine`; empty if nothing speaks against the row's time."""
    return ", ".join([*few(row), *disturbed(row)])


def few(row: Row) -> list[str]:
    """`1 process`, if these are fewer than a sure answer needs."""
    count = row.measured.seconds.replicates if row.measured else ENOUGH_REPLICATES
    return [] if count >= ENOUGH_REPLICATES else ["1 process" if count == 1 else f"{count} processes"]


def disturbed(row: Row) -> list[str]:
    """What else used the machine, or slowed its GPU, while the row was measured."""
    if row.measured is None:
        return []
    found = []
    if row.measured.waiting > BUSY or (row.measured.other_cores or 0) > DISTURBED:
        found.append("busy machine")
    if row.facts.tenants:
        found.append("GPU shared")
    if row.facts.slowed_by:
        found.append("GPU clock held down")
    return found
