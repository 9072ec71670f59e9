"""From runs to series: what one implementation needed on one machine at each measured size, with the runs' names.

Only what was right counts, and on a GPU only what is known to have run there. If two runs hold the same size, the newer
one counts. Series of different machines, devices, threads or workers are never mixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any, Literal

from residency.analysis.doubt import in_doubt
from residency.analysis.likeness import is_slice
from residency.analysis.row import Row
from residency.harness import judgement
from residency.harness.records import Records, Sample
from residency.harness.statistics import Conditions
from residency.planner.fit import BYTES, FIRST_SECONDS, SECONDS, Model, Point, Quantity, model

What = Literal["warm", "first", "host memory", "GPU memory"]
QUANTITIES: Mapping[What, Quantity] = {
    "warm": SECONDS,
    "first": FIRST_SECONDS,
    "host memory": BYTES,
    "GPU memory": BYTES,
}


@dataclass(frozen=True, order=True)
class Key:
    """What is fitted together."""

    task: str
    dataset: str
    implementation: str  # without the number of workers: `partitions@cpu`
    device: str
    machine: str  # the GPU's name; of a CPU also the cores: `AMD EPYC, 2 cores`
    threads: int  # of its process; 0 on a GPU and on a cluster
    workers: int  # 0: one process, no cluster


@dataclass(frozen=True)
class Size:
    """One measured size: for each quantity one value of each process."""

    rows: int
    run: str
    values: Mapping[What, Sequence[float]]
    work: float | None  # floating-point operations, else bytes, as far as declared
    disturbance: float  # of its times: what is known of the spread between processes, beyond that of a quiet machine


@dataclass(frozen=True)
class Series:
    """The measured sizes of a key, the smallest first."""

    key: Key
    sizes: Sequence[Size]
    unit: str
    declared: bool  # whether the task declares its work
    limiter: str  # what limits its time, if neither bytes nor operations do
    made_up: bool
    _fits: dict[What, Model | None] = field(default_factory=dict, compare=False, repr=False)

    def points(self, what: What) -> list[Point]:
        """The measured sizes with values of this quantity."""
        known = [(size, size.values.get(what, ())) for size in self.sizes]
        is_time = QUANTITIES[what].unit == "s"
        return [Point(size.rows, values, size.disturbance if is_time else 0.0) for size, values in known if values]

    def fit(self, what: What) -> Model | None:
        """The law through them, fitted once; None if there are none."""
        if what not in self._fits:
            points = self.points(what)
            self._fits[what] = model(points, QUANTITIES[what], self.growth) if points else None
        return self._fits[what]

    @cached_property
    def growth(self) -> float | None:
        """The power with which the declared work grows from the smallest to the largest size; None if unknown."""
        known = [(size.rows, size.work) for size in self.sizes if size.work]
        if len(known) < 2:
            return None
        (few, little), *_, (many, much) = known
        return math.log(much / little) / math.log(many / few)

    @property
    def source(self) -> str:
        """Where its numbers come from: runs, sizes, processes."""
        first, last = self.sizes[0].rows, self.sizes[-1].rows
        runs = ", ".join(dict.fromkeys(size.run for size in self.sizes))
        sizes = (
            f"{last:,} {self.unit}"
            if len(self.sizes) == 1
            else (f"{len(self.sizes)} sizes from {first:,} to {last:,} {self.unit}")
        )
        processes = sum(len(size.values.get("warm", ())) for size in self.sizes)
        return f"{'made-up ' if self.made_up else ''}run {runs}: {sizes}, {processes} processes"


def series(runs: Iterable[tuple[Records, Sequence[Row]]]) -> list[Series]:
    """Every series of some runs with their rows, the oldest run first; sorted by key."""
    sizes: dict[Key, dict[int, Size]] = {}
    about: dict[Key, tuple[str, bool, str, bool]] = {}
    for run, found in runs:
        samples = {
            (cell.task, cell.dataset, cell.size, cell.implementation): known.samples
            for cell, known in judgement.evidence(run).items()
        }
        for row in found:
            if (key := key_of(row, run.info.machine)) is None or row.cell.rows is None:
                continue
            task = run.info.tasks.get(row.cell.task)
            if task is not None and row.cell.implementation in task.beside:
                continue
            sizes.setdefault(key, {})[row.cell.rows] = _size(row, samples[row.key], run.folder.name)
            declared = bool(row.facts.flops or row.facts.bytes)
            made_up = run.info.made_up or (key in about and about[key][3])
            about[key] = (row.facts.unit, declared, row.facts.limiter, made_up)
    return [
        Series(key, [size for _, size in sorted(of_key.items())], *about[key]) for key, of_key in sorted(sizes.items())
    ]


def machine_of(device: str, machine: Mapping[str, Any]) -> str:
    """The name of the hardware that computed; a part of a GPU (MIG) is called so."""
    if device == "cpu":
        return f"{machine.get('cpu')}, {machine.get('cores')} cores"
    boards = machine.get("gpus") or [{}]
    name = str(boards[0].get("name") or "an unknown GPU")
    return f"{name} MIG" if is_slice(boards[0]) and "mig" not in name.lower() else name


def key_of(row: Row, machine: Mapping[str, Any]) -> Key | None:
    """What it is fitted together with; None if it does not count."""
    if row.measured is None or in_doubt(row):
        return None
    cell, on_cpu = row.cell, row.cell.device == "cpu"
    name = f"{cell.implementation.partition('@')[0]}@{cell.device}"
    workers = cell.workers if cell.runner == "cluster" else 0
    threads = (row.facts.threads or 0) if on_cpu and not workers else 0
    return Key(cell.task, cell.dataset, name, cell.device, machine_of(cell.device, machine), threads, workers)


def _size(row: Row, samples: Sequence[Sample], run: str) -> Size:
    processes: dict[int, list[Sample]] = {}
    for sample in samples:
        processes.setdefault(sample.replicate, []).append(sample)
    of_each = list(processes.values())
    values: dict[What, list[float]] = {
        "warm": [median(times) for process in of_each if (times := _seconds(process, "timed"))],
        "first": [times[0] for process in of_each if (times := _seconds(process, "cold"))],
        "host memory": _peaks([[sample.peak_host_bytes for sample in process] for process in of_each]),
        "GPU memory": _peaks([[sample.peak_device_bytes for sample in process] for process in of_each]),
    }
    return Size(row.cell.rows or 0, run, values, row.facts.flops or row.facts.bytes, _disturbance(row))


def _seconds(process: Iterable[Sample], phase: str) -> list[float]:
    return [sample.seconds for sample in process if sample.phase == phase]


def _peaks(processes: Iterable[Iterable[int | None]]) -> list[float]:
    highest = [max((peak or 0 for peak in peaks), default=0) for peaks in processes]
    return [float(peak) for peak in highest if peak > 0]


def _disturbance(row: Row) -> float:
    """From how long the work waited for a core; half of the variance, which is that of a ratio."""
    if row.measured is None:
        return 0.0
    seconds = row.measured.seconds
    conditions = Conditions(row.facts.threads or 1, row.measured.waiting, seconds.value)
    return math.sqrt(conditions.variance(max(1.0, seconds.samples / seconds.replicates)) / 2)
