"""What every written report says, as headings, tables and sentences, before a terminal or Markdown draws it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from residency.harness import environment, statistics
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import Records, RunInfo
from residency.harness.task_info import TaskInfo
from residency.reports import certainty, words
from residency.reports.answers import DISTURBED, Answer, answer
from residency.reports.cost import budget_for_all
from residency.reports.gain import gains, sentence
from residency.reports.naive import naive_qualities, own_figures, unbeaten, without_a_model
from residency.reports.summary import Row, rows

HEADER = (
    "implementation",
    "library",
    "cores",
    "median time [95 %]",
    "against the baseline [95 %]",
    "quality",
    "where the time went",
    "cold",
    "memory",
)


SHOWN_SOURCES = 3


@dataclass(frozen=True)
class Table:
    """One group: implementations of one task on one dataset at one size."""

    title: str
    question: str  # empty where the run did not keep it
    answer: Answer
    caption: str
    lines: list[tuple[str, ...]]  # cells as in HEADER
    emphasis: list[str]  # a line's outcome, for colour
    failures: list[str]  # with their reasons
    notes: list[str]  # how the data was prepared, and who could not run


@dataclass(frozen=True)
class Missing:
    """Why implementations could not run here."""

    reason: str
    names: list[str]
    further: list[str]  # what else they need


@dataclass(frozen=True)
class Report:
    """A whole run in words."""

    title: str
    warning: str | None  # of the run as a whole: said before anything else
    tables: list[Table]
    summary: list[str]
    missing: list[Missing]
    facts: list[str]  # when and where


def report(records: Records) -> Report:
    """A run as tables and sentences; every number in them has passed its quality check."""
    found = rows(records)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in found:
        groups.setdefault(row.group, []).append(row)
    return Report(
        title=f"Residency run {records.info.id}",
        warning=certainty.warning(records, found),
        tables=[_table(group, records) for group in groups.values()],
        summary=_summary(found, records),
        missing=missing_here(found),
        facts=[*facts(records.info), *_pools(records), *_sources(records)],
    )


def facts(info: RunInfo) -> list[str]:
    """When, with which code, and on what machine."""
    machine = info.machine
    gpus = machine.get("gpus") or []
    memory = words.size(machine["memory_bytes"])
    lines = [
        f"{info.started}, commit {info.commit or 'unknown'}, Python {machine['python']}",
        f"{machine['cpu']}, {machine['cores']} of {machine['cores_in_machine']} cores, {memory} of memory{_blas(info)}",
    ]
    if gpus:
        lines.append(", ".join(words.gpu(gpu) for gpu in gpus))
    else:
        lines.append(f"No GPU: {machine['no_gpu_because']}. Nothing here has been seen on a GPU.")
    if variables := info.environment.get("variables"):
        values = ", ".join(f"{name}={environment.shown(value)}" for name, value in variables.items())
        lines.append(f"Environment: {values}")
    return lines


def _blas(info: RunInfo) -> str:
    """NumPy's BLAS, where the run tells of it."""
    blas = environment.blas_of(info.environment)
    return f"; NumPy computes with {environment.described(blas)}" if blas is not None else ""


def _pools(records: Records) -> list[str]:
    """Which other BLAS and which OpenMP libraries workers had loaded, and whose they are."""
    numpys = environment.blas_of(records.info.environment)
    owners: dict[str, dict[str, None]] = {}
    for pool in (pool for outcome in records.outcomes for pool in outcome.pools):
        if numpys is None or pool["file"] != numpys["file"]:
            owners.setdefault(environment.described(pool), {})[pool["file"].partition("/")[0]] = None
    loaded = [f"{what} ({', '.join(folders)})" for what, folders in sorted(owners.items())]
    return [f"Workers had loaded {'; '.join(loaded)}."] if loaded else []


def _sources(records: Records) -> list[str]:
    """Where the code is kept that the commit does not tell."""
    names = [str(file.relative_to(records.folder)) for file in records.sources]
    more = f" and {len(names) - SHOWN_SOURCES} more" if len(names) > SHOWN_SOURCES else ""
    return [f"Your own code, as it was measured: {', '.join(names[:SHOWN_SOURCES])}{more}."] if names else []


def _table(group: Sequence[Row], records: Records) -> Table:
    first = group[0]
    task = records.info.tasks.get(first.task)
    rows = next((row.rows for row in group if row.rows is not None), None)
    at = f"{first.dataset}, {first.size}" + (f", {words.count(rows)} {first.unit}" if rows is not None else "")
    reference = next((row.reference for row in group if row.reference is not None), None)
    told = _told(task, reference)
    caption = f"{task.title} " if task else ""
    if task:
        of = (
            f"the exact solution's {words.quality(reference, told)}" if reference is not None else "the best of the run"
        )
        unit = " of it" if task.relative else ""
        more = " beyond chance" if task.sampled and reference is None else ""
        least = f"at most {task.tolerance:.3g}{unit} worse than" if task.tolerance else "no worse than"
        caption += f"Quality: {task.metric}, {task.better} is better, {least} {of}{more}."
        if task.is_below(first.dataset, rows) and task.datasets[first.dataset] == "generated":  # own data has no floor
            caption += f" Of fewer {first.unit} than {words.count(min(task.sizes.values()))} nothing more is asked."
    naive = naive_qualities(group, task)
    caption += unbeaten(group, task, naive)
    order = sorted(group, key=lambda row: (row.seconds.median if row.seconds else float("inf"), row.outcome))
    shown = [row for row in order if row.outcome != Outcome.UNAVAILABLE]
    failures = [f"{row.implementation}: {row.outcome}: {row.reason}" for row in shown if row.outcome != Outcome.OK]
    failures += _not_reached(group)
    notes = list(dict.fromkeys(remark for row in group for remark in row.remarks))
    notes += certainty.undecided(shown, records)
    notes += _at_odds(shown)
    notes += _throughput(shown) if first.unit != "rows" else []
    notes += without_a_model(task, naive)
    notes += [_figures(row, named) for row in shown if (named := own_figures(row, task))]
    notes += [_clocks(row) for row in shown if row.clocks is not None]
    notes += [_workers(row) for row in shown if row.cluster]
    notes += [f"{row.implementation}: {event}" for row in shown for event in row.events]
    notes += _energy(shown)
    notes += _rooflines(shown)
    notes += [note for row in shown for note in _disturbances(row)]
    notes += [f"{row.implementation}: {row.unknown['fell_back']}" for row in shown if "fell_back" in row.unknown]
    if absent := [row.implementation for row in group if _could_not_run(row)]:
        notes.append(f"not run: {', '.join(absent)} (reasons below)")
    return Table(
        title=f"{first.task}  {at}",
        question=task.question if task else "",
        answer=answer(group, records.info),
        caption=caption,
        lines=[_line(row, told) for row in shown],
        emphasis=[row.outcome for row in shown],
        failures=failures,
        notes=notes,
    )


def _told(task: TaskInfo | None, reference: float | None) -> float:
    """The difference in quality that the task can tell, absolute; 0 where every digit counts."""
    if task is None:
        return 0.0
    return task.tolerance * abs(reference or 1.0) if task.relative else task.tolerance


def _not_reached(group: Sequence[Row]) -> list[str]:
    """What the run did not get to, by the reasons."""
    by_reason: dict[str, list[str]] = {}
    for row in group:
        if is_not_reached(row.outcome, row.reason):
            by_reason.setdefault(row.reason, []).append(row.implementation)
    return [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]


def _could_not_run(row: Row) -> bool:
    return row.outcome == Outcome.UNAVAILABLE and not is_not_reached(row.outcome, row.reason)


def _at_odds(shown: Sequence[Row]) -> list[str]:
    """Who is faster than the baseline by the ratio and slower by the medians, or the other way round."""
    medians = {row.implementation: row.seconds.median for row in shown if row.seconds is not None}
    names = [row.implementation for row in shown if row.seconds is not None and _is_at_odds(row, medians)]
    why = "a ratio is taken inside each round, a median over all of them"
    return [f"{', '.join(names)}: the ratio and the medians disagree on who is faster: {why}"] if names else []


def _is_at_odds(row: Row, medians: Mapping[str, float]) -> bool:
    """Whether a reader sees a row's ratio and the medians disagree; what is rounded away does not."""
    if row.speedup is None or row.speedup.baseline not in medians:
        return False
    ratio, own, base = row.speedup.ratio, medians[row.implementation], medians[row.speedup.baseline]
    seen = words.digits(max(ratio, 1 / ratio)) != words.digits(1.0) and words.seconds(own) != words.seconds(base)
    return seen and (ratio > 1) != (base > own)


def _throughput(shown: Sequence[Row]) -> list[str]:
    parts = [f"{row.implementation} {words.digits(row.per_second)}" for row in shown if row.per_second is not None]
    return [f"{shown[0].unit} per second: {', '.join(parts)}"] if parts else []


def _figures(row: Row, figures: Mapping[str, float]) -> str:
    parts = [f"{name.replace('_', ' ')} {words.digits(value)}" for name, value in figures.items()]
    return f"{row.implementation}: {', '.join(parts)}"


def _clocks(row: Row) -> str:
    """A row's clocks, and what its cold start costs, in a sentence."""
    clocks = row.clocks
    if clocks is None:
        return ""
    parts = [f"compute {words.seconds(clocks.compute)}"]
    if clocks.transfer or row.device == "gpu":
        parts.append(f"transfers {words.seconds(clocks.transfer)}")
    if clocks.io:
        parts.append(f"io {words.seconds(clocks.io)}")
    if clocks.cold is not None:
        imports = f" (imports {words.seconds(clocks.imports)})" if clocks.imports else ""
        parts.append(f"cold {words.seconds(clocks.cold)}{imports}")
    baseline = row.speedup is None or row.speedup.baseline == row.implementation
    if baseline or (row.device == "cpu" and row.break_even_calls is None):  # plainly slower: no matter of cold starts
        return f"{row.implementation}: {', '.join(parts)}"
    return f"{row.implementation}: {', '.join(parts)}; {_pays(row)}"


def _pays(row: Row) -> str:
    """From which call on its cold start has paid, as far as its ratio to the baseline is known."""
    calls, (least, most) = row.break_even_calls, row.break_even_between or (None, None)
    if calls is None:
        return "its cold start never pays at this size" if least is None else "whether its cold start pays is not known"
    if most is None:
        return f"its cold start may have paid from call {least} on, or never"
    between = f" ({least} to {most})" if least != most else ""
    return f"its cold start has paid from call {calls} on{between}"


def _workers(row: Row) -> str:
    """What a cluster's workers did with their time, and how many bytes they moved and spilled."""
    if row.seconds is None or not row.threads:
        return ""
    lanes, kind = (row.workers, "GPU") if row.device == "gpu" else (row.threads, "thread")  # that take tasks
    whole, spent = row.seconds.median * lanes, row.cluster
    parts = [f"{spent.get('task_seconds', 0.0) / whole:.0%} in tasks"]
    for name, said, amount in (
        ("fetch", "fetching from each other", "fetched"),
        ("spill", "spilling to disk", "spilled"),
    ):
        if spent.get(f"{name}_seconds"):
            moved = f" ({words.size(int(spent[f'{amount}_bytes']))})" if spent.get(f"{amount}_bytes") else ""
            parts.append(f"{spent[f'{name}_seconds'] / whole:.1%} {said}{moved}")
    idle = max(0.0, 1.0 - spent.get("task_seconds", 0.0) / whole)
    parts.append(f"{idle:.0%} without a task")
    who = f"workers' {lanes} {kind}s were" if lanes > 1 else f"worker's {kind} was"
    return f"{row.implementation}: its {who} {', '.join(parts)}"


def _memory(row: Row) -> str:
    """Peak memory: of the host, and on a GPU of the device."""
    host = words.size(row.peak_host_bytes) if row.peak_host_bytes is not None else "-"
    if row.device == "cpu":
        return host
    return f"{host}, GPU {words.size(row.peak_device_bytes) if row.peak_device_bytes is not None else 'not known'}"


def _disturbances(row: Row) -> list[str]:
    """What else went on while it was measured."""
    found = []
    if row.other_cores is not None and row.other_cores > DISTURBED:
        found.append(f"other processes kept {row.other_cores:.1f} cores busy")
    if row.tenants:
        found.append(f"{row.tenants} other process{'es' if row.tenants > 1 else ''} computed on the GPU")
    if row.slowed_by:
        found.append(f"the GPU's clock was held down to {row.device_megahertz} MHz by {', '.join(row.slowed_by)}")
    return [f"disturbed: beside {row.implementation} {text}" for text in found]


def _energy(shown: Sequence[Row]) -> list[str]:
    known = [f"{row.implementation} {words.digits(row.joules)} J" for row in shown if row.joules is not None]
    return [f"energy of an execution, the whole device's: {', '.join(known)}"] if known else []


def _rooflines(shown: Sequence[Row]) -> list[str]:
    """How near to the device's limits, and whose distance cannot be."""
    known = [row for row in shown if row.roofline is not None]
    possible = [row for row in known if row.roofline and not row.roofline.mistaken]
    parts = [f"{row.implementation} {words.roofline(row)}" for row in possible]
    notes = [f"of what its device can do, by peaks measured in this run: {', '.join(parts)}"] if parts else []
    return notes + [_mistaken(row) for row in known if row not in possible]


def _mistaken(row: Row) -> str:
    return (
        f"{row.implementation}: {words.roofline(row)}, which no device can do: the declared work or the clock is "
        "wrong, the data lies in a cache, or the arithmetic was of lower precision than float32"
    )


def _line(row: Row, told: float) -> tuple[str, ...]:
    """Cells as in `HEADER`; quality with its standard error, else in as many digits as are `told` apart."""
    ok = row.quality is not None and row.outcome == Outcome.OK
    quality = words.quality(row.quality or 0.0, told, row.quality_error) if ok else "-"
    if row.seconds is None:
        return (row.implementation, row.library, "-", row.outcome, "-", quality, "-", "-", "-")
    return (
        row.implementation,
        row.library,
        f"{row.cores_used:.1f} of {row.threads}" if row.cores_used is not None else "-",
        words.interval(row.seconds),
        words.speedup(row.speedup, row.implementation) if row.speedup else "not compared",
        quality,
        words.where_time_went(row),
        words.seconds(row.cold_seconds) if row.cold_seconds is not None else "-",
        _memory(row),
    )


def _summary(found: Sequence[Row], records: Records) -> list[str]:
    """What the run says as a whole: the gain on the GPU over all groups, losses included, or that there is none."""
    found_gains = gains(found)
    lines = [sentence(gain, sized=len(found_gains) > 1) for gain in found_gains]
    if all(row.seconds is None for row in found):
        lines = [f"Nothing was measured: {_where_reasons_are(found)}."]
    elif not lines and not records.info.machine.get("gpus"):
        lines.append("No GPU implementation ran, so this run says nothing of GPUs; it compares CPU libraries.")
    return lines + _unknown(found) + few_processes(found) + _budget(found, records)


def _where_reasons_are(found: Sequence[Row]) -> str:
    """What could not run is told below, all else above, beside its table."""
    places = [place for place, below in (("above", False), ("below", True)) if below in map(_could_not_run, found)]
    return f"the reasons are {' and '.join(places)}"


def _budget(found: Sequence[Row], records: Records) -> list[str]:
    """How many of the processes that were asked for there are, where they are fewer, and what would do for all."""
    info = records.info
    planned = info.settings.get("replicates")
    if info.command[1:2] != ["run"] or planned is None:
        return []
    there = {row.seconds.replicates if row.seconds else 0 for row in found if _is_measurable(row)}
    if not there or min(there) >= planned:
        return []
    said = f"{_range(there)} of {planned} processes of each implementation were measured"
    enough = budget_for_all(records)
    budget = f"{enough:.0f}" if enough else "SECONDS"
    unknown = "" if enough else " (how many seconds are enough is not known)"
    resume = f"residency run --resume {shlex.quote(str(records.folder))} --budget {budget}"
    return [f"{said}. To measure the rest: {resume}{unknown}"]


def _is_measurable(row: Row) -> bool:
    return row.seconds is not None or is_not_reached(row.outcome, row.reason)


def few_processes(found: Sequence[Row]) -> list[str]:
    """On how few processes the intervals rest, where they are few."""
    replicates = {row.seconds.replicates for row in found if row.seconds}
    if replicates and min(replicates) < statistics.ENOUGH_REPLICATES:
        noun = "process" if replicates == {1} else "processes"
        return [
            f"Intervals rest on {_range(replicates)} {noun} an implementation; below "
            f"{statistics.ENOUGH_REPLICATES} they are widened by what is known of the spread between processes."
        ]
    return []


def _unknown(found: Sequence[Row]) -> list[str]:
    """Which energy is not on record, and why: the reason that most rows have, without those too short to tell."""
    reasons = [row.unknown["joules"] for row in found if row.seconds is not None and "joules" in row.unknown]
    machine = [reason for reason in reasons if "shorter" not in reason]
    return [f"Energy is not known: {max(set(machine), key=machine.count)}."] if machine else []


def _range(values: set[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def missing_here(found: Sequence[Row]) -> list[Missing]:
    """What could not run in a run, and why."""
    return by_reason((f"{row.task}:{row.implementation}", row.reason) for row in found if _could_not_run(row))


def by_reason(reasons: Iterable[tuple[str, str]]) -> list[Missing]:
    """Names and reasons, by the first thing that stands in the way; what else is missing is said once for all."""
    missing: dict[str, Missing] = {}
    for name, whole in reasons:
        first, *further = whole.split("; ")
        entry = missing.setdefault(first, Missing(first, [], []))
        if name not in entry.names:
            entry.names.append(name)
        entry.further.extend(reason for reason in further if reason not in entry.further)
    return [replace(entry, further=_by_remedy(entry.further)) for entry in missing.values()]


def _by_remedy(reasons: Sequence[str]) -> list[str]:
    """What is not installed, named together where one command installs all of it."""
    names: dict[str, list[str]] = {}
    others = []
    for reason in reasons:
        if found := re.fullmatch(r"(.+) (?:is|are) not installed: (.+)", reason):
            modules = names.setdefault(found[2], [])
            modules.extend(module for module in found[1].split(", ") if module not in modules)
        else:
            others.append(reason)
    return others + [
        f"{', '.join(modules)} {'are' if len(modules) > 1 else 'is'} not installed: {remedy}"
        for remedy, modules in names.items()
    ]
