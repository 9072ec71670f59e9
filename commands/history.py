"""`residency history`: the trend of every implementation over many runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.history import MARGIN, History, history
from residency.commands import common
from residency.commands.compare import MOST
from residency.harness import records
from residency.harness.errors import RecordError, UsageError
from residency.reports import history as report
from residency.reports import screen, words

EPILOG = """
Examples:  [bold]residency history[/]   (all runs in results/runs)
[bold]residency history results/runs nightly --task tabular/etl --page trend.html[/]

A series is one implementation of a task on a dataset at a size on one kind of machine. A change is marked where a run's
time differs from the time before by more than the margin, by the noise of that series. All comparisons of a history
share an error of 1 %.

Exit status: 0, also if something became slower or wrong; 2 the arguments are wrong. A gate is `residency compare`.
"""


def show_history(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...",
            help="Folders of runs: all runs directly in them. [default: results/runs]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="TOPIC[/TASK]", help="Only this topic or task. Repeat the option for several."),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0, max=MOST, help="The smallest change that counts, as a fraction.")
    ] = MARGIN,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="PATH", help="Write a page for a browser to this file.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the trend over many runs: which implementations became slower, faster or wrong, and since which run?"""
    common.check_file(page)
    named = folders or [common.RESULTS]
    found = history(_read(_runs(named)), margin, task or ())
    command = ["residency", "history", *map(str, folders or ()), *_options(task or (), margin)]
    if page is not None:
        common.write_file(page, _page(found, named, shlex.join(command)))
    if json:
        common.print_json(report.document(found, named))
    else:
        report.show(found, named, screen.output())


def _options(tasks: list[str] | tuple[()], margin: float) -> list[str]:
    said = [word for task in tasks for word in ("--task", task)]
    return said if margin == MARGIN else [*said, "--margin", f"{margin:g}"]


def _runs(folders: list[Path]) -> list[common.FoundRun]:
    """All runs directly in these folders, the oldest first; raises `UsageError` if one is not a folder of runs."""
    found: dict[Path, common.FoundRun] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"no run in {folder}: there is no such folder; measure one with `residency run`")
        if (folder / records.RUN_FILE).is_file():
            raise UsageError(f"{folder} is one run; name a folder of runs, for example {folder.parent}")
        for run in common.runs_in(folder):
            found.setdefault(run.folder.resolve(), run)
    return sorted(found.values(), key=lambda run: (records.moment(run.info.started), run.folder))


def _read(runs: list[common.FoundRun]) -> Iterator[records.Records]:
    """The runs with their records. A run that cannot be read is left out, and stderr says so."""
    for run in runs:
        try:
            yield records.read(run.folder)
        except RecordError as error:
            screen.progress().print(
                words.one_line(f"left out: {error}"), style="dim", highlight=False, markup=False, soft_wrap=True
            )


def _page(found: History, folders: list[Path], command: str) -> str:
    from residency.reports.page import history as shown
    from residency.reports.page import render

    return render.page(shown.page(found, report.document(found, folders), command))
