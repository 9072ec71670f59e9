"""A report in a terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from residency.harness.outcomes import Outcome
from residency.harness.records import Records
from residency.reports.tables import HEADER, Table, report

NUMBERS = {"cores", "median time [95 %]", "speedup [95 %]", "quality", "cold", "memory"}


def show(records: Records, console: Console) -> None:
    """Print a run: where it ran, a table a group, what it says as a whole, and what could not run."""
    said = report(records)
    console.print()
    console.rule(f"[bold]{escape(said.title)}")
    for fact in said.facts:
        console.print(escape(fact), style="dim")
    for table in said.tables:
        console.print()
        console.print(escape(table.title), style="bold")
        console.print(escape(table.caption), style="dim")
        if table.lines:
            console.print(grid(table))
        for failure in table.failures:
            console.print(f"  {escape(failure)}", style="red")
        for note in table.notes:
            console.print(f"  {escape(note)}", style="dim")
    console.print()
    for line in said.summary:
        console.print(escape(line), style="bold")
    for missing in said.missing:
        console.print(f"\nNot run here: {escape(missing.reason)}", style="yellow")
        for reason in missing.further:
            console.print(f"  and {escape(reason)}", style="yellow")
        console.print(f"  {escape(', '.join(missing.names))}", style="dim")


def grid(table: Table) -> Grid:
    """One group's table."""
    made = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in HEADER:
        made.add_column(name, justify="right" if name in NUMBERS else "left", overflow="fold")
    for line, outcome in zip(table.lines, table.emphasis, strict=True):
        made.add_row(*(escape(cell) for cell in line), style=_style(line, outcome))
    return made


def _style(line: tuple[str, ...], outcome: str) -> str:
    if outcome != Outcome.OK:
        return "red"
    return "bold" if line[4] == "baseline" else "green" if line[4].endswith("faster") else ""
