"""How close is it to the device's limits? The least time it could take, by peaks measured in the same run.

A task may declare the work of its whole algorithm as the best implementation does it, as floating-point operations and
bytes moved. A device needs at least the time for these operations at its peak, or for these bytes at its peak,
whichever is longer. That time as a share of the compute clock says how much is left to gain. If a task's time is not
bounded by bytes or operations, it names its limiter, and a low share means that limiter and not a weak implementation.

The peaks are those of the run itself: the best that an implementation of the foundations reached on the same device,
at the largest size. Nothing is taken from a data sheet. A share above one is not a success: something is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from residency.analysis.doubt import in_doubt
from residency.analysis.row import Limit, Roofline, Row

TOPIC = "foundations/"  # whose tasks measure devices: their gains are no gains of work
DOUBT = "it is not known whether it ran on the GPU"
BELIEVED = 1.05  # a share beyond it is a mistake, not a measurement's spread
# The task, its figures, and their unit in bytes or operations. Most CPUs read a line before they write to it (write
# allocate), and move half as much again as a copy counts; a triad that writes over what it has read moves no more.
# Some GPUs multiply float64 as fast as float32.
FIGURES: Mapping[Limit, tuple[str, tuple[str, ...], float]] = {
    "memory": (f"{TOPIC}bandwidth", ("copy_gb_per_s", "triad_gb_per_s"), 1e9),
    "arithmetic": (f"{TOPIC}matrix_product", ("float32_tflops", "float64_tflops"), 1e12),
}


def with_rooflines(found: Sequence[Row]) -> list[Row]:
    """The rows of a run, each with its roofline, or with the reason why it is not known."""
    peaks = {device: {limit: peak(found, device, limit) for limit in FIGURES} for device in ("cpu", "gpu")}
    return [_with_roofline(row, peaks[row.cell.device]) for row in found]


@dataclass(frozen=True)
class Peak:
    """The best that a device reached, and which figure of which row says so."""

    rate: float  # bytes or operations a second
    row: Row
    figure: str


def peak(found: Sequence[Row], device: str, limit: Limit) -> float | None:
    """The best of a device, in bytes or operations a second: at the largest size that was measured."""
    measured = measured_peak(found, device, limit)
    return measured.rate if measured else None


def measured_peak(found: Sequence[Row], device: str, limit: Limit) -> Peak | None:
    """The same, with where it was measured."""
    task, figures, unit = FIGURES[limit]
    measured = [
        Peak(unit * row.measured.figures[name], row, name)
        for row in found
        for name in figures
        if (row.cell.task, row.cell.device, row.cell.runner) == (task, device, "local")
        and row.measured is not None
        and not in_doubt(row)
        and name in row.measured.figures
    ]
    largest = max((known.row.cell.rows or 0 for known in measured), default=0)
    at_largest = (known for known in measured if (known.row.cell.rows or 0) == largest)
    return max(at_largest, key=lambda known: known.rate, default=None)


def without_peaks(found: Sequence[Row]) -> dict[str, list[str]]:
    """The devices whose peaks the run lacks though it measured declared work on them, and the tasks that tell them."""
    declared = {
        row.cell.device
        for row in found
        if row.measured and row.cell.runner == "local" and not in_doubt(row) and (row.facts.flops or row.facts.bytes)
    }
    missing = {
        device: [task for limit, (task, _, _) in FIGURES.items() if not peak(found, device, limit)]
        for device in sorted(declared)
    }
    return {device: tasks for device, tasks in missing.items() if tasks}


def _with_roofline(row: Row, peaks: Mapping[Limit, float | None]) -> Row:
    if row.measured is None:  # the outcome says why
        return row
    found = DOUBT if in_doubt(row) else _roofline(row, row.measured.clocks.compute, peaks)
    if isinstance(found, str):
        return replace(row, facts=replace(row.facts, unknown={**row.facts.unknown, "roofline": found}))
    return replace(row, compared=replace(row.compared, roofline=found))


def _roofline(row: Row, seconds: float, peaks: Mapping[Limit, float | None]) -> Roofline | str:
    """A row's roofline, or why there is none."""
    flops, moved = row.facts.flops or 0, row.facts.bytes or 0
    if not flops and not moved:
        return "the least work of its task is not declared"
    if row.cell.runner != "local":
        return "the peaks are those of one device, and this ran on a cluster"
    memory, arithmetic = peaks["memory"], peaks["arithmetic"]
    if not memory or not arithmetic:
        missing = [FIGURES[limit][0] for limit, value in peaks.items() if not value]
        return f"this run measured no peaks of the {row.cell.device.upper()}: run {' and '.join(missing)} beside it"
    if not seconds:
        return "none of its stages computes"
    times: dict[Limit, float] = {"memory": moved / memory, "arithmetic": flops / arithmetic}
    limit: Limit = "memory" if times["memory"] >= times["arithmetic"] else "arithmetic"
    share = times[limit] / seconds
    rates = (share, flops / seconds, flops / moved if moved else 0.0)
    if not all(map(math.isfinite, rates)):
        return "its work, its time or the peaks of its device are too far from each other to be compared"
    return Roofline(
        share=share,
        limit=limit,
        least_seconds=times[limit],
        bytes_per_second=memory,
        flops_per_second=arithmetic,
        mistaken=share > BELIEVED,
        limiter=row.facts.limiter,
        achieved_flops_per_second=flops / seconds,
        intensity=flops / moved if moved else None,
    )
