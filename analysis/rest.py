"""What takes the rest where the two speedups, end to end and resident, are far apart: copies, reading, other.

End to end over resident is the share of its time that the GPU side computes, over that of the CPU side. So where they
differ by more than a factor of two, one of the two sides computes for less than half of its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from residency.analysis.clocks import kind_of
from residency.analysis.row import Row

APART = 2.0  # times


@dataclass(frozen=True)
class Rest:
    """Where the time of the side that computes less goes: shares of its time, means over `rows`."""

    device: str
    implementation: str | None  # None if there are several
    computing: float
    put: float  # copying to the device
    get: float  # and back
    io: float
    other: float  # outside its stages


def rest(end_to_end: float, resident: float, on_gpu: Sequence[Row], on_cpu: Sequence[Row]) -> Rest | None:
    """What takes the rest, from the rows of both sides; None if the two speedups are not far apart."""
    if max(end_to_end, resident) <= APART * min(end_to_end, resident):
        return None
    rows = on_gpu if resident > end_to_end else on_cpu
    rests = [rest_of(row) for row in rows if row.measured and row.measured.clocks.end_to_end]
    if not rests:
        return None
    names = ("computing", "put", "get", "io", "other")
    means = {name: fmean(getattr(found, name) for found in rests) for name in names}
    return Rest(rows[0].cell.device, rests[0].implementation if len(rests) == 1 else None, **means)


def less_computing(*rows: Row) -> Row:
    """The one of these rows that computes for the smallest share of its time."""
    return min(rows, key=lambda row: rest_of(row).computing)


def rest_of(row: Row) -> Rest:
    """Where the time of one row goes."""
    shares = dict.fromkeys(("compute", "put", "get", "io", "other"), 0.0)
    stages = row.measured.stages if row.measured else {}
    total = sum(stages.values())
    for name, time in stages.items():
        kind = kind_of(name)
        shares[name if kind == "transfer" else "other" if kind == "start" else kind] += time / total
    computing = shares.pop("compute")
    return Rest(row.cell.device, row.cell.implementation, computing, **shares)
