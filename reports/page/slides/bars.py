"""Bars of ratios with their intervals, for charts of a slide whose rows are no implementations: sizes, workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.row import Ratio
from residency.reports import words
from residency.reports.page.charts import speedups
from residency.reports.page.parts import Chart, Table, TableRow, Text
from residency.reports.page.slides.slide import AXIS


@dataclass(frozen=True)
class Bar:
    """A ratio under a label. `cells` are its row of the table, after the label."""

    label: str
    device: str
    ratio: Ratio
    cells: Sequence[Text]
    doubt: str = ""


def chart(
    bars: Sequence[Bar],
    *,
    title: str,
    description: str,
    table: Table,
    note: Text = "",
    ends: tuple[float, float] | None = None,
) -> Chart:
    """The bars in the order given; the axis shows all intervals, or reaches to these `ends`."""
    low, high = ends or speedups.domain([bar.ratio for bar in bars])
    return Chart(
        spec="speedups",
        title=title,
        description=description,
        rows=[
            {
                "label": bar.label,
                "device": bar.device,
                "ratio": bar.ratio.value,
                "low": bar.ratio.low,
                "high": bar.ratio.high,
                "verdict": bar.ratio.verdict,
                "text": _text(bar),
                "doubt": bar.doubt,
                "tip": f"{bar.label}\n{_text(bar)}",
            }
            for bar in bars
        ],
        table=table,
        settings={"low": low, "high": high, "ticks": speedups.ticks(low, high), "axis": AXIS},
        note=note,
    )


def table(bars: Sequence[Bar], *, caption: str, header: Sequence[str]) -> Table:
    """A row a bar; all columns but the first hold numbers."""
    rows = [TableRow([bar.label, *bar.cells]) for bar in bars]
    return Table(caption, header, rows, right=frozenset(range(1, len(header))))


def _text(bar: Bar) -> str:
    unsure = " inconclusive" if bar.ratio.verdict == "inconclusive" else ""
    return f"{words.bar(bar.ratio)}{unsure}"
