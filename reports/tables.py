"""The contents of every written report: headings, tables and sentences, for a terminal or for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from residency.analysis.cost import Shortfall
from residency.analysis.disturbed import has_others, waited
from residency.analysis.doubt import FELL_BACK, in_doubt, is_on_gpu
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.naive import own_figures
from residency.analysis.row import BreakEven, Measured, Roofline, Row
from residency.analysis.spent import spent
from residency.analysis.ways import Taken, ways
from residency.harness import environment, statistics
from residency.harness.errors import typed
from residency.harness.outcomes import NOT_STARTED, Outcome, is_not_reached
from residency.harness.records import Records, RunInfo
from residency.harness.tiers import REHEARSAL
from residency.reports import certainty, links, sentences, words
from residency.reports.answers import Answer, answer
from residency.reports.columns import Line, line
from residency.reports.page import doubts

SHOWN_SOURCES = 3
DIFFERS, CLOCK_DIFFERS = 1.5, 1.1  # ratios from which on the GPUs of an implementation differ much
COPIES = "it copies its data while it computes, so its ratio is a bound"


@dataclass(frozen=True)
class Table:
    """One group: implementations of one task on one dataset at one size."""

    title: str
    question: str  # empty if the run did not record it
    answer: Answer
    caption: str
    lines: list[Line]  # the fastest first
    failures: list[str]  # failed implementations with their reasons
    notes: list[str]  # among them how the data was prepared, and what could not run


@dataclass(frozen=True)
class Missing:
    """Why implementations could not run here."""

    reason: str
    names: list[str]
    further: list[str]  # what else they need
    results: int = 0  # that it cost, one for each implementation at each size


@dataclass(frozen=True)
class Report:
    """A whole run in words."""

    title: str
    warning: str | None  # about the whole run; shown before anything else
    tables: list[Table]
    summary: list[str]
    missing: list[Missing]
    facts: list[str]  # when, where and with what the run was measured


def report(found: Findings) -> Report:
    """A run as tables and sentences; every number in them has passed its quality check."""
    info = found.records.info
    return Report(
        title=f"Residency run {info.id}",
        warning=certainty.warning(found.busy, found.slowed, made_up=info.made_up),
        tables=[_table(group, found) for group in found.groups],
        summary=_summary(found),
        missing=missing_here(found.rows),
        facts=[
            *facts(info, nobody=not any(map(in_doubt, found.rows))),
            *_pools(found.records),
            *_sources(found.records),
        ],
    )


def facts(info: RunInfo, *, nobody: bool = True) -> list[str]:
    """When, with which code, and on what machine. `nobody` may have used a GPU if the machine has none."""
    machine = info.machine
    gpus = machine.get("gpus") or []
    memory = words.size(machine["memory_bytes"])
    lines = [
        f"{info.started}, commit {info.commit or 'unknown'}, Python {machine['python']}",
        f"{machine['cpu']}, {machine['cores']} of {machine['cores_in_machine']} cores, {memory} of memory{_blas(info)}",
    ]
    if gpus:
        lines += [words.gpus(gpus), *links.described(machine)]
    else:
        used = " Nothing in this run used a GPU." if nobody else ""
        lines.append(f"No GPU: {words.elsewhere(str(machine['no_gpu_because']))}.{used}")
    if variables := info.environment.get("variables"):
        values = ", ".join(f"{name}={environment.shown(value)}" for name, value in variables.items())
        lines.append(f"Environment: {values}")
    return lines


def _blas(info: RunInfo) -> str:
    """NumPy's BLAS, if the run recorded it."""
    blas = environment.blas_of(info.environment)
    return f"; NumPy computes with {environment.described(blas)}" if blas is not None else ""


def _pools(records: Records) -> list[str]:
    """Which other BLAS and OpenMP libraries the workers had loaded, and which package each belongs to."""
    numpys = environment.blas_of(records.info.environment)
    owners: dict[str, dict[str, None]] = {}
    for pool in (pool for outcome in records.outcomes for pool in outcome.pools):
        if numpys is None or pool["file"] != numpys["file"]:
            owners.setdefault(environment.described(pool), {})[pool["file"].partition("/")[0]] = None
    loaded = [f"{what} ({', '.join(folders)})" for what, folders in sorted(owners.items())]
    return [f"Workers had loaded {'; '.join(loaded)}."] if loaded else []


def _sources(records: Records) -> list[str]:
    """The copies in the run's folder of code that is not in the commit."""
    names = [str(file.relative_to(records.folder)) for file in records.sources]
    more = f" and {len(names) - SHOWN_SOURCES} more" if len(names) > SHOWN_SOURCES else ""
    return [f"Your own code, as it was measured: {', '.join(names[:SHOWN_SOURCES])}{more}."] if names else []


def _table(found: GroupFindings, whole: Findings) -> Table:
    group, task = found.rows, found.task
    cell, unit, records = group[0].cell, group[0].facts.unit, whole.records
    at = cell.dataset
    if not (found.count is not None and cell.size == str(found.count)):  # a size that is the number of rows itself
        at += f", {cell.size}"
    if found.count is not None:
        at += f", {words.count(found.count)} {unit.removesuffix('s') if found.count == 1 else unit}"
    caption = f"{task.title} " if task else ""
    if task and task.stated:
        at += f", {task.stated}"
    if task:
        of = (
            f"the exact solution's {words.quality(found.reference, found.told)}"
            if found.reference is not None
            else "the best of the run"
        )
        share = " of it" if task.relative else ""
        more = " beyond chance" if task.sampled and found.reference is None else ""
        least = f"at most {task.tolerance:.3g}{share} worse than" if task.tolerance else "no worse than"
        caption += f"Quality: {task.metric}, {task.better} is better, {least} {of}{more}."
        generated = task.datasets.get(cell.dataset) == "generated"  # own data has no floor
        exact = found.reference is not None and not task.tolerance  # a floor requires nothing more
        if not exact and generated and task.is_below(cell.dataset, found.count):
            caption += f" With fewer {unit} than {words.count(min(task.sizes.values()))}, nothing more is required."
    caption += sentences.unbeaten(task, found.unbeaten)
    shown = [row for row in found.ranked if row.result.outcome != Outcome.UNAVAILABLE]
    failures = [_failure(row) for row in shown if row.result.outcome != Outcome.OK or row.result.reason]
    failures += _not_reached(group)
    notes = list(dict.fromkeys(_named(row, remark) for row in group for remark in row.facts.remarks))
    notes += certainty.undecided(found.undecided, records.folder if _goes_on(whole) else None)
    notes += _at_odds(shown)
    notes += _throughput(shown) if unit != "rows" else []
    notes += sentences.without_a_model(task, found.naive)
    notes += [_figures(row, named) for row in shown if (named := own_figures(row, task))]
    notes += [_clocks(row, row.measured) for row in shown if row.measured]
    notes += _resident(shown)
    notes += [_workers(row, row.measured) for row in shown if row.measured and row.measured.cluster]
    notes += [differing for row in shown if (differing := _differing_gpus(row))]
    notes += [f"{row.cell.implementation}: {event}" for row in shown for event in row.facts.events]
    notes += _energy(shown)
    notes += _ways(group)
    notes += _rooflines(shown)
    notes += [note for row in shown for note in _disturbances(row)]
    notes += [f"{row.cell.implementation}: {row.facts.unknown[FELL_BACK]}" for row in shown if in_doubt(row)]
    if absent := [row.cell.implementation for row in group if _could_not_run(row)]:
        notes.append(f"not run: {', '.join(absent)} (reasons below)")
    return Table(
        title=f"{cell.task}  {at}",
        question=task.question if task else "",
        answer=answer(group, records.info),
        caption=caption,
        lines=[line(row, found.told) for row in shown],
        failures=failures,
        notes=notes,
    )


def _failure(row: Row) -> str:
    return f"{row.cell.implementation}: {row.result.outcome}: {row.result.reason}"


def _goes_on(found: Findings) -> bool:
    """Whether the run can get more replicates: it was measured on this machine, and without --precision."""
    return found.here and not found.records.info.settings.get("precision")


def _not_reached(group: Sequence[Row]) -> list[str]:
    """What the run did not reach, grouped by the reason."""
    by_reason: dict[str, list[str]] = {}
    for row in group:
        if is_not_reached(row.result.outcome, row.result.reason):
            by_reason.setdefault(row.result.reason, []).append(row.cell.implementation)
    return [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]


def _could_not_run(row: Row) -> bool:
    return row.result.outcome == Outcome.UNAVAILABLE and not is_not_reached(row.result.outcome, row.result.reason)


def _at_odds(shown: Sequence[Row]) -> list[str]:
    """Implementations that are faster than the baseline by the ratio but slower by the medians, or the reverse."""
    medians = {row.cell.implementation: row.median for row in shown if row.measured}
    names = [row.cell.implementation for row in shown if row.measured and _is_at_odds(row, medians)]
    why = "a ratio is taken inside each round, a median over all of them"
    return [f"{', '.join(names)}: the ratio and the medians disagree on who is faster: {why}"] if names else []


def _is_at_odds(row: Row, medians: Mapping[str, float]) -> bool:
    """Whether the ratio and the medians disagree in the digits that a report shows."""
    speedup = row.compared.speedup
    if speedup is None or speedup.baseline not in medians or in_doubt(row):
        return False
    ratio, own, base = speedup.value, row.median, medians[speedup.baseline]
    seen = words.digits(max(ratio, 1 / ratio)) != words.digits(1.0) and words.seconds(own) != words.seconds(base)
    return seen and (ratio > 1) != (base > own)


def _throughput(shown: Sequence[Row]) -> list[str]:
    known = {row.cell.implementation: row.measured.per_second for row in shown if row.measured}
    parts = [f"{name} {words.digits(rate)}" for name, rate in known.items() if rate is not None]
    return [f"{shown[0].facts.unit} per second: {', '.join(parts)}"] if parts else []


def _figures(row: Row, figures: Mapping[str, float]) -> str:
    parts = [f"{name.replace('_', ' ')} {words.digits(value)}" for name, value in figures.items()]
    return f"{row.cell.implementation}: {', '.join(parts)}"


def _clocks(row: Row, measured: Measured) -> str:
    """A row's clocks, and from which call on its cold start has paid, in a sentence."""
    clocks, over = measured.clocks, row.compared.speedup
    parts = [f"compute {words.seconds(clocks.compute)}"]
    if clocks.transfer or row.cell.device == "gpu":
        what = "transfers" if row.cell.device == "gpu" else "`put` and `get`"  # a CPU copies nothing to a device
        parts.append(f"{what} {words.seconds(clocks.transfer)}")
    if clocks.io:
        parts.append(f"io {words.seconds(clocks.io)}")
    if clocks.cold is not None:
        imports = f" (imports {words.seconds(clocks.imports)})" if clocks.imports else ""
        parts.append(f"cold {words.seconds(clocks.cold)}{imports}")
    baseline = over is None or over.baseline == row.cell.implementation or in_doubt(row)
    even = row.compared.break_even or BreakEven(None, None, None)
    if baseline or (row.cell.device == "cpu" and even.calls is None):  # clearly slower: its cold start does not matter
        return f"{row.cell.implementation}: {', '.join(parts)}"
    return f"{row.cell.implementation}: {', '.join(parts)}; {_pays(even, row)}"


def _ways(group: Sequence[Row]) -> list[str]:
    """What each way of using a GPU gains, and how many lines it took; one line for each."""
    return [f"GPU, {words.WAYS[taken.way]}: {_taken(taken)}" for taken in ways(group)]


def _taken(taken: Taken) -> str:
    row, lines = taken.row, "" if taken.lines is None else f", {taken.lines} lines"
    said = f"{row.cell.implementation}{lines}"
    speedup, resident = row.compared.speedup, row.compared.resident
    if row.measured is None or speedup is None:
        return f"{said}, not timed here"
    inside = f", {words.resident(resident)} resident" if resident else ""
    moving = f"; {words.percent(taken.moving)} of its time moves data" if taken.moving else ""
    calls = [row.facts.parameters.get(f"calls_on_{device}") for device in ("gpu", "cpu")]
    on_cpu = row.facts.parameters.get("functions_on_cpu")
    which = f" ({words.few(on_cpu)})" if on_cpu else ""
    ran = "" if None in calls else f"; {calls[0]:,} calls on the GPU, {calls[1]:,} on the CPU{which}"
    return f"{said}: {words.times(speedup)} end to end{inside}{moving}{ran}"


def _resident(shown: Sequence[Row]) -> list[str]:
    """Of which GPU sides the ratio with the data resident is only a bound, or not known; one line at most.

    Of the fastest, which comes first, the answer tells why it is not known.
    """
    reasons: dict[str, list[str]] = {}
    rows = [row for row in shown if is_on_gpu(row)]
    for row in [row for number, row in enumerate(rows) if number or row.compared.resident is not None]:
        if (why := row.facts.unknown.get("resident")) is not None:
            reasons.setdefault(why, []).append(row.cell.implementation)
        elif row.compared.resident is not None and row.compared.resident.at_least:
            reasons.setdefault(COPIES, []).append(row.cell.implementation)
    parts = [f"{', '.join(names)}: {why}" for why, names in reasons.items()]
    return [f"with the data resident: {'; '.join(parts)}"] if parts else []


def _pays(even: BreakEven, row: Row) -> str:
    """From which call on it is ahead with its cold start, as precisely as the ratio to the baseline is known."""
    calls, least, most = even.calls, even.least, even.most
    who = "the GPU" if row.cell.device == "gpu" else "it"
    if calls is None and least is None:
        return f"with its cold start, {who} never gets ahead at this size"
    if calls is None:
        return f"with its cold start, it is not known whether {who} gets ahead"
    if most is None:
        first = "the first call" if least is None else f"the {words.ordinal(least)} call"
        return f"with its cold start, {who} may be ahead from {first} on, or never"
    between = f" ({least} to {most})" if least != most else ""
    return f"with its cold start, {who} is ahead from the {words.ordinal(calls)} call on{between}"


def _workers(row: Row, measured: Measured) -> str:
    """What a cluster's workers did with their time, and how many bytes they moved and spilled."""
    if not row.facts.threads:
        return ""
    lanes, kind = (row.cell.workers, "GPU") if row.cell.device == "gpu" else (row.facts.threads, "thread")
    found = spent(measured.cluster, measured.seconds.value, lanes)
    parts = [f"{_percent(found.tasks)} in tasks"]
    for share, said, moved in (
        (found.fetching, "fetching from each other", found.fetched),
        (found.spilling, "spilling to disk", found.spilled),
    ):
        if share:
            parts.append(f"{_percent(share, 1)} {said}{f' ({words.size(moved)})' if moved else ''}")
    if found.moved_out or found.moved_back:
        ways = f"{words.size(found.moved_out)} out, {words.size(found.moved_back)} back"
        parts.append(f"{_percent(found.moving, 1)} moving data to the host's memory because a card was full ({ways})")
    if found.shuffled:
        parts.append(f"{words.size(found.shuffled)} exchanged by key")
    parts.append(f"{_percent(found.idle)} without a task")
    who = f"workers' {lanes} {kind}s were" if lanes > 1 else f"worker's {kind} was"
    return f"{row.cell.implementation}: its {who} {', '.join(parts)}"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _differing_gpus(row: Row) -> str:
    """What differs much between the GPUs of a row; empty if nothing does."""
    parts = []
    for name, what, show, much in (
        ("peak_bytes", "memory", words.size, DIFFERS),
        ("joules", "energy", lambda joules: f"{words.digits(joules)} J", DIFFERS),
        ("megahertz", "lowest clock", lambda clock: f"{clock} MHz", CLOCK_DIFFERS),
    ):
        known = [gpu[name] for gpu in row.facts.gpus if gpu[name] is not None]
        if known and max(known) > much * min(known):
            parts.append(f"{what} {show(min(known))} to {show(max(known))}")
    return f"{row.cell.implementation}: its {len(row.facts.gpus)} GPUs differ: {', '.join(parts)}" if parts else ""


def _disturbances(row: Row) -> list[str]:
    """What disturbed the measurement of a row, each with the words that stand beside its numbers."""
    found, facts = list[str](), row.facts
    if row.measured is not None and (waited(row) or has_others(row)):
        causes = (
            [f"the work waited for a core {words.percent(row.measured.waiting)} of its time"] if waited(row) else []
        )
        others = f"other processes kept {row.measured.other_cores or 0.0:.2g} cores busy"
        causes += [others] if has_others(row) else []
        found.append(f"{doubts.SAID['busy']}: {' and '.join(causes)}")
    if facts.tenants:
        noun = "GPUs" if len(facts.gpus) > 1 else "GPU"
        who = f"{facts.tenants} other process{'es' if facts.tenants > 1 else ''}"
        found.append(f"{doubts.SAID['shared']}: {who} computed on the {noun}")
    if facts.slowed_by:
        slowed = [gpu["index"] for gpu in facts.gpus if gpu["slowed_by"]]
        of = f" of GPU {words.listed(slowed)}" if len(facts.gpus) > 1 else ""
        to = f" to {facts.device_megahertz} MHz" if facts.device_megahertz is not None else ""
        found.append(f"{doubts.SAID['slowed']}: the clock{of} was held down{to} by {', '.join(facts.slowed_by)}")
    return [f"{text} while {row.cell.implementation} was measured" for text in found]


def _energy(shown: Sequence[Row]) -> list[str]:
    joules = {row.cell.implementation: row.measured.joules for row in shown if row.measured}
    known = [f"{name} {words.digits(energy)} J" for name, energy in joules.items() if energy is not None]
    return [f"energy of one execution, for the whole device: {', '.join(known)}"] if known else []


def _rooflines(shown: Sequence[Row]) -> list[str]:
    """How near each implementation is to the device's limit, and which of these shares are impossible."""
    known = {row.cell.implementation: row.compared.roofline for row in shown if row.compared.roofline is not None}
    parts = [f"{name} {words.share(found)}" for name, found in known.items() if not found.mistaken]
    notes = [f"share of the device's limit, by peaks measured in this run: {', '.join(parts)}"] if parts else []
    if parts and (limiter := next((found.limiter for found in known.values() if found.limiter), "")):
        notes += [f"what limits this task is neither bytes nor operations, but {limiter}: a low share is no fault"]
    return notes + [_mistaken(name, found) for name, found in known.items() if found.mistaken]


def _mistaken(name: str, found: Roofline) -> str:
    return (
        f"{name}: {words.roofline(found)}, which no device can do: the declared work or the clock is "
        "wrong, the data lies in a cache, or the arithmetic was of lower precision than float32"
    )


def _summary(found: Findings) -> list[str]:
    """What the run says as a whole: the gain on the GPU over all groups, losses included. Without a gain, why."""
    rows = found.rows
    lines = [sentences.gain(gain, sized=len(found.gains) > 1) for gain in found.gains]
    if all(row.measured is None for row in rows):
        lines = [f"Nothing was measured: {_where_reasons_are(rows)}."]
    elif not lines and any(map(in_doubt, rows)) and not any(map(is_on_gpu, rows)):
        lines.append("It is not known whether anything ran on a GPU, so this run says nothing about GPUs.")
    elif not lines and not found.records.info.machine.get("gpus"):
        lines.append("No GPU implementation ran, so this run says nothing about GPUs. It compares CPU libraries.")
    budget = [_budget(found.shortfall, found.records)] if found.shortfall else []
    return lines + _unknown(rows) + few_processes(rows) + budget


def _where_reasons_are(found: Sequence[Row]) -> str:
    """Reasons for what could not run are below; all other reasons are above, with the table."""
    places = [place for place, below in (("above", False), ("below", True)) if below in map(_could_not_run, found)]
    return f"the reasons are {' and '.join(places)}"


def _budget(found: Shortfall, records: Records) -> str:
    """How many of the planned processes were measured, and the command that measures the rest."""
    said = f"{_range({found.least, found.most})} of {found.planned} processes of each implementation were measured"
    budget = f"{found.budget:.0f}" if found.budget else "SECONDS"
    unknown = "" if found.budget else " (how many seconds are enough is not known)"
    resume = f"residency run --resume {typed(records.folder)} --budget {budget}"
    return f"{said}. To measure the rest: {resume}{unknown}"


def few_processes(found: Sequence[Row]) -> list[str]:
    """The number of processes behind the intervals, if it is small."""
    replicates = {row.measured.seconds.replicates for row in found if row.measured}
    if replicates and min(replicates) < statistics.ENOUGH_REPLICATES:
        return [
            f"Each implementation was measured in {processes(replicates)}. With fewer than "
            f"{statistics.ENOUGH_REPLICATES}, its interval is wider: it then assumes the spread between processes "
            "that earlier runs of such work showed."
        ]
    return []


def _named(row: Row, remark: str) -> str:
    """A remark; what a rehearsal saw of an implementation with its name, since it differs from one to the other."""
    return f"{row.cell.implementation}: {remark}" if row.cell.runner == REHEARSAL else remark


def processes(counts: set[int]) -> str:
    """`1 process`, `2 to 5 processes`."""
    return f"{_range(counts)} {'process' if counts == {1} else 'processes'}"


def _unknown(found: Sequence[Row]) -> list[str]:
    """Why energy is not known: the most common reason. That an execution was too short does not count."""
    unknown = [row.facts.unknown for row in found if row.measured is not None]
    reasons = [reasons_by_measure["joules"] for reasons_by_measure in unknown if "joules" in reasons_by_measure]
    machine = [reason for reason in reasons if "shorter" not in reason]
    return [f"Energy is not known: {words.elsewhere(max(set(machine), key=machine.count))}."] if machine else []


def _range(values: set[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def missing_here(found: Sequence[Row]) -> list[Missing]:
    """What could not run in a run, and why."""
    absent = [row for row in found if _could_not_run(row)]
    return by_reason(
        (f"{row.cell.task}:{row.cell.implementation}", words.elsewhere(row.result.reason.removeprefix(NOT_STARTED)))
        for row in absent
    )


def by_reason(reasons: Iterable[tuple[str, str]]) -> list[Missing]:
    """Names grouped by the first reason why they cannot run; further reasons are given once for each group."""
    missing: dict[str, Missing] = {}
    for name, whole in reasons:
        first, *further = whole.split("; ")
        entry = missing.setdefault(first, Missing(first, [], []))
        missing[first] = entry = replace(entry, results=entry.results + 1)
        if name not in entry.names:
            entry.names.append(name)
        entry.further.extend(reason for reason in further if reason not in entry.further)
    return [replace(entry, further=_by_remedy(entry.further)) for entry in missing.values()]


def _by_remedy(reasons: Sequence[str]) -> list[str]:
    """Reasons, with those of libraries that one command installs joined into one."""
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
