"""`residency selftest`: the A/A control. What can this machine tell apart?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.selftest import TOGETHER, WORKS
from residency.commands import common, options
from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.reports import screen
from residency.reports.selftest import show
from residency.studies.measuring import Interrupted
from residency.studies.selftest import document, keep, measured

EPILOG = """
Examples:  [bold]residency selftest[/]   [bold]residency selftest --gate --processes 20[/]
[bold]residency selftest --beside-load[/]
"""


def selftest(
    processes: Annotated[int, typer.Option(min=6, help="Fresh processes of each side.")] = 16,
    gate: Annotated[bool, typer.Option("--gate", help="As `run --gate`: fixed layouts, pinned.")] = False,
    beside_load: Annotated[
        bool,
        typer.Option(
            "--beside-load", help="Then all of it again beside processes that come and go, one for each core."
        ),
    ] = False,
    work: Annotated[str, typer.Option(help="python, native or together (all cores). Default: all.")] = "",
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the runs' folders are made.")] = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run one implementation against itself, and against 5 % more work; say what this machine can detect."""
    works = options.split(work) or (*WORKS, *TOGETHER)
    if unknown := set(works) - {*WORKS, *TOGETHER}:
        raise UsageError(f"--work {', '.join(sorted(unknown))}: expected {', '.join((*WORKS, *TOGETHER))}")
    try:
        found = measured(works, processes, gate, beside_load, results)
    except Interrupted:
        raise typer.Exit(interrupts.status()) from None
    text = document(found, gate)
    if json:
        common.print_json(text)
    else:
        show(found, gate, screen.output())
    keep(text)
