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
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder in which the runs' folders are created.")
    ] = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare an implementation with itself, and with 5 % more work. Say which differences this machine can detect."""
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
