"""Quality beside time: is the fastest as good? One small picture for each task, with axes of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.row import Row
from residency.analysis.tolerated import Tolerated, tolerated
from residency.harness.outcomes import Outcome
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.charts import axes, folded
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Block, Chart, Table, TableRow, Text, tags_of

LEGEND = (
    "Each sign is an implementation, ● on the CPU and ■ on the GPU: to the left is faster, up is better. Above stand "
    "their numbers, the fastest first; those with similar times share a label, in which +3 means three more. "
    "Both axes belong to one task only. Shaded is the tolerance band: what lies in it counts as right. Its dashed "
    "edge is drawn where it is near the results; what chance in the judged items explains comes on top. "
    "✕ is wrong: it has no time that counts. A vertical line is the "
    "quality's standard error."
)
ROOM = 0.12  # of the span of qualities, beyond the outermost
FAR = 4.0  # spans of the right qualities, from which on a wrong one and the band's edge are left out of the axis
LEAST_SHARE = 0.1  # of the tolerance: right results that differ by more are shown without the band if it is far
LEAST_SPAN = 0.01  # of the quality, shown at least where no tolerance says which differences count
LEAST_FACTOR = 4.0  # from the shortest to the longest time, shown at least
FEW = 200.0  # from the shortest to the longest time: up to this, steps of about two are marked, beyond it of ten


@dataclass(frozen=True)
class Panel:
    """One task on one dataset at one size."""

    number: int
    group: GroupFindings
    rows: list[Row]  # those with a quality, the fastest first, then what is wrong
    band: Tolerated | None
    place: str  # of the band in the JSON report

    @property
    def title(self) -> str:
        """`tabular/ridge, linear at lab`."""
        cell = self.rows[0].cell
        return f"{cell.task}, {cell.dataset} at {cell.size}"

    @property
    def told(self) -> float:
        """The difference in quality that the task can tell."""
        return self.group.told


def charts(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    """Charts with a picture for each task; none if no quality is known."""
    panels = _panels(found)
    if not panels:
        return []

    def draw(shown: Sequence[Panel], of: str) -> Chart:
        return Chart(
            spec="quality",
            title=f"Quality beside time{of}",
            description=f"One picture for each of {len(shown)} tasks: quality upwards, time on a logarithmic axis.",
            rows=[entry for panel in shown for entry in _entries(panel, numbers)],
            table=_table(shown, numbers),
            note=LEGEND,
        )

    return folded.by_topic(
        panels,
        draw,
        name=f"{prefix}quality",
        task=lambda panel: panel.rows[0].cell.task,
        results=lambda panel: len(panel.rows),
    )


def _panels(found: Findings) -> list[Panel]:
    bands = {
        (band.task, band.dataset, band.size): (band, f"tolerated/{index}")
        for index, band in enumerate(tolerated(found.rows, found.records.info.tasks))
    }
    shown: list[Panel] = []
    for group in found.groups:
        rows = [row for row in group.ranked if _has_quality(row)]
        if rows:
            band, place = bands.get(rows[0].group, (None, ""))
            shown.append(Panel(len(shown), group, rows, band, place))
    return shown


def _has_quality(row: Row) -> bool:
    known = row.result.quality is not None and math.isfinite(row.result.quality)
    return known and (row.measured is not None or row.result.outcome == Outcome.WRONG)


def _entries(panel: Panel, numbers: Numbers) -> list[Mapping[str, Any]]:
    """The implementations of a panel as data; each carries what is the same for all of them."""
    low, high = _qualities(panel)
    shortest, longest = _times(panel)
    worse, better = (low, high) if _is_higher_better(panel) else (high, low)
    shared = {
        "panel": panel.number,
        "title": panel.title,
        "about": _about(panel, numbers),
        "worse": worse,
        "better": better,
        "shortest": shortest,
        "longest": longest,
        "ticks": _ticks(shortest, longest),
        "worst": numbers.value(f"{panel.place}/worst") if panel.band else None,
        "edge": panel.band is not None and low <= panel.band.worst <= high,
        "wanted": numbers.value(f"{panel.place}/wanted") if panel.band else None,
    }
    return [{**shared, **_entry(row, place, panel, numbers)} for place, row in enumerate(panel.rows, start=1)]


def _is_higher_better(panel: Panel) -> bool:
    return panel.group.task is None or panel.group.task.better == "higher"


def _about(panel: Panel, numbers: Numbers) -> str:
    """`R², higher is better; tolerance band: at least 0.5047 (best 0.6309), its edge is below the picture`."""
    task = panel.group.task
    if task is None:
        return ""
    said = f"{task.metric}, {task.better} is better"
    if panel.band is None:
        return said
    worst, wanted = (words.quality(numbers.value(f"{panel.place}/{name}"), panel.told) for name in ("worst", "wanted"))
    least = "at least" if task.better == "higher" else "at most"
    of = "exact solution" if panel.band.basis == "exact solution" else "best"
    low, high = _qualities(panel)
    outside = "" if low <= panel.band.worst <= high else "; its edge is below the picture"
    return f"{said}; tolerance band: {least} {worst} ({of} {wanted}){outside}"


def _qualities(panel: Panel) -> tuple[float, float]:
    """The ends of the axis: all right results with their errors; what is wrong and the tolerance if they are near."""
    values: list[float] = []
    wrong: list[float] = []
    for row in panel.rows:
        quality, error = row.result.quality or 0.0, row.result.error or 0.0
        (wrong if row.measured is None else values).extend((quality - error, quality + error))
    values, others = (values, wrong) if values else (wrong, [])
    band = [panel.band.wanted, panel.band.worst] if panel.band else []
    if max(values) - min(values) < LEAST_SHARE * panel.told:  # no difference to be seen, so the band is
        values, band = values + band, []
    low, high = min(values), max(values)
    far = FAR * (high - low) or math.inf
    near = [value for value in others + band if low - far <= value <= high + far]
    low, high = min([low, *near]), max([high, *near])
    least = 0.0 if panel.told else LEAST_SPAN * max(abs(low), abs(high), LEAST_SPAN)
    room = ROOM * (max(high - low, least) or LEAST_SPAN)
    return low - room, high + room


def _times(panel: Panel) -> tuple[float, float]:
    """The ends of the axis of times; around a second if no time counts."""
    medians = [row.median for row in panel.rows if row.measured] or [1.0]
    low, high = min(medians) / 1.3, max(medians) * 1.3
    widen = max(1.0, math.sqrt(LEAST_FACTOR * low / high))
    return low / widen, high * widen


def _ticks(low: float, high: float) -> list[float]:
    marks = axes.TIMES if high / low < FEW else axes.DECADES
    return [mark for mark in marks if low <= mark <= high]


def _entry(row: Row, place: int, panel: Panel, numbers: Numbers) -> Mapping[str, Any]:
    cell, found = row.cell, numbers.of(row)
    name = f"{cell.library} ({cell.implementation})"
    quality, error = found.value("quality"), found.value("quality_error")
    said = words.quality(quality, panel.told, error)
    wrong = row.measured is None
    doubt = doubts.beside(row)
    time = "" if row.measured is None else words.seconds(found.value("seconds/median"))
    return {
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "size": cell.size,
        "number": place,
        "name": name,
        "shape": "wrong" if wrong else cell.device,
        "seconds": found.value("seconds/median"),
        "quality": quality,
        "lowest": quality - (error or 0.0),
        "highest": quality + (error or 0.0),
        "text": f"wrong: {said}" if wrong else f"{said} in {time}",
        "doubt": doubt,
        "tip": "\n".join(filter(None, (f"{place}  {name}", said, time, row.result.reason, doubt))),
    }


def _table(panels: Sequence[Panel], numbers: Numbers) -> Table:
    return Table(
        caption="quality and time of each implementation, and which quality counts as right",
        header=(
            "task",
            "implementation",
            "size",
            "metric",
            "quality",
            "right from",
            "outcome",
            "median time",
            "how sure",
        ),
        rows=[
            TableRow(_cells(row, panel, numbers), tags_of(row.cell.task, row.cell.device, row.cell.size))
            for panel in panels
            for row in panel.rows
        ],
        right=frozenset({4, 5, 7}),
    )


def _cells(row: Row, panel: Panel, numbers: Numbers) -> list[Text]:
    cell, found, task = row.cell, numbers.of(row), panel.group.task
    worst = (
        numbers.shown(f"{panel.place}/worst", lambda value: words.quality(value, panel.told)) if panel.band else UNKNOWN
    )
    return [
        cell.task,
        f"{cell.library} ({cell.implementation})",
        cell.size,
        f"{task.metric}, {task.better} is better" if task else UNKNOWN,
        found.shown("quality", lambda value: words.quality(value, panel.told, found.value("quality_error"))),
        worst,
        ": ".join(filter(None, (row.result.outcome, row.result.reason))),
        found.time(),
        doubts.beside(row) or UNKNOWN,
    ]
