"""A report in a terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid
from rich.text import Text

from residency.analysis.findings import Findings
from residency.harness.outcomes import Outcome
from residency.reports.columns import RESIDENT, Column, Form, Line, shown
from residency.reports.tables import Table, report

IMPORTANCE = (  # the columns that a narrow terminal keeps, the most important first
    "implementation",
    "median time [95 %]",
    "against the baseline [95 %]",
    "quality",
    RESIDENT,
    "library",
    "cores",
    "memory",
    "cold",
    "where the time went",
)
INDENT = 2  # characters, before a remark
RULE = 4  # characters that a ruled line needs in addition to its title
UNBOUNDED = 10_000  # characters, more than any table needs


@dataclass(frozen=True)
class Drawn:
    """A table that fits into the terminal, and the columns that had to be left out."""

    grid: Grid
    dropped: list[str]


def show(found: Findings, console: Console) -> None:
    """Print a run: its answers, a table for each group, what could not run, and where and when it was measured."""
    said = report(found)
    if said.warning:
        console.print(f"\n{escape(said.warning)}", style="bold yellow", highlight=False)
    console.print()
    if cell_len(said.title) + RULE <= console.width:
        console.rule(f"[bold]{escape(said.title)}")
    else:
        console.print(escape(said.title), style="bold")
    if len(said.tables) > 1:
        _show_in_short(said.tables, console)
    _show_tables(said.tables, found.records.folder, console)
    console.print()
    for line in said.summary:
        console.print(escape(line), style="bold")
    for missing in said.missing:
        console.print(f"\nNot run here: {escape(missing.reason)}", style="yellow")
        for reason in missing.further:
            _indented(console, f"and {reason}", "yellow")
        _indented(console, _names(missing.names, console.width - INDENT), "dim")
    console.print()
    for fact in said.facts:
        console.print(escape(fact), style="dim")


def _show_in_short(tables: list[Table], console: Console) -> None:
    """One line for each group: its answer."""
    console.print()
    for table in tables:
        text = Text.assemble((f"{table.title}: ", "bold"), table.answer.brief)
        _indented(console, text, first="- ")


def _show_tables(tables: list[Table], folder: Path, console: Console) -> None:
    """Each group. A note below a table says what it does not show, unless the table before has the same note."""
    said: list[str] = []
    for table in tables:
        console.print()
        console.print(escape(table.title), style="bold")
        if table.question:
            console.print(f"Question: {escape(table.question)}", style="italic", highlight=False)
        console.print(f"[bold]Answer:[/] {escape(' '.join(table.answer.sentences))}", highlight=False)
        console.print(escape(table.caption), style="dim")
        if table.lines:
            drawn = fitted(table, console)
            console.print(drawn.grid)
            if drawn.dropped and drawn.dropped != said:
                _indented(console, _not_shown(drawn.dropped, console.width, folder), "dim")
            said = drawn.dropped
        for failure in table.failures:
            _indented(console, failure, "red")
        for note in table.notes:
            _indented(console, note, "dim")


def _indented(console: Console, text: str | Text, style: str = "", first: str = "  ") -> None:
    """Print a remark, with all its lines indented."""
    lines = Text(text, style=style) if isinstance(text, str) else text
    for number, line in enumerate(lines.wrap(console, max(1, console.width - INDENT))):
        line.rstrip()
        console.print(Text.assemble(first if number == 0 else " " * INDENT, line), highlight=False)


def _not_shown(dropped: list[str], width: int, folder: Path) -> str:
    command = f"residency report {shlex.quote(str(folder))} --format markdown"
    return f"not shown at {width} columns: {', '.join(dropped)}. To see all: {command}"


def _names(names: list[str], width: int) -> str:
    """Tasks with their implementations. If a name is wider than a line, it may break after the task."""
    joined = ", ".join(names)
    return joined.replace(":", ": ") if any(cell_len(name) + 1 > width for name in names) else joined


def fitted(table: Table, console: Console) -> Drawn:
    """One group's table: all columns if they fit, else the most important that fit, each in its widest form."""
    columns = shown(table.lines)
    whole = {column.name: column.forms[0] for column in columns}
    if _needed(made := _grid(table, whole), console) <= console.width:
        return Drawn(made, [])
    kept: dict[str, Form] = {}
    dropped = []
    for column in sorted(columns, key=lambda column: IMPORTANCE.index(column.name)):
        for form in column.forms:
            made = _grid(table, {**kept, column.name: form}, close=True)
            if not kept or _needed(made, console) <= console.width:
                kept[column.name] = form
                break
        dropped += [lacking] if (lacking := _lacking(table, column, kept.get(column.name))) else []
    return Drawn(_grid(table, kept, close=True), dropped)


def _lacking(table: Table, column: Column, form: Form | None) -> str:
    """What this form of a column does not show."""
    if form is None:
        return column.plain
    return form.without if any(form.text(line) != column.text(line) for line in table.lines) else ""


def _needed(made: Grid, console: Console) -> int:
    """The width at which no text in a table is wrapped."""
    return console.measure(made, options=console.options.update_width(UNBOUNDED)).maximum


def _grid(table: Table, forms: dict[str, Form], close: bool = False) -> Grid:
    """A table of these columns, in the order of the header. `close` saves space between them."""
    made = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=close)
    columns = [column for column in shown(table.lines) if column.name in forms]
    for column in columns:
        made.add_column(forms[column.name].header, justify="right" if column.right else "left", overflow="fold")
    for line in table.lines:
        made.add_row(*(escape(forms[column.name].text(line)) for column in columns), style=_style(line))
    return made


def _style(line: Line) -> str:
    if line.outcome != Outcome.OK:
        return "red"
    if line.is_baseline:
        return "bold"
    if line.in_doubt:
        return "yellow"
    return "green" if line.against is not None and line.against.verdict == "faster" else ""
