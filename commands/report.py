"""`residency report`: the results of runs, in a terminal, as a page, as Markdown or as data."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from residency.analysis.beside import Beside, beside
from residency.analysis.findings import Findings, findings
from residency.analysis.rows import timed_samples
from residency.commands import common, options
from residency.harness import records
from residency.harness.errors import UsageError, typed
from residency.reports import beside as machines
from residency.reports import console, document, flat, markdown, pytest_benchmark, screen, words

EPILOG = """
Examples:  [bold]residency report[/]   [bold]residency report results/runs/RUN --format markdown -o ridge.md[/]
[bold]residency report RUN --format html -o page.html --beside RECORDED[/]
[bold]residency report RUN ANOTHER --format html -o page.html[/]   [bold]residency report --slides -o deck.html[/]
"""


class Format(StrEnum):
    """The formats of a report."""

    CONSOLE = "console"
    CSV = "csv"
    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"
    PYTEST_BENCHMARK = "pytest-benchmark"


def _json(runs: Sequence[Findings]) -> str:
    documents = [document.document(found.records, found.rows) for found in runs]
    return _indented(documents[0] if len(runs) == 1 else document.several(documents, _pairs(runs)))


def _pairs(runs: Sequence[Findings]) -> list[Beside]:
    return [beside(runs[0], other) for other in runs[1:]]


def _pytest_benchmark(runs: Sequence[Findings]) -> str:
    if len(runs) > 1:
        raise UsageError(f"--format pytest-benchmark holds one run, and {len(runs)} were named")
    (found,) = runs
    return _indented(pytest_benchmark.document(found.records, found.rows, timed_samples(found.records)))


def _markdown(runs: Sequence[Findings]) -> str:
    return "\n".join(map(markdown.render, runs))


def _indented(value: dict[str, Any]) -> str:
    return document.text(value) + "\n"


def _html(runs: Sequence[Findings]) -> str:
    from residency.reports.page import render, run

    return render.page(run.of_runs(runs))


def _slides(runs: Sequence[Findings]) -> str:
    from residency.reports.page.slides import deck

    return deck.html(runs)


_CONTENTS: dict[Format, Callable[[Sequence[Findings]], str | bytes]] = {
    Format.CSV: flat.csv_text,
    Format.HTML: _html,
    Format.JSON: _json,
    Format.MARKDOWN: _markdown,
    Format.PARQUET: flat.parquet,
    Format.PYTEST_BENCHMARK: _pytest_benchmark,
}


def _html_beside(found: Findings, recorded: Findings) -> str:
    from residency.reports.page import beside, render, run

    return render.page(beside.with_recorded(run.page(found), found, recorded))


def _json_beside(found: Findings, recorded: Findings) -> str:
    return _indented(
        {
            **document.document(found.records, found.rows),
            "beside": {
                **document.document(recorded.records, recorded.rows),
                **document.beside(beside(found, recorded)),
            },
        }
    )


_BESIDE: dict[Format, Callable[[Findings, Findings], str]] = {Format.HTML: _html_beside, Format.JSON: _json_beside}


def report(
    run: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A run's folder, its name, or a folder of runs, of which the newest is shown. Several are shown one "
            "after the other. [default: the newest]",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="The format of the report. [default: console]", show_default=False),
    ] = None,
    slides: Annotated[
        bool, typer.Option("--slides", help="Write slides for a class: predict first, then reveal. Implies html.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            parser=options.file,
            metavar="PATH",
            help="Write the report to a file. Default for html at a terminal: page.html, or with --slides slides.html.",
        ),
    ] = None,
    recorded: Annotated[
        Path | None,
        typer.Option(
            "--beside",
            metavar="RUN",
            help="Lay a run that was recorded on another machine beside this one, each with an axis of its own. With "
            "--format html, console or json.",
        ),
    ] = None,
    results: options.Named = common.RESULTS,
    details: options.Details = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Write no report: take damaged lines out of a run's records. A copy of the file as it was is kept.",
        ),
    ] = False,
) -> None:
    """Show what runs measured."""
    if repair:
        if slides or form or output or recorded or details:
            raise UsageError("--repair writes no report: leave out all other options")
        _repair(run or [], results)
        return
    if slides and form not in {None, Format.HTML}:
        raise UsageError(f"slides are written as html: leave out --format {form}, or use --format html")
    if slides and recorded is not None:
        raise UsageError("slides show runs one after the other: leave out --beside and name both runs")
    form = Format.HTML if slides else form or Format.CONSOLE
    _check(form, len(run or []), has_output=output is not None, has_recorded=recorded is not None, details=details)
    output = _file_at_a_terminal(slides=slides) if output is None and form is Format.HTML else output
    named: list[Path | None] = [*run] if run else [None]
    folders = _folders(named, results)
    if recorded is not None:
        folders.append(_other(recorded, folders[0], results))
    shown = [_findings(folder) for folder in folders]
    if form is Format.CONSOLE:
        _show(shown, has_recorded=recorded is not None, details=details)
        return
    write = _slides if slides else _CONTENTS[form]
    content = _BESIDE[form](*shown) if recorded is not None else write(shown)
    if output is None:
        print(content, end="")
        return
    common.write_file(output, content)
    if not common.is_special(output):
        print(words.one_line(str(output)))


def _repair(runs: Sequence[Path], results: Path) -> None:
    """Repair one run, and say what was done."""
    if len(runs) != 1:
        raise UsageError("--repair changes one run: name one run")
    folder = common.folder_of(runs[0], results)
    done = records.repair(folder)
    file = words.one_line(str(folder / records.RECORDS_FILE))
    if done.copy is None:
        print(f"No line of {file} is damaged: nothing was changed.")
        return
    lines = "1 damaged line was" if done.left_out == 1 else f"{words.count(done.left_out)} damaged lines were"
    print(f"{lines} left out of {file}; {words.count(done.kept)} are kept.")
    print(f"The file as it was: {words.one_line(str(done.copy))}")
    print(f"Measure what is missing now: residency run --resume {typed(folder)}")


def _file_at_a_terminal(*, slides: bool) -> Path | None:
    """Where a page goes that nobody named a file for: at a terminal a new file, else None, which prints it.

    Raises `UsageError` if there is a file already.
    """
    if not sys.stdout.isatty():
        return None
    file = Path("slides.html" if slides else "page.html")
    if os.path.lexists(file):
        raise UsageError(f"{file} exists already and was not changed: name a file with -o; to replace it: -o {file}")
    return file


def _check(form: Format, runs: int, *, has_output: bool, has_recorded: bool, details: bool) -> None:
    """Raise `UsageError` if a format and an option exclude each other."""
    if form is Format.CONSOLE and has_output:
        raise UsageError("a console report cannot be written to a file; with --output use --format markdown or json")
    if form is Format.PARQUET and not has_output:
        raise UsageError("a Parquet report cannot be printed: add --output PATH, or use --format csv")
    if form is not Format.CONSOLE and details:
        raise UsageError("--details is for the terminal; every other format has all details: leave it out")
    if has_recorded and form not in {Format.CONSOLE, *_BESIDE}:
        raise UsageError(f"--beside needs --format html, console or json, not {form}")
    if has_recorded and runs > 1:
        raise UsageError("--beside lays a run beside one run; name one run, or name all runs without --beside")


def _folders(named: Sequence[Path | None], results: Path) -> list[Path]:
    """The folders of all runs. A run that is named twice, or has a copy, counts once, and stderr says so."""
    seen: dict[tuple[str, str, str], Path] = {}
    for name in named:
        folder = common.folder_of(name, results)
        known = common.identity(records.read_info(folder))
        first = seen.get(known)
        if first is None:
            seen[known] = folder
        elif first.resolve() == folder.resolve():
            common.say(f"{folder} is named twice: it counts once")
        else:
            common.say(f"left out: {folder}: {common.copy_of(first)}")
    return list(seen.values())


def _other(recorded: Path, folder: Path, results: Path) -> Path:
    """The folder of the run to lay beside this one; raises `UsageError` if it is the same run, or a copy of it."""
    other = common.folder_of(recorded, results)
    if common.identity(records.read_info(other)) == common.identity(records.read_info(folder)):
        raise UsageError(f"--beside {recorded} is the same run as {folder}: there is nothing to lay beside it")
    return other


def _findings(folder: Path) -> Findings:
    measured = records.read(folder)
    return findings(measured, here=common.is_here(measured.info))


def _show(shown: Sequence[Findings], *, has_recorded: bool, details: bool) -> None:
    out = screen.output()
    sides = machines.named(shown)
    for side in sides[:1] if has_recorded else sides:
        if len(sides) > 1 and not has_recorded:
            machines.show_name(side, out)
        console.show(side.found, out, details=details)
    if has_recorded:
        machines.show(*machines.sides(*shown), beside(*shown), out)
