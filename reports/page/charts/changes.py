"""Ratios of times with the allowed margin as a band: what became slower or faster, and what could not be told."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.analysis.compare import Cell, Comparison, Kind
from residency.reports import compare as said
from residency.reports import words
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import UNKNOWN, Places
from residency.reports.page.parts import Chart, Table, TableRow, Text, tags_of

ROOM = 1.03  # of the axis beyond its values
LEAST = 1.1  # the axis shows at least from 1/1.1 to 1.1
FINE = {1.35: 0.05, 2.0: 0.1, 3.5: 0.25, 7.0: 0.5}  # distance of the ticks, up to this factor from end to end
NARROW = 40  # letters of a line on a phone
MOST_LINES = 3
LEGEND = (
    f"▶ slower, ◀ faster, ● equivalent, ✕ wrong or failed, □ not compared, hollow ◇ {words.INCONCLUSIVE}. "
    "The band is the allowed margin."
)
WORST_FIRST = (
    Kind.WRONG,
    Kind.SLOWER,
    Kind.NO_DEVICE,
    Kind.MISSING,
    Kind.INCONCLUSIVE,
    Kind.EQUIVALENT,
    Kind.FASTER,
    Kind.NEW,
)


@dataclass(frozen=True)
class Axis:
    """The ends of an axis of ratios, and its ticks."""

    low: float
    high: float
    ticks: list[float]


def axis(values: Sequence[float]) -> Axis:
    """An axis that holds these ratios and 1."""
    known = [value for value in values if 0 < value < math.inf]
    low, high = (end(known) for end in (min, max)) if known else (1.0, 1.0)
    low, high = min(low, 1 / LEAST) / ROOM, max(high, LEAST) * ROOM
    for factor, step in FINE.items():
        if high / low <= factor:
            first, last = math.ceil(low / step), math.floor(high / step)
            return Axis(low, high, [round(number * step, 2) for number in range(first, last + 1) if number > 0])
    return Axis(low, high, speedups.ticks(low, high))


def chart(found: Comparison, numbers: Places) -> Chart:
    """Every cell that the baseline has, the worst first. What has no ratio says why."""
    ranked = sorted(range(len(found.cells)), key=lambda place: _order(found.cells[place]))
    cells = [found.cells[place] for place in ranked]
    ends: list[float] = []
    for cell in cells:
        if cell.ratio is not None:
            ends += [cell.ratio.value, 1 + cell.margin, 1 / (1 + cell.margin)]
            ends += [] if words.is_unknown(cell.ratio.low, cell.ratio.high) else [cell.ratio.low, cell.ratio.high]
    shown = axis(ends)
    rows = [_entry(found.cells[place], numbers, place) for place in ranked]
    counts = {kind: sum(cell.kind is kind for cell in cells) for kind in WORST_FIRST}
    return Chart(
        spec="changes",
        title="Times as long as in the baseline",
        description="One line for each implementation on a logarithmic axis with 1 and the allowed margin marked: "
        f"{words.joined([f'{count} {kind}' for kind, count in counts.items() if count])}.",
        rows=rows,
        table=_table(found, numbers, ranked),
        settings={
            "low": shown.low,
            "high": shown.high,
            "ticks": shown.ticks,
            "axis": "times as long as in the baseline (95 % interval)",
            "besides": max((len(row.get("besideLines", ())) for row in rows), default=0),
            "below": "faster",
            "above": "slower",
        },
        note=LEGEND,
    )


def _order(cell: Cell) -> tuple[int, float, str, str]:
    return WORST_FIRST.index(cell.kind), -(cell.ratio.value if cell.ratio else 0.0), cell.task, cell.implementation


def _label(cell: Cell) -> str:
    return f"{cell.task} · {cell.implementation}, {cell.dataset} at {cell.size}"


def _entry(cell: Cell, numbers: Places, place: int) -> Mapping[str, Any]:
    """A cell as data of the chart."""
    became, why = said.became(cell), said.cell_reason(cell)
    base = {
        "head": cell.task,
        "label": f"{cell.implementation}, {cell.dataset} at {cell.size}",
        "topic": cell.task.partition("/")[0],
        "device": "gpu" if "@gpu" in cell.implementation else "cpu",
        "size": cell.size,
        "kind": str(cell.kind),
    }
    if cell.ratio is None:
        text = f"{became}: {why}" if why else became
        return {**base, "text": text, "lines": _lines(text), "tip": f"{_label(cell)}\n{text}"}
    beside = "; ".join(filter(None, (why, said.doubt(cell))))
    text = f"{became} {words.digits(cell.ratio.value)} × {words.bounds(cell.ratio.low, cell.ratio.high)}"
    return {
        **base,
        "ratio": numbers.value(f"cells/{place}/ratio"),
        "low": numbers.value(f"cells/{place}/low"),
        "high": numbers.value(f"cells/{place}/high"),
        "margin": numbers.value(f"cells/{place}/margin"),
        "text": text,
        "beside": beside,
        "besideLines": textwrap.wrap(beside, NARROW),
        "tip": "\n".join(filter(None, (_label(cell), text, f"margin {100 * cell.margin:.3g} %", beside))),
    }


def _lines(text: str) -> list[str]:
    """The text in lines for a narrow screen; what does not fit stands in the table."""
    return textwrap.wrap(words.visible(text), NARROW, max_lines=MOST_LINES, placeholder=" ...")


def _table(found: Comparison, numbers: Places, ranked: Sequence[int]) -> Table:
    return Table(
        caption="every cell, with 95 % intervals",
        header=("task", "data", "implementation", "verdict", "before", "now", "now / before", "margin", "why"),
        rows=[_row(found.cells[place], numbers, place) for place in ranked],
        right=frozenset({4, 5, 6, 7}),
    )


def _row(cell: Cell, numbers: Places, place: int) -> TableRow:
    known = numbers.at(f"cells/{place}")
    why = "; ".join(filter(None, (said.cell_reason(cell), said.doubt(cell))))
    cells: list[Text] = [
        cell.task,
        f"{cell.dataset}, {cell.size}",
        cell.implementation,
        said.became(cell),
        known.shown("baseline_seconds", words.seconds),
        known.shown("current_seconds", words.seconds),
        numbers.at("cells").ratio(str(place)) if cell.ratio else UNKNOWN,
        known.shown("margin", lambda value: f"{100 * value:.3g} %"),
        why or UNKNOWN,
    ]
    return TableRow(cells, tags_of(cell.task, "gpu" if "@gpu" in cell.implementation else "cpu", cell.size))
