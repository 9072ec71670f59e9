"""`residency selftest`: the A/A control. Which differences can this machine detect?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from residency.analysis.selftest import TOGETHER, WORKS, Control
from residency.commands import common, options
from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.reports import screen
from residency.reports.selftest import show
from residency.studies.measuring import Interrupted
from residency.studies.selftest import document, keep, measured

EPILOG = """
Examples:  [bold]residency selftest[/]   [bold]residency selftest --gate --processes 20[/]
[bold]residency selftest --beside-load --page selftest.html[/]
"""


def selftest(
    processes: Annotated[int, typer.Option(min=6, help="The number of fresh processes of each side.")] = 16,
    gate: Annotated[
        bool,
        typer.Option("--gate", help="Measure as `run --gate` does, with fixed memory layouts and pinned processes."),
    ] = False,
    beside_load: Annotated[
        bool,
        typer.Option("--beside-load", help="Repeat everything while other processes come and go, one for each core."),
    ] = False,
    work: Annotated[str, typer.Option(help="python, native or together (all cores). Default: all.")] = "",
    page: options.Page = None,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder in which the runs' folders are created.")
    ] = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare an implementation with itself, and with 5 % more work. Say which differences this machine can detect."""
    works = options.split(work) or (*WORKS, *TOGETHER)
    if unknown := set(works) - {*WORKS, *TOGETHER}:
        raise UsageError(f"--work {', '.join(sorted(unknown))}: expected {', '.join((*WORKS, *TOGETHER))}")
    common.check_file(page)
    try:
        found = measured(works, processes, gate, beside_load, results)
    except Interrupted:
        raise typer.Exit(interrupts.status()) from None
    text = document(found, gate)
    if page is not None:
        asked = [*(["--gate"] if gate else []), *(["--beside-load"] if beside_load else [])]
        asked += ["--work", work] if work else []
        command = ["residency", "selftest", "--processes", str(processes), *asked]
        common.save_page(page, _page(found, text, command))
    if json:
        common.print_json(text)
    else:
        show(found, gate, screen.output())
    keep(text)


def _page(found: list[Control], document: dict[str, Any], command: list[str]) -> str:
    from residency.reports.page import render
    from residency.reports.page import selftest as shown

    return render.page(shown.page(found, document, command))
