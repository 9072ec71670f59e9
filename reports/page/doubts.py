"""What makes a number less sure, in a few words that stand beside it."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.disturbed import Disturbance, disturbances
from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.harness.statistics import ENOUGH_REPLICATES
from residency.reports.endings import REHEARSED, ending

SAID: dict[Disturbance, str] = {"busy": "busy machine", "shared": "GPU shared", "slowed": "GPU clock held down"}
TOO_FAST = "faster than its device can be"


def beside(row: Row) -> str:
    """`1 process, busy machine`; empty if nothing speaks against the row's time."""
    return of_rows([row])


def of_rows(rows: Sequence[Row]) -> str:
    """The same of a number that was made from several rows: `1 to 5 processes, busy machine`."""
    return ", ".join([*few(rows), *disturbed(rows), *([TOO_FAST] if any(map(is_too_fast, rows)) else [])])


def few(rows: Sequence[Row]) -> list[str]:
    """`1 process`, if these are fewer than a sure answer needs."""
    counts = [row.measured.seconds.replicates for row in rows if row.measured is not None]
    return [processes(counts)] if counts and min(counts) < ENOUGH_REPLICATES else []


def disturbed(rows: Sequence[Row]) -> list[str]:
    """What else used the machine, or slowed its GPU, while the rows were measured."""
    kinds = {kind for row in rows for kind in disturbances(row)}
    return [said for kind, said in SAID.items() if kind in kinds]


def is_too_fast(row: Row) -> bool:
    """Whether it is faster than its device can be, by the peaks that the run measured."""
    return row.measured is not None and row.compared.roofline is not None and row.compared.roofline.mistaken


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
        which = "all" if max(counts) < ENOUGH_REPLICATES else "some"
        said.append(f"{which} results come from fewer than {ENOUGH_REPLICATES} processes")
    rehearsed = any(ending(row) == REHEARSED for row in found.rows)
    if rehearsed:
        said.append("a rehearsal of GPU code without a GPU, so nothing was timed")
    if not found.here:
        said.append("recorded on another machine than the one that made this page")
    return said
