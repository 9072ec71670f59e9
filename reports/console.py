"""A report in a terminal: in short, or with all details."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from residency.analysis.findings import Findings
from residency.harness.errors import quoted, typed
from residency.harness.outcomes import Outcome
from residency.reports import words
from residency.reports.brief import BELOW, MORE, Brief, Command, brief
from residency.reports.brief_table import DISTURBED, BriefTable, Layout, Tone
from residency.reports.columns import RESIDENT, Column, Form, Line, shown
from residency.reports.endings import REHEARSED
from residency.reports.tables import Report, Table, report

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
LABEL = 9  # characters, before a command
UNBOUNDED = 10_000  # characters, more than any table needs
STYLES: dict[Tone, str] = {"": "", "baseline": "bold", "win": "green", "unsure": "yellow", "bad": "red"}


@dataclass(frozen=True)
class Drawn:
    """A table that fits into the terminal, and the columns that had to be left out."""

    grid: Grid
    dropped: list[str]


def show(found: Findings, console: Console, *, details: bool = False, saved: bool = True) -> None:
    """Print a run: three lines that answer, then one table, or with `details` everything that is known.

    With `saved`, also where the run is saved.
    """
    said = report(found)
    short = brief(found, said)
    _line(console, short.answer, "bold")
    _line(console, short.doubts, "yellow" if short.is_doubted else "")
    if short.without_gpu:
        _line(console, short.without_gpu)
    _line(console, BELOW if details else MORE, "dim")
    if details:
        _show_details(said, found, console)
    else:
        console.print()
        _show_brief(short, console)
        for sentence in [str(slowed) for slowed in found.slowed]:
            _indented(console, f"{DISTURBED} {sentence}, and measure again", "yellow")
        console.print()
        _line(console, short.measured, "dim")
    if saved:
        _line(console, f"Saved in {found.records.folder}", "dim", whole=True)
    for command in short.commands:
        if not (details and command.purpose == "Details"):
            _line(console, _typed(command, console.width), "dim", whole=True)


def _line(console: Console, text: str, style: str = "", *, whole: bool = False) -> None:
    """Print a sentence. A `whole` line has no line end of ours, so that it can be copied from the terminal."""
    console.print(Text(words.visible(text), style=style), highlight=False, soft_wrap=whole)


def _typed(command: Command, width: int) -> str:
    """A command, with lines that end in a backslash where it is wider than the terminal."""
    first, *parts = (" ".join(map(quoted, part)) for part in command.parts)
    lines = [f"{command.purpose}: ".ljust(LABEL) + first]
    for part in parts:
        if cell_len(lines[-1]) + cell_len(part) + len("  \\") > width:
            lines.append(" " * (LABEL - 1))
        lines[-1] += f" {part}"
    return " \\\n".join(lines)


def _show_brief(short: Brief, console: Console) -> None:
    """The table in the widest layout that fits, what this one leaves out, and what the signs mean."""
    layout, grids = _laid_out(short.table, console)
    if short.table.tones:
        console.print(grids[0])
        console.print(Rule(style="dim"), width=console.measure(grids[0]).maximum)
    for (heading, _), grid in zip(short.table.parts, grids[1:], strict=True):
        console.print(Text(heading, style="bold"), no_wrap=True, overflow="ellipsis", highlight=False)
        if grid.row_count:
            console.print(grid)
    for note in short.notes:
        _indented(console, note, "dim")
    if layout.without:
        left_out = ", ".join(layout.without)
        _indented(console, f"Not shown at {console.width} columns: {left_out}. --details has them.", "dim")


def _laid_out(table: BriefTable, console: Console) -> tuple[Layout, list[Grid]]:
    """The header and the parts of a table, all with the same widths, in the first layout that fits."""
    for layout in table.layouts:
        for gap in (2, 1):
            widths = [max(map(cell_len, [column.header, *column.cells])) for column in layout.columns]
            if sum(widths) + gap * (len(widths) - 1) <= console.width:
                return layout, _parts(table, layout, widths, gap)
    widths[0] -= sum(widths) + gap * (len(widths) - 1) - console.width
    return layout, _parts(table, layout, widths, gap)


def _parts(table: BriefTable, layout: Layout, widths: list[int], gap: int) -> list[Grid]:
    grids = [_columns(layout, widths, gap, header=True)]
    row = 0
    for _, count in table.parts:
        grid = _columns(layout, widths, gap)
        for number in range(row, row + count):
            grid.add_row(*(Text(column.cells[number]) for column in layout.columns), style=STYLES[table.tones[number]])
        grids.append(grid)
        row += count
    return grids


def _columns(layout: Layout, widths: list[int], gap: int, *, header: bool = False) -> Grid:
    """A table without rows. Only a name that is wider than the terminal is cut, with an ellipsis."""
    grid = Grid(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=header)
    for column, width in zip(layout.columns, widths, strict=True):
        justify: JustifyMethod = "right" if column.right else "left"
        grid.add_column(column.header, justify=justify, width=max(1, width), no_wrap=True, overflow="ellipsis")
    return grid


def _show_details(said: Report, found: Findings, console: Console) -> None:
    """Everything: answers, a table for each group, what could not run, and where and when it was measured."""
    if said.warning:
        console.print(f"\n{_safe(said.warning)}", style="bold yellow", highlight=False)
    console.print()
    if cell_len(said.title) + RULE <= console.width:
        console.rule(f"[bold]{_safe(said.title)}")
    else:
        console.print(_safe(said.title), style="bold")
    if len(said.tables) > 1:
        _show_in_short(said.tables, console)
    _show_tables(said.tables, found.records.folder, console)
    console.print()
    for line in said.summary:
        console.print(_safe(line), style="bold")
    for missing in said.missing:
        console.print(f"\nNot run here: {_safe(missing.reason)}", style="yellow")
        for reason in missing.further:
            _indented(console, f"and {reason}", "yellow")
        _indented(console, _names(missing.names, console.width - INDENT), "dim")
    console.print()
    for fact in said.facts:
        console.print(_safe(fact), style="dim")


def _safe(text: str) -> str:
    """A text without markup and without control characters, whatever a record holds."""
    return escape(words.visible(text))


def _show_in_short(tables: list[Table], console: Console) -> None:
    """One line for each group: its answer."""
    console.print()
    for table in tables:
        text = Text.assemble((words.visible(f"{table.title}: "), "bold"), words.visible(table.answer.brief))
        _indented(console, text, first="- ")


def _show_tables(tables: list[Table], folder: Path, console: Console) -> None:
    """Each group. A note below a table says what it does not show, unless the table before has the same note."""
    said: list[str] = []
    for table in tables:
        console.print()
        console.print(_safe(table.title), style="bold")
        if table.question:
            console.print(f"Question: {_safe(table.question)}", style="italic", highlight=False)
        console.print(f"[bold]Answer:[/] {_safe(' '.join(table.answer.sentences))}", highlight=False)
        console.print(_safe(table.caption), style="dim")
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
    lines = Text(words.visible(text), style=style) if isinstance(text, str) else text
    for number, line in enumerate(lines.wrap(console, max(1, console.width - INDENT))):
        line.rstrip()
        console.print(Text.assemble(first if number == 0 else " " * INDENT, line), highlight=False)


def _not_shown(dropped: list[str], width: int, folder: Path) -> str:
    command = f"residency report {typed(folder)} --format markdown"
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
        made.add_row(*(_safe(forms[column.name].text(line)) for column in columns), style=_style(line))
    return made


def _style(line: Line) -> str:
    if line.outcome not in {Outcome.OK, REHEARSED}:
        return "red"
    if line.is_baseline:
        return "bold"
    if line.in_doubt:
        return "yellow"
    return "green" if line.against is not None and line.against.verdict == "faster" else ""
