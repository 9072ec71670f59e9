"""`residency report`: the results of a run, in a terminal, as a page, as Markdown or as data."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from residency.analysis.findings import Findings, findings
from residency.analysis.rows import timed_samples
from residency.commands import common
from residency.harness.errors import UsageError
from residency.reports import console, flat, markdown, pytest_benchmark, screen
from residency.reports.document import document

EPILOG = (
    "Examples:  [bold]residency report[/]   [bold]residency report results/runs/RUN --format markdown -o ridge.md[/]"
)


class Format(StrEnum):
    """The formats of a report."""

    CONSOLE = "console"
    CSV = "csv"
    HTML = "html"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"
    PYTEST_BENCHMARK = "pytest-benchmark"


def _json(found: Findings) -> str:
    return _indented(document(found.records, found.rows))


def _pytest_benchmark(found: Findings) -> str:
    return _indented(pytest_benchmark.document(found.records, found.rows, timed_samples(found.records)))


def _indented(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _html(found: Findings) -> str:
    from residency.reports.page import render, run

    return render.page(run.page(found))


_TEXTS: dict[Format, Callable[[Findings], str]] = {
    Format.CSV: flat.csv_text,
    Format.HTML: _html,
    Format.JSON: _json,
    Format.MARKDOWN: markdown.render,
    Format.PYTEST_BENCHMARK: _pytest_benchmark,
}


def report(
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder, its name, or a folder of runs. [default: the newest]", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="The format of the report.")] = Format.CONSOLE,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="PATH", help="Write the report to a file.")
    ] = None,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder in which runs are found by name.")
    ] = common.RESULTS,
) -> None:
    """Show what a run measured."""
    measured = common.find_run(run, results)
    if form is Format.CONSOLE and output is not None:
        raise UsageError("a console report cannot be written to a file; with --output use --format markdown or json")
    if form is Format.PARQUET and output is None:
        raise UsageError("a Parquet report cannot be printed: add --output PATH, or use --format csv")
    found = findings(measured, here=common.is_here(measured.info))
    if form is Format.CONSOLE:
        console.show(found, screen.output())
        return
    content = flat.parquet(found) if form is Format.PARQUET else _TEXTS[form](found)
    if output is None:
        print(content, end="")
        return
    try:
        output.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    print(output)
