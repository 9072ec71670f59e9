"""The samples of each process, and which of them something disturbed: for readers who want to see all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from residency.analysis.row import Key
from residency.harness import judgement
from residency.harness.busy import DISTURBED, TICKS_SECONDS
from residency.harness.records import Records, Sample


@dataclass
class Process:
    """What one process measured, in seconds, in the order of the rounds."""

    replicate: int
    cold: list[float] = field(default_factory=list)
    warmup: list[float] = field(default_factory=list)
    timed: list[float] = field(default_factory=list)
    disturbed: dict[int, str] = field(default_factory=dict)  # timed samples by their place, and what disturbed them

    @property
    def middle(self) -> float | None:
        """The median of its timed samples."""
        return median(self.timed) if self.timed else None

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The shortest and the longest of its timed samples."""
        return (min(self.timed), max(self.timed)) if self.timed else (None, None)


def processes(records: Records) -> Mapping[Key, Sequence[Process]]:
    """The processes of every cell."""
    made: dict[Key, Sequence[Process]] = {}
    for cell, found in judgement.evidence(records).items():
        of_cell: dict[int, Process] = {}
        for sample in found.samples:
            _add(of_cell.setdefault(sample.replicate, Process(sample.replicate)), sample)
        made[cell.task, cell.dataset, cell.size, cell.implementation] = [of_cell[key] for key in sorted(of_cell)]
    return made


def _add(process: Process, sample: Sample) -> None:
    if sample.phase == "timed" and (why := disturbance(sample)):
        process.disturbed[len(process.timed)] = why
    {"cold": process.cold, "warmup": process.warmup, "timed": process.timed}[sample.phase].append(sample.seconds)


def disturbance(sample: Sample) -> str:
    """What disturbed a sample; empty if nothing is known to have."""
    if sample.tenants:
        return "another process on the GPU"
    if sample.slowed_by:
        return "GPU clock held down"
    others = sample.other_cpu_seconds
    if others is not None and sample.seconds * sample.calls >= TICKS_SECONDS and others > DISTURBED * sample.seconds:
        return "other processes on the CPU"
    return ""
