"""From the records of a run to its rows, one for each implementation at a size. Always derived, never stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from residency.analysis.boards import boards
from residency.analysis.clocks import break_even, clocks, shares
from residency.analysis.doubt import FELL_BACK, is_untold
from residency.analysis.ratios import Timed, looks_of, rivals, speedup
from residency.analysis.resident import computing, with_resident
from residency.analysis.roofline import with_rooflines
from residency.analysis.row import BreakEven, Compared, Facts, Group, Key, Measured, Result, Row, Seconds, Speedup
from residency.harness import judgement, statistics
from residency.harness.busy import busy, waiting_of
from residency.harness.judgement import Evidence, Judgement
from residency.harness.outcomes import OK, Outcome
from residency.harness.records import Cell, Records, RunInfo, Sample, without_collection
from residency.harness.statistics import Conditions
from residency.harness.task_info import TaskInfo

NO_SAMPLE = "no timed sample was recorded"


def timed_samples(records: Records) -> dict[Key, dict[int, list[float]]]:
    """Seconds of the timed samples, by cell and replicate, in the order of the rounds."""
    return {_key(cell): found.timed() for cell, found in judgement.evidence(records).items()}


def computing_samples(records: Records) -> dict[Key, dict[int, list[float]]]:
    """Seconds of the compute clock of the same samples."""
    return {_key(cell): computing(found) for cell, found in judgement.evidence(records).items()}


@without_collection()
def rows(records: Records, margin: float = statistics.MARGIN) -> list[Row]:
    """Every row of a run in the order of the plan, including those that were planned but never measured."""
    evidence = judgement.evidence(records)
    judgements = judgement.judge(evidence, records.info)
    by_group: dict[Group, list[Row]] = {}
    cores = records.info.machine.get("cores_in_machine") or 1
    waiting = waiting_of({cell: found.samples for cell, found in evidence.items()}, cores)
    for cell, found in evidence.items():
        row = _row(cell, found, judgements[cell], records.info, waiting[cell])
        by_group.setdefault(row.group, []).append(row)
    timed = {_key(cell): found.timed() for cell, found in evidence.items()}
    clocked = {_key(cell): computing(found) for cell, found in evidence.items()}
    outcomes = {_key(cell): found.outcomes for cell, found in evidence.items()}
    finished: list[Row] = []
    for group in by_group.values():
        task = records.info.tasks.get(group[0].cell.task)
        looks = looks_of(records.info, [outcome for row in group for outcome in outcomes[row.key]])
        names = [row.cell.implementation for row in group]
        twins = {name: records.info.twin_of(group[0].cell.task, name) for name in names}
        beside, in_files = (task.beside, task.in_files) if task else ((), False)
        compared = _compared(group, timed, margin, looks, twins=twins, beside=beside)
        finished += with_resident(compared, clocked, looks=looks, margin=margin, beside=beside, in_files=in_files)
    return with_rooflines(finished)


def _key(cell: Cell) -> Key:
    return cell.task, cell.dataset, cell.size, cell.implementation


def _row(cell: Cell, found: Evidence, judged: Judgement, info: RunInfo, waiting: float) -> Row:
    """A row before it is compared with the others of its group."""
    task = info.tasks.get(cell.task)
    known = (found.samples or found.outcomes or [None])[-1]
    cell = replace(cell, rows=known.cell.rows if known else cell.rows)
    timed = [sample for sample in found.samples if sample.phase == "timed"]
    ok = judged.ending.outcome is Outcome.OK
    return Row(
        cell,
        _result(found, judged, timed, task),
        _facts(cell, found, judged, timed, task),
        _measured(cell, found, timed, info, waiting) if ok and timed else None,
    )


def _result(found: Evidence, judged: Judgement, timed: Sequence[Sample], task: TaskInfo | None) -> Result:
    last, ending = found.last, judged.ending
    qualities = [sample.quality for sample in timed or found.samples]
    right = ending.outcome is Outcome.OK and qualities
    return Result(
        outcome=str(ending.outcome),
        reason=ending.reason or _unmeasured(found, timed),
        quality=median(qualities) if right else last.quality if last else None,
        error=judged.error,
        metric=task.metric if task else "",
        reference=last.reference if last else None,
    )


def _unmeasured(found: Evidence, timed: Sequence[Sample]) -> str:
    """Why a result that is `ok` has no time: its samples are not in the records. A rehearsal has none anyway."""
    if timed or found.last is None or found.last.tier is not None:
        return ""
    return NO_SAMPLE


def _facts(cell: Cell, found: Evidence, judged: Judgement, timed: Sequence[Sample], task: TaskInfo | None) -> Facts:
    last, known = found.last, (found.samples or found.outcomes or [None])[-1]
    return Facts(
        unit=task.unit if task else "rows",
        data_hash=known.data_hash if known else "",
        threads=known.threads if known else None,
        parameters=last.parameters if last else {},
        flops=last.flops if last else None,
        bytes=last.bytes if last else None,
        limiter=task.limiter if task else "",
        peak_host_bytes=max((sample.peak_host_bytes or 0 for sample in found.samples), default=0) or None,
        peak_device_bytes=max((sample.peak_device_bytes or 0 for sample in found.samples), default=0) or None,
        device_megahertz=min((sample.device_megahertz for sample in timed if sample.device_megahertz), default=None),
        slowed_by=sorted({name for sample in timed for name in sample.slowed_by}),
        tenants=max((sample.tenants for sample in timed if sample.tenants is not None), default=None),
        gpus=boards(found.samples),
        events=_counted([event for sample in found.samples for event in sample.events]),
        remarks=_remarks(cell, found, judged),
        unknown=_unknown(found),
        tier=last.tier if last else None,
        way=task.way_of(cell.implementation) if task and cell.device == "gpu" else None,
        lines=task.lines_of(cell.implementation) if task else None,
    )


def _unknown(found: Evidence) -> dict[str, str]:
    """Why measures are None, by the last outcome; where any of its processes ran is not known, it says so."""
    known = found.last.unknown if found.last else {}
    ended = [outcome.unknown for outcome in found.outcomes if outcome.ending == OK]
    doubt = next((unknown[FELL_BACK] for unknown in ended if is_untold(unknown)), None)
    return {**known, FELL_BACK: doubt} if doubt else known


def _measured(cell: Cell, found: Evidence, timed: Sequence[Sample], info: RunInfo, waiting: float) -> Measured:
    """What the timed samples say, and the cold samples with them."""
    task = info.tasks.get(cell.task)
    cold = [sample for sample in found.samples if sample.phase == "cold"]
    seconds = _seconds(found, looks_of(info, found.outcomes), waiting)
    stages = shares(timed, seconds.value)
    cold_seconds = median(sample.seconds for sample in cold) if cold else None
    cold_stages = shares(cold, cold_seconds) if cold_seconds else {}
    beside = task is not None and cell.implementation in task.beside
    return Measured(
        seconds=seconds,
        stages=stages,
        clocks=clocks(stages, cold_seconds, cold_stages),
        cold_seconds=cold_seconds,
        cold_stages=cold_stages,
        per_second=cell.rows / seconds.value if cell.rows and not beside else None,
        cores_used=_middle([_share(sample.cpu_seconds, sample) for sample in timed]),
        joules=_middle([sample.joules for sample in timed]),
        cpu_joules=_middle([sample.cpu_joules for sample in timed]),
        figures=_medians([sample.figures for sample in timed]),
        cluster=_medians([sample.cluster for sample in timed]),
        other_cores=busy(timed).other_cores,
        waiting=waiting,
    )


def _remarks(cell: Cell, found: Evidence, judged: Judgement) -> list[str]:
    """What a reader must know about the data, and about attempts that were repeated after a failure."""
    if not found.outcomes:
        return []
    failures = [found.where(outcome) for outcome in found.outcomes[:-1] if outcome.outcome == Outcome.FAILED]
    again = [f"{cell.implementation} was tried again: {ending.outcome}: {ending.reason}" for ending in failures]
    untold = [f"{cell.implementation}: {judged.remark}"] if judged.remark else []
    return [*found.outcomes[-1].remarks, *again, *untold]


def _seconds(found: Evidence, looks: int, waiting: float) -> Seconds:
    times = list(found.timed().values())
    conditions = Conditions(found.samples[0].threads, waiting, median(one for process in times for one in process))
    time = statistics.median_time(times, looks, conditions)
    return Seconds(time.value, time.low, time.high, time.samples, time.replicates)


def _medians(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for figures in measured for name in figures)
    return {name: median(figures[name] for figures in measured if name in figures) for name in names}


def _counted(texts: Sequence[str]) -> list[str]:
    """Every text once, with how often it occurs."""
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
    timed: Timed,
    margin: float,
    looks: int,
    *,
    twins: Mapping[str, str | None],
    beside: Sequence[str],
) -> list[Row]:
    """The group with speedups over its strongest correct CPU implementation, and over each GPU side's twin."""
    comparable = {
        row.cell.implementation: row
        for row in group
        if row.measured is not None and row.cell.implementation not in beside
    }
    on_cpu = [row for row in comparable.values() if row.cell.device == "cpu"]
    baseline = min(on_cpu, key=lambda row: row.median, default=None)

    def over(base: Row | None, row: Row, choices: int = 1) -> Speedup | None:
        if base is None or row.cell.implementation not in comparable:
            return None
        return speedup(timed, base, row, (looks, choices), margin)

    def twin(row: Row) -> Speedup | None:
        if row.cell.device != "gpu":
            return None
        return over(comparable.get(twins[row.cell.implementation] or ""), row)

    def compared(row: Row) -> Compared:
        found = over(baseline, row, rivals(row, on_cpu))
        return Compared(found, twin(row), _break_even(row, baseline, found))

    return [replace(row, compared=compared(row)) for row in group]


def _break_even(row: Row, baseline: Row | None, over: Speedup | None) -> BreakEven | None:
    """When its cold start has paid off, by the ratio of samples side by side, which is known best."""
    mine, theirs = row.measured, baseline.measured if baseline else None
    if over is None or mine is None or theirs is None or mine.cold_seconds is None or theirs.cold_seconds is None:
        return None
    warm, cold, before = theirs.seconds.value, mine.cold_seconds, theirs.cold_seconds
    calls, most, least = (break_even(cold, warm / times, before, warm) for times in (over.value, over.low, over.high))
    return BreakEven(calls, least, most)
