"""How the numbers of a page were measured: one click away from every number, with the command that measures again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.row import Row
from residency.harness import environment
from residency.harness.libraries import distribution
from residency.harness.own_suites import VARIABLE
from residency.harness.records import RECORDS_FILE, RunInfo
from residency.reports import endings, tables, words
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import (
    Block,
    Code,
    Details,
    Items,
    Paragraph,
    Section,
    Table,
    TableRow,
    Text,
    prose,
    tags_of,
)

SUMMARY = "How was this measured?"
COLUMNS = (
    "median time: the median of a process's timed executions, then the geometric mean over the processes. Every "
    "process is a fresh one, and its first execution (cold) does not count. Everything from an implementation's start "
    "to its return is timed, and the device synchronised.",
    "[..]: a 95 % interval by the spread between processes. The process is the unit: its rounds depend on each other.",
    "times as fast: the time of the strongest right CPU implementation (the baseline) divided by this one's. They take "
    "turns; the ratio is taken inside each round, then the median over the rounds of a process, then the mean over the "
    "processes. So it can differ from the ratio of the two medians, on a busy machine by much.",
    "mean over tasks: the geometric mean, one ratio for each task. Its interval says where the mean over other tasks "
    "like these probably is: it comes from the spread between the tasks, and it is never narrower than the intervals "
    "of these tasks allow. A single task keeps its own interval.",
    "end to end: the ratio for the whole time. resident: the ratio with the data already on the device, so only of the "
    "stages that compute (the compute clock), without reading and copying.",
    "verdict: `faster` or `slower` if the 99 % interval lies beyond a margin of 1 %, `equivalent` if it lies within, "
    "else `inconclusive`.",
    "quality: judged in the same way for all, apart from them. A result outside the tolerance is `wrong`: no time.",
    "memory: the highest of any execution. cold: the median of the first executions. how sure: what makes it less so.",
)


def note() -> Details:
    """The definitions, to stand near charts."""
    return Details(SUMMARY, [Items([prose(column) for column in COLUMNS])])


def of_task(group: GroupFindings, said: tables.Table, found: Findings, numbers: Numbers) -> Details:
    """How one task on one dataset at one size was measured, and all that the terminal says about it."""
    cell = group.rows[0].cell
    info = found.records.info
    blocks: list[Block] = [
        Paragraph(["Measure this again: ", Code(command(group.rows, info))]),
        Paragraph(_settings(info)),
    ]
    if said.caption:
        blocks.append(Paragraph(said.caption))
    if remarks := [*said.failures, *said.notes]:
        blocks.append(Items(remarks))
    blocks += [
        _table(group.rows, f"how {cell.task} was measured on {cell.dataset} at {cell.size}", info, numbers),
        Items([prose(column) for column in COLUMNS]),
    ]
    return Details(SUMMARY, blocks)


def _settings(info: RunInfo) -> str:
    """For example: up to 5 processes for each implementation, up to 8 timed rounds in each, threads 2, seed 20260."""
    settings = info.settings
    parts = []
    if (count := settings.get("replicates")) is not None:
        parts.append(f"up to {count} process{'es' if count != 1 else ''} for each implementation")
    if (rounds := settings.get("rounds")) is not None:
        parts.append(f"up to {rounds} timed rounds in each")
    if (precision := settings.get("precision")) is not None:
        parts.append(f"until each ratio is known to ± {words.percent(precision)}")
    for name in ("threads", "seed"):
        if (value := settings.get(name)) is not None:
            parts.append(f"{name} {value}")
    machine = info.machine
    parts.append(f"{machine['cores']} of {machine['cores_in_machine']} cores of {machine['host']}")
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _table(rows: Sequence[Row], caption: str, info: RunInfo, numbers: Numbers) -> Table:
    return Table(
        caption=caption,
        header=(
            "implementation",
            "version",
            "processes",
            "timed samples",
            "threads",
            "cores used",
            "where",
            "data",
            "parameters",
            "outcome",
        ),
        rows=[TableRow(_cells(row, info, numbers), tags_of(row.cell.task, row.cell.device)) for row in rows],
        right=frozenset({2, 3, 4, 5}),
    )


def _cells(row: Row, info: RunInfo, numbers: Numbers) -> list[Text]:
    cell, facts, found = row.cell, row.facts, numbers.of(row)
    where = cell.device if cell.runner == "local" else f"{cell.device}, {cell.runner} of {cell.workers}"
    version = info.versions_of(cell.implementation).get(distribution(cell.library))
    return [
        f"{cell.library} ({cell.implementation})",
        version or "not recorded",
        found.shown("seconds/replicates", _whole),
        found.shown("seconds/samples", _whole),
        found.shown("threads", _whole),
        found.shown("cores_used", lambda value: f"{value:.1f}"),
        where,
        facts.data_hash[:12] or UNKNOWN,
        _parameters(facts.parameters),
        ": ".join(filter(None, (endings.ending(row), endings.reason(row)))),
    ]


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _parameters(parameters: Mapping[str, Any]) -> str:
    written = (f"{name} = {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in parameters.items())
    return ", ".join(written) or UNKNOWN


def command(rows: Sequence[Row], info: RunInfo) -> str:
    """The command that measures one task on one dataset at one size again, with the run's own settings."""
    cell, settings = rows[0].cell, info.settings
    words_of = ["residency", "run", cell.task]
    if settings.get("path"):
        words_of += ["--data", settings["path"]]
        words_of += ["--target", settings["target"]] if settings.get("target") else []
    else:
        words_of += ["--size", cell.size] if cell.size != "full" else []
        words_of += ["--dataset", cell.dataset]
    words_of += ["--implementations", ",".join(dict.fromkeys(row.cell.implementation for row in rows))]
    runners = list(dict.fromkeys(row.cell.runner for row in rows))
    if runners != ["local"]:
        words_of += ["--runner", ",".join(runners)]
        counts = sorted({row.cell.workers for row in rows if row.cell.runner == "cluster"})
        scheduler = settings.get("scheduler")
        words_of += ["--scheduler", scheduler] if scheduler else ["--workers", ",".join(map(str, counts))]
    for name in ("replicates", "rounds", "precision", "threads", "seed", "timeout"):
        if settings.get(name) is not None:
            words_of += [f"--{name}", str(settings[name])]
    if settings.get("memory_limit"):
        words_of += ["--memory", f"{settings['memory_limit'] / 2**30:g}"]
    words_of += ["--gate"] if settings.get("gate") else []
    suites = settings.get("suites") or []
    before = f"{VARIABLE}={shlex.quote(':'.join(suites))} " if suites else ""
    return before + shlex.join(map(str, words_of))


def of_run(found: Findings, said: tables.Report, prefix: str) -> Section:
    """Where and with what the whole run was measured, and all that the terminal says about it."""
    info = found.records.info
    blocks: list[Block] = [
        Paragraph(["The whole run: ", Code(shlex.join(info.command))]),
        Items([*said.facts, *said.summary]),
    ]
    if said.warning:
        blocks.append(Items([said.warning]))
    versions = [TableRow((name, version)) for name, version in sorted(info.versions.items())]
    limits = info.environment.get("limits") or {}
    if limits:
        shown = ", ".join(f"{name}={environment.shown(value)}" for name, value in limits.items())
        blocks.append(Paragraph(f"Limits that workers were given: {shown}"))
    blocks += [
        Paragraph(["Every sample and every outcome: ", Code(f"{found.records.folder.name}/{RECORDS_FILE}")]),
        Details("What the columns mean", [Items([prose(column) for column in COLUMNS])]),
        Details("Versions", [Table("installed when the run was made", ("package", "version"), versions)]),
        *(_of_environment(name, told) for name, told in info.environments.items()),
    ]
    return Section(f"{prefix}measured", SUMMARY, blocks)


def _of_environment(name: str, told: Mapping[str, Any]) -> Details:
    versions = [TableRow(("Python", told["python"])), *map(TableRow, sorted(told["versions"].items()))]
    return Details(f"Versions in {name}", [Table(f"installed in {name}", ("package", "version"), versions)])


def missing(said: tables.Report, prefix: str) -> list[Section]:
    """What is unavailable, grouped by the reason."""
    if not said.missing:
        return []
    items = [_reason(entry) for entry in said.missing]
    return [Section(f"{prefix}missing", "What was unavailable", items)]


def _reason(entry: tables.Missing) -> Block:
    further = [Paragraph(f"They also need: {'; '.join(entry.further)}")] if entry.further else []
    count = f"{entry.results} result{'' if entry.results == 1 else 's'}"
    return Details(f"{count}: {entry.reason}", [*further, Items(entry.names)])
