"""`residency compare`: has anything become slower, or wrong? For people, programs and CI."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.commands import common
from residency.commands.confirming import measured_again
from residency.harness import records
from residency.harness.errors import UsageError
from residency.reports import words
from residency.reports.compare import Cell, Comparison, Kind, Status, compare, confirmed
from residency.reports.selftest import smallest_on_record

EPILOG = """
Examples:  [bold]residency compare results/runs/A results/runs/B[/]
[bold]residency compare A B --confirm[/]
[bold]residency compare A B --margin 0.1 --task-margin tabular/etl=0.2 --junit compare.xml --github[/]

Exit status: 0 no regression; 1 something became slower; 2 the runs cannot be compared; 3 inconclusive; 4 something
that was right is wrong or fails; 5 the baseline used a device that this machine lacks.
"""

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
    found = compare(*runs, margin, _margins(task_margin or []))
    if confirm and any(cell.kind is Kind.SLOWER for cell in found.cells):
        again = measured_again(found, runs[1])
        found = confirmed(found, compare(runs[0], records.read(again), margin, _margins(task_margin or [])))
        common.progress().print(f"measured again in {again}", style="dim", highlight=False, soft_wrap=True)
    tightest = min([margin, *_margins(task_margin or []).values()])
    smallest = smallest_on_record(runs[1].info.machine)
    if smallest is not None and tightest < smallest and found.status in {Status.SAME, Status.REGRESSION}:
        reason = f"this machine cannot see a margin of {tightest:.1%}: by its self-test the smallest is {smallest:.1%}"
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


def _margins(given: list[str]) -> dict[str, float]:
    margins = {}
    for text in given:
        task, _, value = text.partition("=")
        try:
            margins[task] = float(value)
        except ValueError:
            raise UsageError(f"--task-margin {text}: write it as tabular/ridge=0.1") from None
    return margins


def _show(found: Comparison, out: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("task", "data", "implementation", "before", "now", "now / before [95 %]", "verdict"):
        table.add_column(name, justify="right" if name in {"before", "now", "now / before [95 %]"} else "left")
    for cell in found.cells:
        if cell.kind is Kind.NEW:
            continue
        style = "red" if cell.kind in BAD else "yellow" if cell.kind in UNSURE else ""
        table.add_row(
            cell.task,
            f"{cell.dataset}, {cell.size}",
            cell.implementation,
            words.seconds(cell.baseline_seconds) if cell.baseline_seconds is not None else "-",
            words.seconds(cell.current_seconds) if cell.current_seconds is not None else "-",
            _ratio(cell),
            escape(f"{cell.kind}: {cell.reason}" if cell.reason else f"{cell.kind} (margin {cell.margin:.0%})"),
            style=style,
        )
    if table.row_count:
        out.print(table)
    for difference in found.differences:
        out.print(f"differs: {escape(difference)}", style="dim", highlight=False)
    out.print(f"\n{escape(found.reason)}", style="bold")


def _ratio(cell: Cell) -> str:
    if cell.ratio is None or cell.low is None or cell.high is None:
        return "-"
    return f"{words.digits(cell.ratio)} [{words.digits(cell.low)}, {words.digits(cell.high)}]"


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
