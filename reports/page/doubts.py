"""What makes a number less sure, in a few words that stand beside it."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.harness.statistics import BUSY, ENOUGH_REPLICATES
from residency.reports.answers import DISTURBED
from residency.reports.endings import REHEARSED, ending


def beside(row: Row) -> str:
    """`1 process, busy machine`; empty if nothing speaks against the row's time."""
    return of_rows([row])


def of_rows(rows: Sequence[Row]) -> str:
    """The same of a number that was made from several rows: `1 to 5 processes, busy machine`."""
    return ", ".join([*few(rows), *disturbed(rows)])


def few(rows: Sequence[Row]) -> list[str]:
    """`1 process`, if these are fewer than a sure answer needs."""
    counts = [row.measured.seconds.replicates for row in rows if row.measured is not None]
    return [processes(counts)] if counts and min(counts) < ENOUGH_REPLICATES else []


def disturbed(rows: Sequence[Row]) -> list[str]:
    """What else used the machine, or slowed its GPU, while the rows were measured."""
    found = []
    timed = [row for row in rows if row.measured is not None]
    measured = [row.measured for row in rows if row.measured is not None]
    if any(of_row.waiting > BUSY or (of_row.other_cores or 0) > DISTURBED for of_row in measured):
        found.append("busy machine")
    if any(row.facts.tenants for row in timed):
        found.append("GPU shared")
    if any(row.facts.slowed_by for row in timed):
        found.append("GPU clock held down")
    return found


def processes(counts: Sequence[int]) -> str:
    """`1 process`, `2 processes` or `1 to 5 processes`."""
    least, most = min(counts), max(counts)
    if least == most:
        return "1 process" if most == 1 else f"{most} processes"
    return f"{least} to {most} processes"


def of_run(found: Findings) -> list[str]:
    """What is unusual about a whole run, each in a few words; empty if nothing is."""
    said = []
    counts = [row.measured.seconds.replicates for row in found.rows if row.measured is not None]
    if counts and min(counts) < ENOUGH_REPLICATES:
        said.append(f"{'all' if max(counts) < ENOUGH_REPLICATES else 'some'} results come from fewer than {ENOUGH_REPLICATES} processes")
    rehearsed = any(ending(row) == REHEARSED for row in found.rows)
    if rehearsed:
        said.append("a rehearsal of GPU code without a GPU, so nothing was timed")
    elif not found.records.info.machine.get("gpus"):
        said.append("no GPU, so CPU against CPU")
    if not found.here:
        said.append("recorded on another machine than the one that made this page")
    return said
