"""`residency compare`: has anything become slower or wrong? For people, programs and CI."""

from __future__ import annotations

import sys
from collections.abc import Set
from math import inf
from pathlib import Path
from typing import Annotated, Any

import typer

from residency.analysis.compare import Comparison, compare, within_sight
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.errors import UsageError
from residency.reports import compare as comparison
from residency.reports import gate, screen
from residency.studies.confirm import confirm as confirmed
from residency.studies.measuring import Interrupted
from residency.studies.selftest import smallest_on_record

MOST = 1_000.0  # the widest margin: with an endless one nothing would ever be slower

EPILOG = """
Examples:  [bold]residency run tabular --name baseline[/], later [bold]residency compare baseline results/runs[/]
[bold]residency compare A B --margin 0.1 --task-margin tabular/etl=0.2 --confirm[/]
[bold]residency compare A B --junit compare.xml --github --page compare.html[/]

BASELINE and CURRENT are each a run's folder, the name that `run --name` gave it, or a folder of runs. Of a folder of
runs, the run that started last is used. Processors, cores, GPUs, --threads, --gate and the environment variables that
change speed (such as OPENBLAS_CORETYPE) must be the same. Drivers, kernels and libraries may differ, and the report
names what differs.

Exit status: 0 no regression; 1 something became slower; 2 the runs cannot be compared; 3 inconclusive; 4 something
that was right is now wrong or fails; 5 the baseline used a device that this machine lacks. If several hold, the first
of 4, 1, 5, 3 counts. How to use it as a gate: docs/ci.md.
"""


def compare_runs(
    baseline: Annotated[Path, typer.Argument(help="The run before: its folder, its name, or a folder of runs.")],
    current: Annotated[Path, typer.Argument(help="The run after, given in the same way.")],
    margin: Annotated[
        float,
        typer.Option(
            min=0.0, max=MOST, callback=options.number, help="How much slower is still allowed, as a fraction."
        ),
    ] = 0.05,
    task_margin: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=MARGIN", help="Another margin for one task. Repeat the option for several."),
    ] = None,
    confirm: Annotated[
        bool,
        typer.Option(
            "--confirm", help="Measure again, now and on this machine, what seems slower, and decide by that."
        ),
    ] = False,
    junit: Annotated[Path | None, typer.Option(parser=options.file, metavar="PATH", help="Write JUnit XML.")] = None,
    github: Annotated[bool, typer.Option("--github", help="Print GitHub annotations (with --json on stderr).")] = False,
    page: options.Page = None,
    results: options.Named = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two runs of the same kind of machine: what has become slower, faster or wrong?"""
    common.check_file(page)
    common.check_file(junit)
    runs = _runs(baseline, current, results)
    margins = _margins(task_margin or [], {outcome.cell.task for run in runs for outcome in run.outcomes})
    found = compare(*runs, margin, margins)
    if confirm:
        try:
            found = confirmed(found, runs, margin, margins, common.catalogue)
        except Interrupted:
            raise typer.Exit(interrupts.status()) from None
    found = within_sight(found, smallest_on_record(runs[1].info), margin)
    document = gate.document(found, *runs, margin)
    if page is not None:
        command = ["residency", "compare", str(baseline), str(current), "--margin", f"{margin:g}"]
        command += [word for text in task_margin or [] for word in ("--task-margin", text)]
        common.save_page(page, _page(found, document, [*command, *(["--confirm"] if confirm else [])]))
    if json:
        common.print_json(document)
    else:
        comparison.show(found, screen.output())
    if github:
        for line in gate.workflow_commands(found):
            print(line, file=sys.stderr if json else sys.stdout)
    if junit is not None:
        common.write_file(junit, gate.junit(found))
    raise typer.Exit(int(found.status))


def _page(found: Comparison, document: dict[str, Any], command: list[str]) -> str:
    from residency.reports.page import comparison as shown
    from residency.reports.page import render

    return render.page(shown.page(found, document, command))


def _runs(baseline: Path, current: Path, results: Path) -> tuple[records.Records, records.Records]:
    """Both runs; raises `UsageError` if a name or a folder of runs leads to the same run twice."""
    folders = common.folder_of(baseline, results), common.folder_of(current, results)
    places = {path.resolve() for path in folders}
    if len(places) == 1 and {baseline.resolve(), current.resolve()} != places:
        raise UsageError(
            f"{baseline} and {current} are the same run, {folders[0]}: a comparison would always pass; "
            "has the current run been measured?"
        )
    return records.read(folders[0]), records.read(folders[1])


def _margins(given: list[str], tasks: Set[str]) -> dict[str, float]:
    margins = {}
    for text in given:
        task, _, value = text.partition("=")
        try:
            margins[task] = float(value)
        except ValueError:
            raise UsageError(f"--task-margin {text}: write it as tabular/ridge=0.1") from None
        if not 0 <= margins[task] < inf:
            raise UsageError(f"--task-margin {text}: a margin is a fraction, 0 or more, such as 0.1 for 10 %")
        if task not in tasks:
            raise UsageError(f"--task-margin {text}: the runs have no task `{task}`, only {', '.join(sorted(tasks))}")
    return margins
