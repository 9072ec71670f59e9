"""`residency history`: the trend of every implementation over many runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.history import MARGIN, History, history
from residency.commands import common, options
from residency.commands.compare import MOST
from residency.harness import records
from residency.harness.errors import RecordError, UsageError
from residency.reports import history as report
from residency.reports import screen, words

CLOCKS_DIFFER = timedelta(days=1)  # of two machines, at most

EPILOG = """
Examples:  [bold]residency history[/]   (all runs in results/runs)
[bold]residency history results/runs nightly --task tabular/etl --page trend.html[/]

A series is one implementation of a task on a dataset at a size on one kind of machine. A change is marked if a run's
time differs from the time before by more than the margin and the noise of that series. The chance of a false mark
anywhere in a history is kept to 5 %.

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
    page: options.Page = None,
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
    """All runs directly in these folders, the oldest first; raises `UsageError` if one is not a folder of runs.

    Left out are runs whose start cannot be read, because their place in the history is unknown, and copies of a run.
    """
    found: dict[Path, common.FoundRun] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"no run in {folder}: there is no such folder; measure one with `residency run`")
        if (folder / records.RUN_FILE).is_file():
            raise UsageError(f"{folder} is one run; name a folder of runs, for example {folder.parent}")
        for run in common.runs_in(folder):
            found.setdefault(run.folder.resolve(), run)
    runs = sorted(found.values(), key=lambda run: (records.moment(run.info.started), run.folder))
    placed = _placed(runs)
    future = [run for run in placed if records.moment(run.info.started) > datetime.now(UTC) + CLOCKS_DIFFER]
    if future:
        count = "1 run starts" if len(future) == 1 else f"{len(future)} runs start"
        newest = future[-1]
        _say(
            f"{count} in the future, for example {newest.folder} ({newest.info.started}): a clock was wrong, "
            "and the order of the runs may be wrong"
        )
    return placed


def _placed(runs: list[common.FoundRun]) -> list[common.FoundRun]:
    """These runs without those that have no place in a history."""
    placed: dict[tuple[str, str], common.FoundRun] = {}
    for run in runs:
        known = (run.info.id, run.info.started)
        if records.readable_moment(run.info.started) is None:
            _say(
                f"left out: {run.folder}: it says {run.info.started!r} where its start should be, so its place among "
                "the runs is unknown"
            )
        elif known in placed:
            _say(f"left out: {run.folder}: it is a copy of {placed[known].folder} (the same id and start)")
        else:
            placed[known] = run
    return list(placed.values())


def _say(text: str) -> None:
    """A line on stderr."""
    screen.progress().print(words.one_line(text), style="dim", highlight=False, markup=False, soft_wrap=True)


def _read(runs: list[common.FoundRun]) -> Iterator[records.Records]:
    """The runs with their records. A run that cannot be read is left out, and stderr says so."""
    for run in runs:
        try:
            yield records.read(run.folder)
        except RecordError as error:
            _say(f"left out: {error}")


def _page(found: History, folders: list[Path], command: str) -> str:
    from residency.reports.page import history as shown
    from residency.reports.page import render

    return render.page(shown.page(found, report.document(found, folders), command))
