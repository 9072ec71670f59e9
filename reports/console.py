"""A report in a terminal: in short, or with all details."""

from __future__ import annotations

from itertools import product

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table as Grid
from rich.text import Text

from residency.analysis.findings import Findings
from residency.harness.errors import quoted
from residency.harness.outcomes import Outcome
from residency.reports import endings, rehearsal, words
from residency.reports.brief import BELOW, MORE, Brief, Command, brief
from residency.reports.brief_table import DISTURBED, BriefTable, Layout, Tone
from residency.reports.brief_table import Column as BriefColumn
from residency.reports.columns import RESIDENT, Column, Form, Line, shown
from residency.reports.tables import Report, Table, report

FIRST = (
    "median time [95 %]",
    "against the baseline [95 %]",
    RESIDENT,
    "quality",
)  # columns, if not all fit side by side
INDENT = 2  # characters, before a remark
RULE = 4  # characters that a ruled line needs in addition to its title
LABEL = 9  # characters, before a command
UNBOUNDED = 10_000  # characters, more than any table needs
STYLES: dict[Tone, str] = {"": "", "baseline": "bold", "win": "green", "unsure": "yellow", "bad": "red"}


def show(found: Findings, console: Console, *, details: bool = False, saved: bool = True) -> None:
    """Print a run: three lines that answer, then one table, or with `details` everything that is known.

    With `saved`, also where the run is saved. The table of a rehearsal says how far each implementation was tested.
    """
    said = report(found)
    short = brief(found, said)
    _line(console, short.answer, "bold")
    if short.doubts:
        _line(console, short.doubts, "yellow" if short.is_doubted else "")
    if short.without_gpu:
        _line(console, short.without_gpu)
    _line(console, BELOW if details else MORE, "dim")
    if details:
        _show_details(said, found, console)
    elif endings.is_rehearsal(found.rows):
        console.print()
        rehearsal.show(found.records.outcomes, len(found.records.outcomes), console)
        console.print()
        _line(console, short.measured, "dim")
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
    layout, gap = _laid_out(short.table, console.width)
    for number, columns in enumerate(layout.blocks):
        if number:
            console.print()
        if gap:
            _show_block(short.table, columns, gap, console)
        else:
            _show_lines_of_rows(short.table, columns, console)
    for note in short.notes:
        _indented(console, note, "dim")
    if layout.without:
        left_out = ", ".join(layout.without)
        _indented(console, f"Not shown at {console.width} columns: {left_out}. --details has them.", "dim")


def _laid_out(table: BriefTable, width: int) -> tuple[Layout, int]:
    """The first layout that fits, and the gap between its columns; 0 if none fits."""
    for layout in table.layouts:
        for gap in (2, 1):
            if all(sum(_widths(columns)) + gap * (len(columns) - 1) <= width for columns in layout.blocks):
                return layout, gap
    return table.layouts[-1], 0


def _widths(columns: list[BriefColumn]) -> list[int]:
    return [max(map(cell_len, [column.header, *column.cells])) for column in columns]


def _show_block(table: BriefTable, columns: list[BriefColumn], gap: int, console: Console) -> None:
    """A header and the parts of a table, all with the same widths."""
    if table.tones:
        header = _columns(columns, gap, header=True)
        console.print(header)
        console.print(Rule(style="dim"), width=console.measure(header).maximum)
    row = 0
    for heading, count in table.parts:
        console.print(Text(heading, style="bold"), highlight=False)
        grid = _columns(columns, gap)
        for number in range(row, row + count):
            grid.add_row(*(Text(column.cells[number]) for column in columns), style=STYLES[table.tones[number]])
        if count:
            console.print(grid)
        row += count


def _columns(columns: list[BriefColumn], gap: int, *, header: bool = False) -> Grid:
    """A table without rows."""
    grid = Grid(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=header)
    for column, width in zip(columns, _widths(columns), strict=True):
        justify: JustifyMethod = "right" if column.right else "left"
        grid.add_column(column.header, justify=justify, width=width, no_wrap=True)
    return grid


def _show_lines_of_rows(table: BriefTable, columns: list[BriefColumn], console: Console) -> None:
    """Each row's name, and below it a line for each of its numbers."""
    name, *others = columns
    row = 0
    for heading, count in table.parts:
        console.print(Text(heading, style="bold"), highlight=False)
        for number in range(row, row + count):
            style = STYLES[table.tones[number]]
            _indented(console, name.cells[number].strip(), style)
            for column in others:
                text = " ".join(column.cells[number].split())
                _show_labelled(console, column.header, text, text, style)
        row += count


def _show_labelled(console: Console, label: str, text: str, narrow: str, style: str) -> None:
    """`cold: 559 ms`. A text that does not fit beside its label stands below it, in the `narrow` form if it must."""
    width = console.width - 2 * INDENT
    if cell_len(beside := f"{label}: {text}") <= width:
        _indented(console, beside, style, indent=2 * INDENT)
        return
    _indented(console, f"{label}:", style, indent=2 * INDENT)
    for line in (text if cell_len(text) <= width - INDENT else narrow).split("\n"):
        _indented(console, line, style, indent=3 * INDENT)


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
    _show_tables(said.tables, console)
    console.print()
    for line in said.summary:
        console.print(_safe(line), style="bold")
    for missing in said.missing:
        console.print(f"\nNot run: {_safe(missing.reason)}", style="yellow")
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


def _show_tables(tables: list[Table], console: Console) -> None:
    """Each group, with all its columns."""
    for table in tables:
        console.print()
        console.print(_safe(table.title), style="bold")
        if table.question:
            console.print(f"Question: {_safe(table.question)}", style="italic", highlight=False)
        console.print(f"[bold]Answer:[/] {_safe(' '.join(table.answer.sentences))}", highlight=False)
        console.print(_safe(table.caption), style="dim")
        if table.lines:
            _show_lines(table, console)
        for failure in table.failures:
            _indented(console, failure, "red")
        for note in table.notes:
            _indented(console, note, "dim")


def _indented(console: Console, text: str | Text, style: str = "", first: str = "", indent: int = INDENT) -> None:
    """Print a remark, with all its lines indented; `first` stands in the indent of the first line."""
    lines = Text(words.visible(text), style=style) if isinstance(text, str) else text
    for number, line in enumerate(lines.wrap(console, max(1, console.width - indent))):
        line.rstrip()
        console.print(Text.assemble((first if number == 0 else "").ljust(indent), line), highlight=False)


def _names(names: list[str], width: int) -> str:
    """Tasks with their implementations. If a name is wider than a line, it may break after the task."""
    joined = ", ".join(names)
    return joined.replace(":", ": ") if any(cell_len(name) + 1 > width for name in names) else joined


def _show_lines(table: Table, console: Console) -> None:
    """One group's table. If it is wider than the terminal, it goes on below itself, or each number gets a line."""
    blocks = fitted(table, console)
    for number, grid in enumerate(blocks):
        if number:
            console.print()
        console.print(grid)
    if not blocks:
        _show_stacked(table, console)


def fitted(table: Table, console: Console) -> list[Grid]:
    """The columns of a table in as few blocks as they need, each as wide as the terminal at most.

    Empty if a column does not fit beside the implementations.
    """
    first, *others = _ordered(table)
    whole = _grid(table, {column.name: column.forms[0] for column in (first, *others)})
    if _needed(whole, console) <= console.width:
        return [whole]
    blocks: list[dict[str, Form]] = []
    for column in others:
        for form, block in product(column.forms, [*blocks, {first.name: first.forms[0]}]):
            if _needed(_grid(table, {**block, column.name: form}, close=True), console) <= console.width:
                block[column.name] = form
                blocks += [] if block in blocks else [block]
                break
        else:
            return []
    return [_grid(table, block, close=True) for block in blocks]


def _show_stacked(table: Table, console: Console) -> None:
    """Each implementation, and below it a line for each of its numbers."""
    first, *others = _ordered(table)
    for entry in table.lines:
        style = _style(entry)
        _indented(console, first.text(entry), style)
        for column in others:
            _show_labelled(console, column.name, column.text(entry), column.forms[-1].text(entry), style)


def _ordered(table: Table) -> list[Column]:
    """The implementations, then the columns that answer, then the others."""
    first, *others = shown(table.lines)
    return [first, *sorted(others, key=lambda column: column.name not in FIRST)]


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
    if line.outcome not in {Outcome.OK, endings.REHEARSED}:
        return "red"
    if line.is_baseline:
        return "bold"
    if line.in_doubt:
        return "yellow"
    return "green" if line.against is not None and line.against.verdict == "faster" else ""
