"""The ways in which a task uses a GPU, side by side: what each gains, where time goes, how many lines it took."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.row import Row
from residency.analysis.ways import Taken, ways
from residency.reports import endings, words
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Block, Table, TableRow, Text, tags_of

HEADER = ("way", "implementation", "end to end", "data resident", "where the time went", "lines of code")


def blocks(rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """A table of a task's ways; nothing if there are not at least two."""
    found = ways(rows)
    if not found:
        return []
    cell = found[0].row.cell
    tags = tags_of(cell.task, "gpu", cell.size)
    listed = [TableRow(_cells(taken, numbers), tags) for taken in found]
    return [Table("plain port, zero code change and best code on a GPU", HEADER, listed, frozenset({2, 3, 5}))]


def _cells(taken: Taken, numbers: Numbers) -> list[Text]:
    row, found = taken.row, numbers.of(taken.row)
    lines = found.shown("lines", lambda value: f"{value:.0f}")
    if row.measured is None:
        return [words.WAYS[taken.way], row.cell.implementation, endings.ending(row), UNKNOWN, UNKNOWN, lines]
    inside = found.ratio("resident") if row.compared.resident else UNKNOWN
    outside = found.ratio() if row.compared.speedup else UNKNOWN
    went = words.where_time_went(row.measured.stages)
    return [words.WAYS[taken.way], row.cell.implementation, outside, inside, went, lines]
