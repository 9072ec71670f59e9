"""`residency report`: what a run has to say, in a terminal, as Markdown or as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.rows import document
from residency.commands import common
from residency.harness.errors import UsageError
from residency.harness.records import Records
from residency.reports import console, markdown, pytest_benchmark, screen

EPILOG = (
    "Examples:  [bold]residency report[/]   [bold]residency report results/runs/RUN --format markdown -o ridge.md[/]"
)


class Format(StrEnum):
    """The forms of a report."""

    CONSOLE = "console"
    JSON = "json"
    MARKDOWN = "markdown"
    PYTEST_BENCHMARK = "pytest-benchmark"


_TEXTS: dict[Format, Callable[[Records], str]] = {
    Format.JSON: lambda records: json.dumps(document(records), indent=2) + "\n",
    Format.MARKDOWN: markdown.render,
    Format.PYTEST_BENCHMARK: lambda records: json.dumps(pytest_benchmark.document(records), indent=2) + "\n",
}


def report(
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder, its name, or a folder of runs. [default: the newest]", show_default=False),
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.CONSOLE,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PATH", help="Write it to a file.")] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where to look for it.")] = common.RESULTS,
) -> None:
    """Show what a run measured."""
    measured = common.find_run(run, results)
    if form is Format.CONSOLE:
        if output is not None:
            raise UsageError("a console report is for reading; with --output use --format markdown or json")
        console.show(measured, screen.output())
        return
    text = _TEXTS[form](measured)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from error
    print(output)
