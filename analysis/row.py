"""A row of a report: what a run says about one implementation at one size. Times in seconds, memory in bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from residency.analysis.clocks import Clocks
from residency.harness.records import Cell
from residency.harness.statistics import Interval, VerdictName
from residency.harness.task_info import Way

Key = tuple[str, str, str, str]
"""Task, dataset, size, implementation."""
Group = tuple[str, str, str]
"""Task, dataset and size."""
Limit = Literal["memory", "arithmetic"]


@dataclass(frozen=True)
class Seconds(Interval):
    """A median time."""

    samples: int
    replicates: int


@dataclass(frozen=True)
class Ratio(Interval):
    """How many times as fast as another: a ratio of times, and what it says."""

    verdict: VerdictName


@dataclass(frozen=True)
class Speedup(Ratio):
    """How many times as fast as the baseline."""

    baseline: str
    processes_needed: int | None = None  # about, where it is inconclusive; None where it is too close to tell


@dataclass(frozen=True)
class Resident(Speedup):
    """How many times as fast as the baseline with the data resident, by the compute clocks alone."""

    at_least: bool = False  # its compute clock also holds the copy of its data, so it computes even faster


@dataclass(frozen=True)
class BreakEven:
    """Calls after which it has caught up with the baseline, cold start included; None is never."""

    calls: int | None
    least: int | None  # by the ratio's 95 % interval
    most: int | None


@dataclass(frozen=True)
class Roofline:
    """A row's distance to the limits of its device."""

    share: float  # of the time on the compute clock that the device would have needed at its limit
    limit: Limit  # which of the two it is
    least_seconds: float
    bytes_per_second: float  # the peaks that were measured
    flops_per_second: float
    mistaken: bool  # faster than the device can be: the declared work or the clock is wrong
    limiter: str = ""  # what limits the task's time instead, if it declares that
    achieved_flops_per_second: float = 0.0  # the declared operations on the compute clock
    intensity: float | None = None  # operations per byte moved; None if no bytes are declared


@dataclass(frozen=True)
class Result:
    """How it ended, and how good its result is."""

    outcome: str
    reason: str
    quality: float | None
    error: float | None  # the quality's standard error, from the things that were judged
    metric: str
    reference: float | None


@dataclass(frozen=True)
class Facts:
    """What is recorded about it, however it ended."""

    unit: str  # what the cell's `rows` counts
    data_hash: str
    threads: int | None
    parameters: dict[str, Any]
    flops: float | None  # the work as the best implementation does it, where it is declared
    bytes: float | None
    limiter: str  # what limits the task's time, if it is neither of them
    peak_host_bytes: int | None
    peak_device_bytes: int | None  # of all GPUs together
    device_megahertz: int | None  # the lowest clock of any GPU
    slowed_by: list[str]  # what held the GPUs' clocks down
    tenants: int | None  # other processes that computed on the GPUs, at most
    gpus: list[dict[str, Any]]  # the same of each GPU, by `index`
    events: list[str]  # what happened while it was measured that a reader must know
    remarks: list[str]  # on the data, and on what was tried again
    unknown: dict[str, str]  # why measures are None
    tier: int | None  # what a rehearsal saw of it (harness/tiers.py)
    way: Way | None = None  # how it uses a GPU (analysis/ways.py); None on a CPU, and in older runs
    lines: int | None = None  # of code in its function


@dataclass(frozen=True)
class Measured:
    """Its time, from the samples whose results were right, and what else these samples say."""

    seconds: Seconds
    stages: dict[str, float]  # shares of the time, scaled so that they add up to the median
    clocks: Clocks
    cold_seconds: float | None
    cold_stages: dict[str, float]
    per_second: float | None  # of the cell's rows
    cores_used: float | None
    joules: float | None  # an execution's, of its device: the GPU's board or the processors' packages
    cpu_joules: float | None  # of the processors' packages, everything on them
    figures: dict[str, float]  # that the implementation measured itself, medians over the samples
    cluster: dict[str, float]  # what a cluster's workers spent together, in seconds and bytes, medians over the samples
    other_cores: float | None  # cores that other processes kept busy meanwhile
    waiting: float  # part of its time that the work waited for a core: its own or its group's
    resident: Seconds | None = None  # its compute clock; None where that holds more than computing, or too little


@dataclass(frozen=True)
class Compared:
    """How it compares: with the strongest correct CPU implementation, its twin, and the limits of its device."""

    speedup: Speedup | None = None
    twin: Speedup | None = None
    break_even: BreakEven | None = None
    roofline: Roofline | None = None  # by the limits of its device as measured in the same run
    resident: Resident | None = None  # over the strongest correct CPU implementation by the compute clock


@dataclass(frozen=True)
class Row:
    """What a run has to say of one implementation at one size."""

    cell: Cell
    result: Result
    facts: Facts
    measured: Measured | None  # None where no time counts: the result says why
    compared: Compared = field(default_factory=Compared)

    @property
    def group(self) -> Group:
        """The task, dataset and size within which it is compared."""
        return self.cell.task, self.cell.dataset, self.cell.size

    @property
    def key(self) -> Key:
        """Its cell, within a run of one runner."""
        return *self.group, self.cell.implementation

    @property
    def median(self) -> float:
        """Its median time; infinite if it has none, so that rows can be sorted."""
        return self.measured.seconds.value if self.measured else math.inf
