"""From the records of a run to its rows: one an implementation at a size. Derived whenever asked for, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any

from residency.harness import judgement, statistics
from residency.harness.busy import busy, waiting_of
from residency.harness.environment import slowed_in
from residency.harness.judgement import Evidence, Judgement
from residency.harness.outcomes import Outcome
from residency.harness.records import Cell, OutcomeRecord, Records, RunInfo, Sample, without_collection
from residency.harness.statistics import Conditions
from residency.harness.task_info import TaskInfo
from residency.reports.clocks import Clocks, break_even, clocks, shares
from residency.reports.ratios import looks_of, rivals, side_by_side
from residency.reports.roofline import Roofline, with_rooflines

SCHEMA = 1


@dataclass(frozen=True)
class Seconds:
    """A time with its 95 % interval."""

    median: float
    low: float
    high: float
    samples: int
    replicates: int


@dataclass(frozen=True)
class Speedup:
    """A ratio of times with its 95 % interval: how many times faster than the baseline."""

    ratio: float
    low: float
    high: float
    baseline: str
    verdict: str
    processes_needed: int | None = None  # about, where it is inconclusive; None where it is too close to tell


@dataclass(frozen=True)
class Row:
    """What a run has to say of one implementation at one size. Times in seconds, memory in bytes."""

    task: str
    dataset: str
    size: str
    rows: int | None
    implementation: str
    library: str
    device: str
    runner: str
    workers: int
    outcome: str
    reason: str
    quality: float | None
    quality_error: float | None  # its standard error, from the things that were judged
    metric: str
    reference: float | None
    seconds: Seconds | None
    cold_seconds: float | None
    cold_stages: dict[str, float]
    stages: dict[str, float]  # shares of the time, scaled so that they add up to the median
    speedup: Speedup | None
    twin: Speedup | None
    peak_host_bytes: int | None
    peak_device_bytes: int | None
    joules: float | None  # an execution's, of its device: the GPU's board or the processors' packages
    cpu_joules: float | None  # of the processors' packages, everything on them
    device_megahertz: int | None  # the GPU's lowest clock
    slowed_by: list[str]  # what held the GPU's clock down
    tenants: int | None  # other processes that computed on the GPU, at most
    unknown: dict[str, str]  # why measures are None
    threads: int | None
    cores_used: float | None
    flops: float | None
    bytes: float | None
    data_hash: str
    parameters: dict[str, Any]
    remarks: list[str]
    clocks: Clocks | None
    break_even_calls: int | None  # calls after which it has caught up with the baseline, cold start included
    break_even_between: tuple[int | None, int | None] | None  # by the ratio's 95 % interval; None is never
    unit: str  # what `rows` counts
    per_second: float | None  # of these
    figures: dict[str, float]  # that the implementation measured itself, medians over the samples
    cluster: dict[str, float]  # what a cluster's workers spent together, in seconds and bytes, medians over the samples
    events: list[str]  # what happened while it was measured that a reader must know
    other_cores: float | None  # cores that other processes kept busy meanwhile
    waiting: float | None = None  # part of its time that the work stood in line for a core: its own or its group's
    roofline: Roofline | None = None  # how near it came to the limits of its device, as measured in the same run

    @property
    def group(self) -> tuple[str, str, str]:
        """What it is compared within: task, dataset and size."""
        return self.task, self.dataset, self.size

    @property
    def key(self) -> Key:
        """Its cell, within a run of one runner."""
        return self.task, self.dataset, self.size, self.implementation


def document(records: Records) -> dict[str, Any]:
    """The contract for programs: `{"schema": 1, "run": ..., "rows": [...]}`; warnings are of what slows libraries."""
    return {
        "schema": SCHEMA,
        "run": {**asdict(records.info), "folder": str(records.folder)},
        "rows": [asdict(row) for row in rows(records)],
        "warnings": [asdict(one) for one in slowed_in(records.info)],
    }


Key = tuple[str, str, str, str]
"""Task, dataset, size, implementation."""


def timed_samples(records: Records) -> dict[Key, dict[int, list[float]]]:
    """Seconds of the timed samples, by cell and replicate, in the order of the rounds."""
    return {_key(cell): found.timed() for cell, found in judgement.evidence(records).items()}


@without_collection()
def rows(records: Records, margin: float = statistics.MARGIN) -> list[Row]:
    """Every row of a run, those included that were planned and never measured, in the order of the plan."""
    evidence = judgement.evidence(records)
    judgements = judgement.judge(evidence, records.info)
    by_group: dict[tuple[str, str, str], list[Row]] = {}
    cores = records.info.machine.get("cores_in_machine") or 1
    waiting = waiting_of({cell: found.samples for cell, found in evidence.items()}, cores)
    for cell, found in evidence.items():
        row = _row(cell, found, judgements[cell], records.info, waiting[cell])
        by_group.setdefault(row.group, []).append(row)
    timed = {_key(cell): found.timed() for cell, found in evidence.items()}
    outcomes = {_key(cell): found.outcomes for cell, found in evidence.items()}
    finished: list[Row] = []
    for group in by_group.values():
        task = records.info.tasks.get(group[0].task)
        looks = looks_of(records.info, [one for row in group for one in outcomes[row.key]])
        twins = {row.implementation: records.info.twin_of(row.task, row.implementation) for row in group}
        finished += _compared(group, timed, margin, looks, twins=twins, beside=task.beside if task else ())
    return with_rooflines(finished)


def _key(cell: Cell) -> Key:
    return cell.task, cell.dataset, cell.size, cell.implementation


def _row(cell: Cell, found: Evidence, judged: Judgement, info: RunInfo, waiting: float) -> Row:
    """A row before it is compared with the others of its group."""
    last, ending = found.last, judged.ending
    ok = ending.outcome is Outcome.OK
    timed = [sample for sample in found.samples if sample.phase == "timed"]
    cold = [sample for sample in found.samples if sample.phase == "cold"]
    seconds = _seconds(found, looks_of(info, found.outcomes), waiting) if ok and timed else None
    stages = shares(timed, seconds.median) if seconds else {}
    cold_seconds = median(sample.seconds for sample in cold) if seconds and cold else None
    cold_stages = shares(cold, cold_seconds) if cold_seconds else {}
    known = (found.samples or found.outcomes or [None])[-1]
    task = info.tasks.get(cell.task)
    qualities = [sample.quality for sample in timed or found.samples]
    return Row(
        task=cell.task,
        dataset=cell.dataset,
        size=cell.size,
        rows=known.cell.rows if known else cell.rows,
        implementation=cell.implementation,
        library=cell.library,
        device=cell.device,
        runner=cell.runner,
        workers=cell.workers,
        outcome=str(ending.outcome),
        reason=ending.reason,
        quality=median(qualities) if ok and qualities else last.quality if last else None,
        quality_error=judged.error,
        metric=task.metric if task else "",
        reference=last.reference if last else None,
        seconds=seconds,
        cold_seconds=cold_seconds,
        cold_stages=cold_stages,
        stages=stages,
        speedup=None,
        twin=None,
        peak_host_bytes=max((sample.peak_host_bytes or 0 for sample in found.samples), default=0) or None,
        peak_device_bytes=max((sample.peak_device_bytes or 0 for sample in found.samples), default=0) or None,
        joules=_middle([one.joules for one in timed]) if seconds else None,
        cpu_joules=_middle([one.cpu_joules for one in timed]) if seconds else None,
        device_megahertz=min((one.device_megahertz for one in timed if one.device_megahertz), default=None),
        slowed_by=sorted({name for one in timed for name in one.slowed_by}),
        tenants=max((one.tenants for one in timed if one.tenants is not None), default=None),
        unknown=last.unknown if last else {},
        threads=known.threads if known else None,
        cores_used=_middle([_share(one.cpu_seconds, one) for one in timed]) if seconds else None,
        flops=last.flops if last else None,
        bytes=last.bytes if last else None,
        data_hash=known.data_hash if known else "",
        parameters=last.parameters if last else {},
        remarks=_remarks(cell, found, judged),
        clocks=clocks(stages, cold_seconds, cold_stages) if seconds else None,
        break_even_calls=None,
        break_even_between=None,
        unit=task.unit if task else "rows",
        per_second=_per_second(cell, known, seconds, task),
        figures=_medians([one.figures for one in timed]) if seconds else {},
        cluster=_medians([one.cluster for one in timed]) if seconds else {},
        events=_counted([event for one in found.samples for event in one.events]),
        other_cores=busy(timed).other_cores if seconds else None,
        waiting=waiting if seconds else None,
    )


def _remarks(cell: Cell, found: Evidence, judged: Judgement) -> list[str]:
    """What a reader must know of the data, and of what was tried again after it had failed."""
    if not found.outcomes:
        return []
    failures = [found.where(one) for one in found.outcomes[:-1] if one.outcome == Outcome.FAILED]
    again = [f"{cell.implementation} was tried again: {one.outcome}: {one.reason}" for one in failures]
    untold = [f"{cell.implementation}: {judged.remark}"] if judged.remark else []
    return [*found.outcomes[-1].remarks, *again, *untold]


def _seconds(found: Evidence, looks: int, waiting: float) -> Seconds:
    times = list(found.timed().values())
    conditions = Conditions(found.samples[0].threads, waiting, median(one for process in times for one in process))
    time = statistics.median_time(times, looks, conditions)
    return Seconds(time.value, time.low, time.high, time.samples, time.replicates)


def _per_second(
    cell: Cell, known: Sample | OutcomeRecord | None, seconds: Seconds | None, task: TaskInfo | None
) -> float | None:
    if seconds is None or known is None or not known.cell.rows or (task and cell.implementation in task.beside):
        return None
    return known.cell.rows / seconds.median


def _medians(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for one in measured for name in one)
    return {name: median(one[name] for one in measured if name in one) for name in names}


def _counted(texts: Sequence[str]) -> list[str]:
    """Every text once, with how often it was said."""
    counts = Counter(texts)
    return [f"{text} ({count} times)" if count > 1 else text for text, count in counts.items()]


def _share(part: float | None, sample: Sample) -> float | None:
    return None if part is None else part / sample.seconds


def _middle(values: Sequence[float | None]) -> float | None:
    """The median of what is known."""
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _compared(
    group: list[Row],
    timed: Mapping[Key, dict[int, list[float]]],
    margin: float,
    looks: int,
    *,
    twins: Mapping[str, str | None],
    beside: Sequence[str],
) -> list[Row]:
    """The group with speedups over its strongest correct CPU implementation, and over each GPU side's twin."""
    local = {row.implementation: row for row in group if row.seconds is not None and row.implementation not in beside}
    on_cpu = [row for row in local.values() if row.device == "cpu"]
    baseline = min(on_cpu, key=lambda row: row.seconds.median if row.seconds else 0.0, default=None)

    def ratio(row: Row, base: Row | None, choices: int = 1) -> Speedup | None:
        if base is None or row.implementation not in local:
            return None
        if base.implementation == row.implementation:
            return Speedup(1.0, 1.0, 1.0, base.implementation, "equivalent")
        if (found := side_by_side(timed, base, row, looks * choices)) is None:
            return None
        verdict, needed = statistics.verdict(found, margin), None
        if verdict == "inconclusive":
            needed = statistics.processes_needed(found, (looks + 1) * choices, margin)
        return Speedup(found.value, found.low, found.high, base.implementation, verdict, needed)

    def twin(row: Row) -> Speedup | None:
        if row.device != "gpu":
            return None
        return ratio(row, local.get(twins[row.implementation] or ""))

    compared = [replace(row, speedup=ratio(row, baseline, rivals(row, on_cpu)), twin=twin(row)) for row in group]
    return [_with_break_even(row, baseline) for row in compared]


def _with_break_even(row: Row, baseline: Row | None) -> Row:
    """When its cold start has paid, by the ratio to the baseline that is known best: that of samples side by side."""
    ratio, cold = row.speedup, row.cold_seconds
    if ratio is None or cold is None or baseline is None or baseline.seconds is None or baseline.cold_seconds is None:
        return row
    warm, before = baseline.seconds.median, baseline.cold_seconds
    calls, most, least = (
        break_even(cold, warm / times, before, warm) for times in (ratio.ratio, ratio.low, ratio.high)
    )
    return replace(row, break_even_calls=calls, break_even_between=(least, most))
