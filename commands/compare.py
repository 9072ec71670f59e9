"""`residency compare`: has anything become slower, or wrong? For people, programs and CI."""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import asdict, replace
from math import inf
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.commands import common
from residency.commands.confirming import measured_again
from residency.harness import records
from residency.harness.errors import UsageError
from residency.reports import words
from residency.reports.compare import Cell, Comparison, Kind, Status, compare, confirmed
from residency.reports.console import UNBOUNDED
from residency.reports.selftest import smallest_on_record
from residency.reports.shift import Shift

EPILOG = """
Examples:  [bold]residency compare results/runs/A results/runs/B[/]
[bold]residency compare A B --confirm[/]
[bold]residency compare A B --margin 0.1 --task-margin tabular/etl=0.2 --junit compare.xml --github[/]

Exit status: 0 no regression; 1 something became slower; 2 the runs cannot be compared; 3 inconclusive; 4 something
that was right is wrong or fails; 5 the baseline used a device that this machine lacks.
"""

RATIO = "now / before [95 %]"
COLUMNS = ("task", "data", "implementation", "before", "now", RATIO, "verdict")
FEWER = ("task", "data", "implementation", RATIO, "verdict")
STACKED = ("task, data, implementation", RATIO, "verdict")
NUMBERS = {"before", "now", RATIO}
BAD = {Kind.SLOWER, Kind.WRONG}
UNSURE = {Kind.INCONCLUSIVE, Kind.MISSING, Kind.NO_DEVICE}


def compare_runs(
    baseline: Annotated[Path, typer.Argument(help="A run's folder: how it was.")],
    current: Annotated[Path, typer.Argument(help="A run's folder: how it is.")],
    margin: Annotated[float, typer.Option(min=0.0, help="How much slower is tolerated, as a fraction.")] = 0.05,
    task_margin: Annotated[
        list[str] | None, typer.Option(metavar="TASK=MARGIN", help="Another margin for a task; may be repeated.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Measure what seems slower again, here and now, and judge by that.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(metavar="PATH", help="Write JUnit XML.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Print GitHub annotations.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs of like machines, cell by cell."""
    runs = records.read(baseline), records.read(current)
    margins = _margins(task_margin or [], {one.cell.task for run in runs for one in run.outcomes})
    found = compare(*runs, margin, margins)
    if confirm and any(cell.kind is Kind.SLOWER for cell in found.cells):
        again = measured_again(found, runs[1])
        found = confirmed(found, compare(runs[0], records.read(again), margin, margins))
    tightest = min((cell.margin for cell in found.cells), default=margin)
    smallest = smallest_on_record(runs[1].info)
    if smallest is not None and tightest < smallest and found.status in {Status.SAME, Status.REGRESSION}:
        seen = f"by its self-test the smallest is {100 * smallest:.2g} %"
        reason = f"this machine cannot see a margin of {100 * tightest:.3g} %: {seen}"
        found = replace(found, status=Status.INCONCLUSIVE, reason=reason)
    if junit is not None:
        _write_junit(found, junit)
    if json:
        common.print_json({"schema": 1, **asdict(found), "status": int(found.status)})
    else:
        _show(found, common.output())
    if github:
        _annotate(found)
    raise typer.Exit(int(found.status))


def _margins(given: list[str], tasks: Set[str]) -> dict[str, float]:
    margins = {}
    for text in given:
        task, _, value = text.partition("=")
        try:
            margins[task] = float(value)
        except ValueError:
            raise UsageError(f"--task-margin {text}: write it as tabular/ridge=0.1") from None
        if not 0 <= margins[task] < inf:
            raise UsageError(f"--task-margin {text}: a margin is a fraction from 0 on, as 0.1 for a tenth")
        if task not in tasks:
            raise UsageError(f"--task-margin {text}: the runs hold no task `{task}`, only {', '.join(sorted(tasks))}")
    return margins


def _show(found: Comparison, out: Console) -> None:
    shown = [cell for cell in found.cells if cell.kind is not Kind.NEW]
    for columns in (COLUMNS, FEWER, STACKED):  # ids and numbers are never cut where that can be helped
        table = _table(shown, columns)
        if out.measure(table, options=out.options.update_width(UNBOUNDED)).minimum <= out.width:
            break
    if shown:
        out.print(table)
    for difference in found.differences:
        out.print(f"differs: {escape(difference)}", style="dim", highlight=False)
    if found.shift is not None:
        out.print(f"\n{_shared(found.shift)}", style="yellow", highlight=False)
    out.print(f"\n{escape(found.reason)}", style="bold")


def _table(cells: Sequence[Cell], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    lines = [_texts(cell) for cell in cells]
    for name in columns:
        widest = max((cell_len(part) for texts in lines for part in texts[name].splitlines()), default=0)
        least = widest if name != "verdict" else None
        table.add_column(name, justify="right" if name in NUMBERS else "left", min_width=least)
    for cell, texts in zip(cells, lines, strict=True):
        style = "red" if cell.kind in BAD else "yellow" if cell.kind in UNSURE else ""
        table.add_row(*(escape(texts[name]) for name in columns), style=style)
    return table


def _texts(cell: Cell) -> dict[str, str]:
    """What stands in each column."""
    before, now = (
        words.seconds(one) if one is not None else "-" for one in (cell.baseline_seconds, cell.current_seconds)
    )
    said = cell.reason or f"(margin {100 * cell.margin:.3g} %)"
    data = f"{cell.dataset}, {cell.size}"
    return {
        "task": cell.task,
        "data": data,
        "implementation": cell.implementation,
        "task, data, implementation": f"{cell.task}\n{data}\n{cell.implementation}",
        "before": before,
        "now": now,
        RATIO: _ratio(cell),
        "verdict": f"{cell.kind}: {said}" if cell.reason else f"{cell.kind} {said}",
    }


def _ratio(cell: Cell) -> str:
    if cell.ratio is None or cell.low is None or cell.high is None:
        return "-"
    return f"{words.digits(cell.ratio)} [{words.digits(cell.low)}, {words.digits(cell.high)}]"


def _shared(shift: Shift) -> str:
    low, middle, high = (words.digits(one) for one in (shift.low, shift.ratio, shift.high))
    hidden = "What became slower by less than that is hidden by it. " if shift.ratio < 1 else ""
    return (
        f"All {shift.tasks} tasks together, now / before: {middle} [{low}, {high}]. That is rather the machine, or "
        f"what all of them share, than the code of one. {hidden}"
        "To tell, measure the baseline's code again, here and now."
    )


def _about(cell: Cell) -> str:
    return f"{cell.task}, {cell.dataset} at {cell.size}, {cell.implementation}"


def _says(cell: Cell) -> str:
    return f"{cell.kind}: {cell.reason}" if cell.reason else f"{cell.kind}: now / before {_ratio(cell)}"


def _annotate(found: Comparison) -> None:
    for cell in found.cells:
        level = "error" if cell.kind in BAD else "warning" if cell.kind in UNSURE else None
        if level is not None:
            print(f"::{level} title={_about(cell)}::{_says(cell)}")


def _write_junit(found: Comparison, path: Path) -> None:
    suite = ElementTree.Element(
        "testsuite",
        name=f"{found.baseline}{os.sep}{found.current}",
        tests=str(len(found.cells)),
        failures=str(sum(cell.kind in BAD for cell in found.cells)),
        skipped=str(sum(cell.kind in UNSURE | {Kind.NEW} for cell in found.cells)),
    )
    for cell in found.cells:
        case = ElementTree.SubElement(
            suite, "testcase", classname=cell.task, name=f"{cell.dataset}, {cell.size}, {cell.implementation}"
        )
        if cell.current_seconds is not None:
            case.set("time", f"{cell.current_seconds:.6f}")
        if cell.kind in BAD:
            ElementTree.SubElement(case, "failure", message=_says(cell))
        elif cell.kind in UNSURE | {Kind.NEW}:
            ElementTree.SubElement(case, "skipped", message=_says(cell))
    try:
        ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
