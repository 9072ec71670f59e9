"""The ways in which a task uses a GPU, side by side: what each gains, where time goes, how many lines it took."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.row import Row
from residency.analysis.ways import Taken, ways
from residency.reports import endings, words
from residency.reports.page.numbers import UNKNOWN, Numbers, RowNumbers
from residency.reports.page.parts import Block, Table, TableRow, Text, tags_of

CAPTION = (
    "Ways to use a GPU: the CPU's program with another import (plain port), as it is, run by an accelerator "
    "(zero code change), and code written for a GPU (best code). Of each way the fastest is shown, with how many times "
    "as fast as the strongest CPU implementation it is"
)
HEADER = (
    "way", "implementation", "end to end", "data resident", "where the time went", "calls on GPU / CPU", "lines of code"
)  # fmt: skip
CALLS = ("parameters/calls_on_gpu", "parameters/calls_on_cpu")  # that an accelerator ran on either device
FUNCTIONS = "parameters/functions_on_cpu"


def blocks(rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """A table of a task's ways; nothing if there are not at least two."""
    found = ways(rows)
    if not found:
        return []
    cell = found[0].row.cell
    tags = tags_of(cell.task, "gpu", cell.size)
    listed = [TableRow(_cells(taken, numbers), tags) for taken in found]
    return [Table(CAPTION, HEADER, listed, frozenset({2, 3, 5, 6}))]


def _cells(taken: Taken, numbers: Numbers) -> list[Text]:
    row, found = taken.row, numbers.of(taken.row)
    lines = found.shown("lines", lambda value: f"{value:.0f}")
    if row.measured is None:
        return [words.WAYS[taken.way], row.cell.implementation, endings.ending(row), UNKNOWN, UNKNOWN, UNKNOWN, lines]
    inside = found.ratio("resident") if row.compared.resident else UNKNOWN
    outside = found.ratio() if row.compared.speedup else UNKNOWN
    went = words.where_time_went(row.measured.stages)
    return [words.WAYS[taken.way], row.cell.implementation, outside, inside, went, _calls(found), lines]


def _calls(found: RowNumbers) -> Text:
    """`12 / 2 (fit)`: how many calls ran on the GPU and on the CPU, and which; `-` without an accelerator."""
    if found.value(CALLS[0]) is None:
        return UNKNOWN
    on_gpu, on_cpu = (found.number(place, lambda value: words.count(int(value))) for place in CALLS)
    functions = found.value(FUNCTIONS)
    return [on_gpu, " / ", on_cpu, *([f" ({words.few(functions)})"] if functions else [])]
