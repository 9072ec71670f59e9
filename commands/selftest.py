"""`residency selftest`: the A/A control. What can this machine tell apart?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from residency.commands import common
from residency.commands.measuring import info_of, measure
from residency.commands.parting import parting
from residency.harness import interrupts, records
from residency.harness.discovery import load
from residency.reports.selftest import EFFECT, TASK, Control, controls, keep
from residency.runners import machine
from residency.runners.plan import Selection, groups_of
from residency.runners.settings import GATE_ROUNDS, ROUNDS, Settings
from residency.suites import SHIPPED

EPILOG = "Examples:  [bold]residency selftest[/]   [bold]residency selftest --gate --processes 20[/]"


def selftest(
    processes: Annotated[int, typer.Option(min=6, help="Fresh processes of each side.")] = 16,
    gate: Annotated[bool, typer.Option("--gate", help="As `run --gate`: fixed layouts, pinned.")] = False,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")] = common.RESULTS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Run one implementation against itself, and against 5 % more work; say what this machine can detect."""
    task = load(SHIPPED, SHIPPED.folder / f"{TASK}.py")
    selection = Selection(tasks=[TASK], devices=("cpu",))
    rounds = GATE_ROUNDS if gate else ROUNDS
    settings = Settings(replicates=processes, rounds=rounds, budget=3600.0, threads=1, gate=gate)
    groups = groups_of(task, selection)
    info = info_of(groups, settings, selection)
    folder = results / info.id
    kept = f"kept in {folder}; all of it: residency report {folder}"
    with parting(folder, kept, "interrupted: a self-test needs all of its processes; start it again"):
        if measure(groups, settings, info, folder, None):
            raise typer.Exit(interrupts.status())
    found = controls(records.read(folder))
    text = {"machine": machine.facts(), "gate": gate, "at": records.now(), "controls": [asdict(one) for one in found]}
    if json:
        common.print_json(text)
    else:
        _show(found, gate)
    keep(text)


def _show(found: list[Control], gate: bool) -> None:
    out = common.output()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (
        "work",
        "spread between processes",
        "false alarms",
        f"sees +{EFFECT:.0%}",
        "smallest effect",
        "needed",
    ):
        table.add_column(name, justify="left" if name == "work" else "right")
    for one in found:
        table.add_row(
            one.work,
            f"{one.spread:.2%}",
            f"{one.false_alarms:.1%}",
            f"{one.power:.0%}",
            f"{one.smallest:.1%}",
            f"{one.needed} processes",
        )
    first = found[0]
    mode = "gate mode: fixed memory layout, pinned" if gate else "as `residency run` measures"
    out.print(f"\nA against A, {first.processes} processes a side, {mode}; verdicts by {first.replicates} of them\n")
    out.print(table)
    out.print(
        f"\n[dim]smallest effect: seen four times in five by {first.replicates} processes; "
        f"needed: processes for seeing {EFFECT:.0%} as often[/]"
    )
