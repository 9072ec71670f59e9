"""Two machines side by side, in words and as a short table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.analysis.beside import DEVICES, Beside
from residency.analysis.findings import Findings
from residency.analysis.likeness import likeness
from residency.analysis.row import Group, Row
from residency.harness.records import RunInfo
from residency.harness.statistics import ENOUGH_REPLICATES
from residency.reports import likeness as differences
from residency.reports import names, words

WARNING = "These are times of two machines, not a comparison of libraries."
NO_TIME = "no time"
NAMED = 6  # tasks that a sentence names
SAME_KIND = "The machines are of the same kind: `residency compare` tells what became slower or faster."


@dataclass(frozen=True)
class Side:
    """A run, and how it is called beside another."""

    label: str
    found: Findings


def sides(here: Findings, recorded: Findings) -> tuple[Side, Side]:
    """The local run, and one that was recorded elsewhere."""
    mine, theirs = here.records.info, recorded.records.info
    return (
        Side(f"this run: {machine(mine)}, {mine.started[:10]}", here),
        Side(f"recorded on {machine(theirs)}, {theirs.started[:10]}", recorded),
    )


def named(runs: Sequence[Findings]) -> list[Side]:
    """Several runs, each by its name, its day and its machine."""
    infos = [found.records.info for found in runs]
    said = zip(names.whens(infos), map(machine, infos), runs, strict=True)
    return [Side(f"{when}: {where}", found) for when, where, found in said]


def show_name(side: Side, console: Console) -> None:
    """A rule with a run's name, before its report."""
    console.rule(escape(side.label))


def machine(info: RunInfo) -> str:
    """`AMD EPYC, 2 cores, no GPU`."""
    facts = info.machine
    gpus = facts.get("gpus") or []
    cores = f"{facts['cores']} core{'s' if facts['cores'] != 1 else ''}"
    return f"{' '.join(str(facts['cpu']).split())}, {cores}, {differences.boards(gpus) if gpus else 'no GPU'}"


def without_times(side: Side) -> str:
    """Why nothing of a run can be laid beside another, in one line; empty if it has times."""
    if any(row.measured for row in side.found.rows):
        return ""
    info = side.found.records.info
    what = "is a rehearsal, which has no times" if info.command[1:2] == ["rehearse"] else "has no times"
    return f"The run {info.name or info.id} ({side.label}) {what}, so there is nothing to lay beside the other."


def doubts(side: Side) -> list[str]:
    """What makes a run's times less sure: it is made up, its machine was busy, or it had few processes."""
    said = ["its numbers are made up: nothing was measured"] if side.found.records.info.made_up else []
    if side.found.busy is not None:
        tasks = side.found.busy.tasks
        said.append(f"its machine was busy{f' while it measured {words.joined(tasks)}' if tasks else ''}")
    counts = {row.measured.seconds.replicates for row in side.found.rows if row.measured}
    if counts and min(counts) < ENOUGH_REPLICATES:
        noun = "process" if counts == {1} else "processes"
        many = f"{min(counts)} to {max(counts)}" if len(counts) > 1 else f"{min(counts)}"
        said.append(f"its times come from {many} {noun} for each implementation")
    return said


def differing(here: Side, there: Side) -> list[str]:
    """What differs between the machines, the versions and the settings; `here` is the first run."""
    found = likeness(here.found.records.info, there.found.records.info)
    said = map(differences.named, found.differences)
    return [f"{name} {mine} here, {theirs} there" for name, mine, theirs in said]


def are_alike(here: Side, there: Side) -> bool:
    """Whether nothing forbids a comparison of their times."""
    return not likeness(here.found.records.info, there.found.records.info).forbids


def only_in(groups: list[Group], where: str) -> str:
    """`Only in this run: a/b at lab and 3 more`; empty if there are none."""
    tasks = list(dict.fromkeys(f"{task} at {size}" for task, _, size in groups))
    more = [f"{len(tasks) - NAMED} more"] if len(tasks) > NAMED else []
    return f"Only in {where}: {words.joined([*tasks[:NAMED], *more])}." if tasks else ""


def show(here: Side, there: Side, found: Beside, console: Console) -> None:
    """Print the times of two machines side by side."""
    console.print("\n[bold]Beside a recorded machine[/]", highlight=False)
    for side in (here, there):
        said = "; ".join(doubts(side))
        console.print(escape(f"{side.label}{f' ({said})' if said else ''}"), highlight=False)
    console.print(WARNING, style="yellow", highlight=False)
    if reason := next(filter(None, map(without_times, (here, there))), ""):
        console.print(escape(reason), highlight=False)
        return
    if not found.pairs:
        console.print("The runs have no task, dataset and size in common.", highlight=False)
        return
    console.print(_grid(found))


def _grid(found: Beside) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("task", "on", "this run", "recorded run"):
        grid.add_column(name, overflow="fold")
    for pair in found.pairs:
        for device in DEVICES:
            if device in pair.here or device in pair.there:
                data = f"\n{pair.unlike}" if pair.unlike else ""
                cells = (_cell(side.get(device)) for side in (pair.here, pair.there))
                grid.add_row(*map(escape, (f"{pair.group[0]}, {pair.group[2]}{data}", device.upper(), *cells)))
    return grid


def _cell(row: Row | None) -> str:
    if row is None or row.measured is None:
        return NO_TIME
    return f"{words.interval(row.measured.seconds)} {row.cell.implementation}"
