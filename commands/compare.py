"""`residency compare`: has anything become slower, or wrong? For people, programs and CI."""

from __future__ import annotations

import sys
from collections.abc import Sequence, Set
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Annotated

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
from residency.reports import gate, words
from residency.reports.compare import Cell, Comparison, Kind, Status, compare, confirmed
from residency.reports.console import UNBOUNDED
from residency.reports.selftest import smallest_on_record
from residency.reports.shift import Shift

EPILOG = """
Examples:  [bold]residency run tabular --name baseline[/], later [bold]residency compare baseline results/runs[/]
[bold]residency compare A B --margin 0.1 --task-margin tabular/etl=0.2 --confirm[/]
[bold]residency compare A B --junit compare.xml --github[/]

BASELINE and CURRENT are each a run's folder, the name that `run --name` gave it, or a folder of runs, of which the one
that started last is taken. Drivers, kernels and libraries may differ between the runs, and what differs is said;
processors, cores, GPUs, --threads, --gate and the environment variables that change speed (as OPENBLAS_CORETYPE) may
not.

Exit status: 0 no regression; 1 something became slower; 2 the runs cannot be compared; 3 inconclusive; 4 something
that was right is wrong or fails; 5 the baseline used a device that this machine lacks. Where several hold, it is the
first of 4, 1, 5, 3. How to gate a repository: docs/ci.md.
"""

RATIO = "now / before [95 %]"
COLUMNS = ("task", "data", "implementation", "before", "now", RATIO, "verdict")
FEWER = ("task", "data", "implementation", RATIO, "verdict")
STACKED = ("task, data, implementation", RATIO, "verdict")
NUMBERS = {"before", "now", RATIO}


def compare_runs(
    baseline: Annotated[Path, typer.Argument(help="How it was: a run's folder, its name, or a folder of runs.")],
    current: Annotated[Path, typer.Argument(help="How it is, named likewise.")],
    margin: Annotated[float, typer.Option(min=0.0, help="How much slower is tolerated, as a fraction.")] = 0.05,
    task_margin: Annotated[
        list[str] | None, typer.Option(metavar="TASK=MARGIN", help="Another margin for a task; may be repeated.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Measure what seems slower again, here and now, and judge by that.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(metavar="PATH", help="Write JUnit XML.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Print GitHub annotations (with --json on stderr).")] = False,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are looked for by name.")] = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs of like machines, cell by cell."""
    runs = _runs(baseline, current, results)
    margins = _margins(task_margin or [], {outcome.cell.task for run in runs for outcome in run.outcomes})
    found = compare(*runs, margin, margins)
    if confirm and any(cell.kind is Kind.SLOWER for cell in found.cells):
        again = measured_again(found, runs[1])
        found = confirmed(found, compare(runs[0], records.read(again), margin, margins))
        common.progress().print(f"measured again in {again}", style="dim", highlight=False, soft_wrap=True)
    found = _within_sight(found, runs[1].info, margin)
    if json:
        common.print_json(gate.document(found, *runs, margin))
    else:
        _show(found, common.output())
    if github:
        for line in gate.workflow_commands(found):
            print(line, file=sys.stderr if json else sys.stdout)
    if junit is not None:
        _write(gate.junit(found), junit)
    raise typer.Exit(int(found.status))


def _runs(baseline: Path, current: Path, results: Path) -> tuple[records.Records, records.Records]:
    """Both runs; raises `UsageError` where a name or a folder of runs leads to the same one twice."""
    folders = common.folder_of(baseline, results), common.folder_of(current, results)
    places = {path.resolve() for path in folders}
    if len(places) == 1 and {baseline.resolve(), current.resolve()} != places:
        raise UsageError(
            f"{baseline} and {current} are the same run, {folders[0]}: a comparison would always pass; "
            "has the current run been measured?"
        )
    return records.read(folders[0]), records.read(folders[1])


def _within_sight(found: Comparison, current: records.RunInfo, margin: float) -> Comparison:
    """The comparison, inconclusive where its margin is smaller than what the machine's self-test could see."""
    tightest = min((cell.margin for cell in found.cells), default=margin)
    smallest = smallest_on_record(current)
    if smallest is None or tightest >= smallest or found.status not in {Status.SAME, Status.REGRESSION}:
        return found
    seen = f"by its self-test the smallest is {100 * smallest:.2g} %"
    reason = f"this machine cannot see a margin of {100 * tightest:.3g} %: {seen}; take a wider --margin"
    return replace(found, status=Status.INCONCLUSIVE, reason=reason)


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
    if found.differences:
        out.print("what differs, baseline against current:", style="dim", highlight=False)
    for difference in found.differences:
        out.print(f"  {escape(gate.visible(difference))}", style="dim", highlight=False)
    if found.shift is not None:
        out.print(f"\n{_shared(found.shift)}", style="yellow", highlight=False)
    out.print(f"\n{escape(gate.visible(found.reason))}", style="bold", highlight=False, soft_wrap=True)


def _table(cells: Sequence[Cell], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    lines = [_texts(cell) for cell in cells]
    for name in columns:
        widest = max((cell_len(part) for texts in lines for part in texts[name].splitlines()), default=0)
        least = widest if name != "verdict" else None
        table.add_column(name, justify="right" if name in NUMBERS else "left", min_width=least)
    for cell, texts in zip(cells, lines, strict=True):
        style = "red" if cell.kind in gate.BAD else "yellow" if cell.kind in gate.UNSURE else ""
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
        RATIO: gate.ratio(cell),
        "verdict": gate.visible(f"{gate.became(cell)}{':' if cell.reason else ''} {said}"),
    }


def _shared(shift: Shift) -> str:
    low, middle, high = (words.digits(one) for one in (shift.low, shift.ratio, shift.high))
    hidden = "What became slower by less than that is hidden by it. " if shift.ratio < 1 else ""
    return (
        f"All {shift.tasks} tasks together, now / before: {middle} [{low}, {high}]. That is rather the machine, or "
        f"what all of them share, than the code of one. {hidden}"
        "To tell, measure the baseline's code again, here and now."
    )


def _write(text: bytes, path: Path) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
