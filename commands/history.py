"""`residency history`: the trend of every implementation over many runs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

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
        float,
        typer.Option(
            min=0.0, max=MOST, callback=options.number, help="The smallest change that counts, as a fraction."
        ),
    ] = MARGIN,
    page: options.Page = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the trend over many runs: which implementations became slower, faster or wrong, and since which run?"""
    common.check_file(page)
    named = folders or [common.RESULTS]
    notes = report.Notes()
    found = history(_read(_runs(named, notes), notes), margin, task or ())
    document = report.document(found, named, notes)
    command = ["residency", "history", *map(str, folders or ()), *_options(task or (), margin)]
    if page is not None:
        common.save_page(page, _page(found, document, shlex.join(command)))
    if json:
        common.print_json(document)
    else:
        report.show(found, named, screen.output())


def _options(tasks: list[str] | tuple[()], margin: float) -> list[str]:
    said = [word for task in tasks for word in ("--task", task)]
    return said if margin == MARGIN else [*said, "--margin", f"{margin:g}"]


def _runs(folders: list[Path], notes: report.Notes) -> list[common.FoundRun]:
    """All runs directly in these folders, the oldest first; raises `UsageError` if one is not a folder of runs.

    Left out are runs whose start cannot be read, because their place in the history is unknown, and copies of a run.
    """
    found: dict[Path, common.FoundRun] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"no run in {folder}: there is no such folder; measure one with `residency run`")
        if (folder / records.RUN_FILE).is_file():
            raise UsageError(f"{folder} is one run; name a folder of runs, for example {folder.parent}")
        for run in common.runs_in(folder, lambda text: _leave_out(text, notes)):
            found.setdefault(run.folder.resolve(), run)
    runs = sorted(found.values(), key=lambda run: (records.moment(run.info.started), run.folder))
    placed = _placed(runs, notes)
    future = [run for run in placed if records.moment(run.info.started) > datetime.now(UTC) + CLOCKS_DIFFER]
    if future:
        count = "1 run starts" if len(future) == 1 else f"{len(future)} runs start"
        newest = future[-1]
        text = (
            f"{count} in the future, for example {newest.folder} ({newest.info.started}): a clock was wrong, "
            "and the order of the runs may be wrong"
        )
        common.say(text)
        notes.warnings.append(words.one_line(f"{text}."))
    return placed


def _placed(runs: list[common.FoundRun], notes: report.Notes) -> list[common.FoundRun]:
    """These runs without those that have no place in a history."""
    placed: dict[tuple[str, str, str], common.FoundRun] = {}
    for run in runs:
        known = common.identity(run.info)
        if records.readable_moment(run.info.started) is None:
            _leave_out(
                f"left out: {run.folder}: it says {run.info.started!r} where its start should be, so its place among "
                "the runs is unknown",
                notes,
            )
        elif known in placed:
            _leave_out(f"left out: {run.folder}: {common.copy_of(placed[known].folder)}", notes)
        else:
            placed[known] = run
    return list(placed.values())


def _leave_out(text: str, notes: report.Notes) -> None:
    """Say on stderr, in the JSON and on the page that a run is not in the history."""
    common.say(text)
    notes.left_out.append(words.one_line(text.removeprefix("left out: ")))


def _read(runs: list[common.FoundRun], notes: report.Notes) -> Iterator[records.Records]:
    """The runs with their records. A run that cannot be read is left out."""
    for run in runs:
        try:
            yield records.read(run.folder)
        except RecordError as error:
            _leave_out(f"left out: {error}", notes)


def _page(found: History, document: dict[str, Any], command: str) -> str:
    from residency.reports.page import history as shown
    from residency.reports.page import render

    return render.page(shown.page(found, document, command))
