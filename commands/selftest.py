"""`residency selftest`: the A/A control. What can this machine tell apart?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from residency.analysis.selftest import EFFECT, MOST, TASK, TOGETHER, WORKS, Control, controls, keep
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.discovery import load
from residency.harness.errors import UsageError
from residency.reports import screen
from residency.runners import machine
from residency.runners.bursts import beside
from residency.runners.plan import Selection, groups_of
from residency.runners.settings import GATE_ROUNDS, ROUNDS, Settings
from residency.studies.measuring import info_of, measure
from residency.studies.parting import parting
from residency.suites import SHIPPED

EPILOG = """
Examples:  [bold]residency selftest[/]   [bold]residency selftest --gate --processes 20[/]
[bold]residency selftest --beside-load[/]
"""
BUDGET = 3600.0  # seconds, for each of its runs


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
    found = []
    for bursty in (0, machine.cores()) if beside_load else (0,):
        with beside(bursty):
            for kinds, threads in ((WORKS, 1), (TOGETHER, machine.cores())):
                if chosen := [name for name in kinds if name in works]:
                    found += controls(_measured(chosen, threads, processes, gate, results), beside=bursty)
    text = {"machine": machine.facts(), "gate": gate, "at": records.now(), "controls": [asdict(one) for one in found]}
    if json:
        common.print_json(text)
    else:
        _show(found, gate)
    keep(text)


def _measured(works: list[str], threads: int, processes: int, gate: bool, results: Path) -> records.Records:
    """A run of its own of these kinds of work."""
    task = load(SHIPPED, SHIPPED.folder / f"{TASK}.py")
    names = [one.name for one in task.implementations if one.name.partition("_")[0] in works]
    selection = Selection(tasks=[TASK], devices=("cpu",), implementations=names)
    rounds = GATE_ROUNDS if gate else ROUNDS
    settings = Settings(replicates=processes, rounds=rounds, budget=BUDGET, threads=threads, gate=gate)
    groups = groups_of(task, selection)
    info = info_of(groups, settings, selection)
    folder = results / info.id
    kept = f"Saved to {folder}. View it with: residency report {folder}"
    with parting(folder, kept, "interrupted: a self-test needs all of its processes; start it again"):
        if measure(groups, settings, info, folder, None):
            raise typer.Exit(interrupts.status())
    return records.read(folder)


def _show(found: list[Control], gate: bool) -> None:
    out = screen.output()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in (
        "work",
        "beside it",
        "spread between processes",
        "false alarms",
        "95 % hold 1",
        f"sees +{EFFECT:.0%}",
        "smallest effect",
        "needed",
    ):
        table.add_column(name, justify="left" if name in {"work", "beside it"} else "right")
    for one in found:
        table.add_row(
            one.work,
            f"{one.beside} come and go" if one.beside else "nothing of ours",
            f"{one.spread:.2%}",
            f"{one.false_alarms:.1%}",
            f"{one.held:.1%}",
            f"{one.power:.0%}",
            f"{one.smallest:.1%}",
            f"{one.needed} processes" if one.needed < MOST else f"over {MOST} processes",
        )
    first, copies = found[0], max(one.copies for one in found)
    mode = "gate mode: fixed memory layout, pinned" if gate else "as `residency run` measures"
    out.print(f"\nA against A, {first.processes} processes a side, {mode}; verdicts by {first.replicates} of them\n")
    out.print(table)
    out.print(
        f"\n[dim]smallest effect: seen four times in five by {first.replicates} processes; "
        f"needed: processes for seeing {EFFECT:.0%} as often. Of {copies} copies, the fastest "
        "is the baseline of the others[/]"
    )
