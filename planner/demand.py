"""What a job needs of the hardware, from measured runs: minutes, memory, and where the numbers come from.

A request names a task, a number of rows and a machine. The fastest correct implementation that was measured there
answers it, by its fit over size (`fit.py`). Other hardware is asked only through the roofline: the time changes by a
factor between the ratio of the two memories' speeds and the ratio of the two arithmetic peaks, both measured by the
foundations; the range is widened, and the demand says `transferred`. Everything else is refused with a reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from residency.analysis.roofline import FIGURES, TOPIC, measured_peak
from residency.analysis.row import Limit, Row
from residency.analysis.rows import rows
from residency.analysis.scaling import BEYOND as MORE_WORKERS
from residency.analysis.scaling import Law, scalings
from residency.harness.errors import likely
from residency.harness.records import Records, moment
from residency.harness.statistics import Interval
from residency.harness.task_info import TaskInfo
from residency.planner.fit import LEVEL, Prediction, Refused
from residency.planner.series import Key, Series, What, key_of, series

Kind = Literal["measured", "assumed", "transferred"]
WIDER = 1.5  # factor at both ends of a transferred time: the same code does not use every device's peaks alike


@dataclass(frozen=True)
class Request:
    """One job."""

    task: str
    rows: int | str  # or a size of the task, such as `lab`
    dataset: str = ""  # by default the task's first one that was measured
    device: str = "cpu"
    machine: str = ""  # words of the hardware's name, such as `h200`; by default the only one that was measured
    workers: int = 1  # processes on as many units; one is no cluster
    implementation: str = ""  # such as `estimator@gpu`; by default the fastest correct one
    warm: bool = False  # whether the process is already there, with its imports; a job is a fresh one


@dataclass(frozen=True)
class Demand:
    """What one job needs. The intervals hold a fresh process's value at the level that was asked for."""

    minutes: Interval
    memory_bytes: Interval | None  # of each unit: GPU memory on a GPU, else host memory; None if nobody measured it
    source: str
    kind: Kind
    implementation: str = ""
    machine: str = ""
    rows: int | None = None
    host_bytes: Interval | None = None  # of each unit's process
    made_up: bool = False  # its runs are made up: nothing was measured

    @property
    def memory_needed(self) -> int | None:
        """Bytes to reserve on each unit: the upper end, because memory is a hard limit; None if not known."""
        return math.ceil(self.memory_bytes.high) if self.memory_bytes else None


@dataclass(frozen=True)
class Scaled:
    """The scaling law of an implementation on one machine, and the run that it comes from."""

    law: Law
    most: int  # workers measured
    run: str


@dataclass(frozen=True)
class Measured:
    """What some runs say about all their tasks."""

    series: Sequence[Series]
    tasks: Mapping[str, TaskInfo]
    peaks: Mapping[tuple[str, str, int], tuple[str, Sequence[Row]]]  # run and rows by device, machine and threads
    laws: Mapping[Key, Scaled]  # by the key of one worker

    def machines(self, device: str) -> list[str]:
        """The hardware with measured times."""
        return sorted({known.key.machine for known in self.series if known.key.device == device})

    def demand(self, request: Request, level: float = LEVEL) -> Demand | Refused:
        """What the job needs, or why nobody can say."""
        count = self._count(request)
        known = self._known(request)
        if isinstance(count, Refused):
            return count
        if isinstance(known, Refused):
            return known
        known = sorted(known, key=lambda one: -one.sizes[-1].rows)  # the reason that counts is that of the widest reach
        here = [one for one in known if is_named(request.machine, one.key.machine)]
        names = sorted({one.key.machine for one in here})
        if len(names) > 1:
            return Refused(f"{request.task} was measured on {' and on '.join(names)}: name one of them")
        if not here:
            tried = self._elsewhere(request, known, count, level)
        elif exact := [one for one in here if max(1, one.key.workers) == request.workers]:
            tried = [_demand(one, request, count, level) for one in exact]
        else:
            tried = [self._scaled(one, request, count, level) for one in here if one.key.workers == 1]
        made = [one for one in tried if isinstance(one, Demand)]
        if made:
            return min(made, key=lambda one: one.minutes.value)
        reasons = [one for one in tried if isinstance(one, Refused)]
        return reasons[0] if reasons else Refused(f"{request.task} was not measured on one worker: no law can be asked")

    def _count(self, request: Request) -> int | Refused:
        """The number of rows."""
        task = self.tasks.get(request.task)
        if task is None:
            near = likely(request.task, self.tasks)
            hint = f"did you mean {' or '.join(near)}?" if near else f"measure it: residency run {request.task}"
            return Refused(f"no run measured the task {request.task}; {hint}")
        if request.workers < 1:
            return Refused(f"{request.workers} workers: a job needs at least one")
        if isinstance(request.rows, str):
            if request.rows not in task.sizes:
                return Refused(f"{request.task} has no size {request.rows}; its sizes are {', '.join(task.sizes)}")
            return task.sizes[request.rows]
        return request.rows if request.rows > 0 else Refused(f"{request.rows} rows: a job needs at least one")

    def _known(self, request: Request) -> list[Series] | Refused:
        """The series that may answer it, on any machine."""
        mine = [one for one in self.series if one.key.task == request.task]
        place = "a GPU" if request.device == "gpu" else "the CPU"
        on_device = [one for one in mine if one.key.device == request.device]
        if not on_device:
            return Refused(
                f"no run has a right result of {request.task} on {place}: measure it there "
                f"(residency run {request.task} --devices {request.device}), or give its minutes and memory_gb"
            )
        datasets = [*self.tasks[request.task].datasets, *sorted({one.key.dataset for one in on_device})]
        dataset = request.dataset or next(
            name for name in datasets if any(one.key.dataset == name for one in on_device)
        )
        clustered = request.workers > 1
        found = [
            one
            for one in on_device
            if one.key.dataset == dataset
            and (one.key.workers > 0) == clustered
            and request.implementation in ("", one.key.implementation)
        ]
        if found:
            return found
        what = request.implementation or ("an implementation for a cluster" if clustered else "one process")
        return Refused(f"no run has a right result of {request.task} on {dataset} and {place} by {what}: measure it")

    def _scaled(self, known: Series, request: Request, count: int, level: float) -> Demand | Refused:
        """On another number of workers than any that was measured, by the scaling law from one worker on."""
        scaled = self.laws.get(known.key)
        if scaled is None:
            return Refused(
                f"{request.task} was not measured on {request.workers} workers, and no run holds its scaling law: "
                f"residency scale {request.task} --workers 1,2,4"
            )
        reach = scaled.most * (MORE_WORKERS if scaled.law.coherence else 1)
        if request.workers > reach:
            why = "twice " if scaled.law.coherence else ""
            return Refused(f"{request.workers} workers are more than {why}the most that were measured ({scaled.most})")
        one = _demand(known, request, count, level)
        if isinstance(one, Refused):
            return one
        speed = _speed(scaled.law, request.workers)
        source = f"{one.source}; divided by the scaling law of run {scaled.run} at {request.workers} workers"
        memory = self._of_most(known.key, request, count, level)
        return replace(one, minutes=_divided(one.minutes, speed), source=source, **memory)

    def _of_most(self, key: Key, request: Request, count: int, level: float) -> dict[str, Any]:
        """The memory of each worker where the most were measured, up to as many as are asked for: more need less."""
        alike = [
            one
            for one in self.series
            if 0 < one.key.workers <= request.workers and replace(one.key, workers=key.workers) == key
        ]
        found = _demand(max(alike, key=lambda one: one.key.workers), request, count, level)
        if isinstance(found, Refused):
            return {}
        return {"memory_bytes": found.memory_bytes, "host_bytes": found.host_bytes}

    def _elsewhere(self, request: Request, known: Sequence[Series], count: int, level: float) -> list[Demand | Refused]:
        """On hardware where the task was not measured: through the roofline."""
        place = "GPU" if request.device == "gpu" else "CPU"
        targets = {key: rows for key, rows in self.peaks.items() if key[0] == request.device}
        targets = {key: rows for key, rows in targets.items() if is_named(request.machine, key[1])}
        if not targets:
            tasks = " ".join(dict.fromkeys(task for task, _, _ in FIGURES.values()))
            there = ", ".join(sorted({one.key.machine for one in known}))
            return [
                Refused(
                    f"{request.task} was not measured on the {place} {request.machine}, only on {there}, and no run "
                    f"has the peaks of {request.machine}: measure the task there, or residency run {tasks}"
                )
            ]
        return [self._transferred(one, key, request, count, level) for one in known for key in targets]

    def _transferred(
        self, known: Series, target: tuple[str, str, int], request: Request, count: int, level: float
    ) -> Demand | Refused:
        """By the peaks of both machines. What a first execution takes longer than a warm one stays as it is."""
        own = (known.key.device, known.key.machine, known.key.threads)
        if known.limiter or not known.declared:
            why = f"is limited by {known.limiter}" if known.limiter else "does not declare its work"
            return Refused(f"{request.task} {why}, so no roofline tells its time on other hardware: measure it there")
        if request.workers > 1:
            return Refused(f"{request.task} on a cluster: the roofline is that of one device; measure it there")
        if own not in self.peaks or target[2] != own[2]:
            return Refused(f"no run has the peaks of {known.key.machine} with as many threads as on {target[1]}")
        whole, warm = _demand(known, request, count, level), known.fit("warm")
        if isinstance(whole, Refused) or warm is None:
            return whole
        seconds = warm.predict(count, level)
        if isinstance(seconds, Refused):
            return seconds
        ratios = []
        for limit in FIGURES:
            before, after = self._peak(own, limit), self._peak(target, limit)
            if before is None or after is None:
                lacking = known.key.machine if before is None else target[1]
                return Refused(f"no run has the peak of {limit} of {lacking}: residency run {FIGURES[limit][0]}")
            ratios.append(before / after)
        low, high = min(ratios) / WIDER, max(ratios) * WIDER
        stays = max(0.0, whole.minutes.value * 60 - seconds.value)
        minutes = Interval(
            (stays + seconds.value * math.sqrt(ratios[0] * ratios[1])) / 60,
            (stays + seconds.low * low) / 60,
            (stays + seconds.high * high) / 60,
        )
        source = (
            f"transferred from {known.key.machine} to {target[1]} by the peaks of runs {self.peaks[own][0]} and "
            f"{self.peaks[target][0]}, times {low:.2g} to {high:.2g}; {whole.source}"
        )
        return replace(whole, minutes=minutes, source=source, kind="transferred", machine=target[1])

    def _peak(self, place: tuple[str, str, int], limit: Limit) -> float | None:
        found = measured_peak(self.peaks[place][1], place[0], limit)
        return found.rate if found else None


def from_runs(runs: Iterable[Records]) -> Measured:
    """What these runs say. If two hold the same, the newer one counts."""
    known = [(run, rows(run)) for run in sorted(runs, key=lambda run: moment(run.info.started))]
    tasks = {name: task for run, _ in known for name, task in run.info.tasks.items()}
    peaks: dict[tuple[str, str, int], tuple[str, Sequence[Row]]] = {}
    laws: dict[Key, Scaled] = {}
    for run, found in known:
        of_place: dict[tuple[str, str, int], list[Row]] = {}
        for row in found:
            key = key_of(row, run.info.machine)
            if key is not None and row.cell.task.startswith(TOPIC) and not key.workers:
                of_place.setdefault((key.device, key.machine, key.threads), []).append(row)
        for place, foundations in of_place.items():
            if all(measured_peak(foundations, place[0], limit) for limit in FIGURES):
                peaks[place] = run.folder.name, foundations
        for scaled in scalings(run, found):
            first = next((strong.row for strong in scaled.strong if strong.workers == 1), None)
            key = key_of(first, run.info.machine) if first else None
            if key is not None and scaled.law is not None:
                laws[key] = Scaled(scaled.law, scaled.strong[-1].workers, run.folder.name)
    return Measured(series(known), tasks, peaks, laws)


def is_named(words: str, machine: str) -> bool:
    """Whether all these words are in a machine's name: `h200` names `NVIDIA H200`, but not a part of it (MIG)."""
    name, asked = (re.findall(r"[a-z0-9.]+", text.lower()) for text in (machine, words))
    return all(word in name for word in asked) and (not asked or "mig" not in name or "mig" in asked)


def _demand(known: Series, request: Request, count: int, level: float) -> Demand | Refused:
    seconds = _predicted(known, "warm" if request.warm else "first", count, level)
    if seconds is None:
        return Refused(f"no process of {request.task} by {known.key.implementation} has a first execution on record")
    if isinstance(seconds, Refused):
        return Refused(f"{request.task} by {known.key.implementation}: {seconds.reason}")
    host = _memory(known, "host memory", count, level)
    return Demand(
        minutes=_times(seconds, 1 / 60),
        memory_bytes=_memory(known, "GPU memory", count, level) if request.device == "gpu" else host,
        source=f"{known.key.implementation} on {known.key.machine}, {known.source}",
        kind="measured",
        implementation=known.key.implementation,
        machine=known.key.machine,
        rows=count,
        host_bytes=host,
        made_up=known.made_up,
    )


def _predicted(known: Series, what: What, count: int, level: float) -> Prediction | Refused | None:
    fitted = known.fit(what)
    return fitted.predict(count, level) if fitted else None


def _memory(known: Series, what: What, count: int, level: float) -> Interval | None:
    """Of each unit: what a cluster took altogether, divided among its workers."""
    found = _predicted(known, what, count, level)
    return _times(found, 1 / max(1, known.key.workers)) if isinstance(found, Prediction) else None


def _times(found: Interval, factor: float) -> Interval:
    return Interval(found.value * factor, found.low * factor, found.high * factor)


def _divided(found: Interval, by: Interval) -> Interval:
    """A quotient of independent values: as logarithms, the distances to the bounds add up in quadrature."""
    value = found.value / by.value
    below = math.hypot(math.log(found.value / found.low), math.log(by.high / by.value))
    above = math.hypot(math.log(found.high / found.value), math.log(by.value / by.low))
    return Interval(value, value / math.exp(below), value * math.exp(above))


def _speed(law: Law, workers: int) -> Interval:
    """The fitted law between the points of its curve."""
    counts = np.log([point.workers for point in law.curve])
    bounds = (np.log([getattr(point.speed, name) for point in law.curve]) for name in ("value", "low", "high"))
    return Interval(*(float(np.exp(np.interp(math.log(workers), counts, bound))) for bound in bounds))
