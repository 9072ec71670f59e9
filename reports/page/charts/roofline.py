"""How near each implementation is to the limits of its device, by peaks measured in the same run."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.findings import Findings
from residency.analysis.roofline import FIGURES, TOPIC, Peak, measured_peak, without_peaks
from residency.analysis.row import Limit, Roofline, Row
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.charts import folded
from residency.reports.page.numbers import UNKNOWN, Numbers, escaped
from residency.reports.page.parts import (
    Block,
    Chart,
    Code,
    Details,
    Number,
    Paragraph,
    Part,
    Table,
    TableRow,
    Text,
    tags_of,
)

SIGNS = {"cpu": "●", "gpu": "■"}
LEGEND = (
    "Each {} is an implementation. The number beside it is that of the list below the picture; those that lie near "
    "each other share a label, in which +3 means three more."
)
MISTAKEN = (
    " ✕ is mistaken: no device can exceed its roof. Either the declared work or the clock is wrong, the data lies in a "
    "cache, or the arithmetic was of lower precision."
)
UNITS = {"memory": "GB/s", "arithmetic": "TFLOP/s"}
NARROW = 42  # characters of a line on a telephone
ROOM = 2.0  # factor between the outermost value and the end of an axis


def charts(found: Findings, numbers: Numbers) -> list[Block]:
    """A chart for each device whose peaks the run measured; for the others a sentence that says how to measure them."""
    shown: list[Block] = []
    for device in ("cpu", "gpu"):
        memory, arithmetic = (_peak(found, device, limit) for limit in ("memory", "arithmetic"))
        if memory and arithmetic and (rows := [row for row in found.rows if _is_on(row, device)]):
            chart = _chart(rows, {"memory": memory, "arithmetic": arithmetic}, numbers)
            shown.append(Details(f"{chart.title} ({len(rows)} results)", [chart]) if len(rows) > folded.MANY else chart)
    shown += [_how_to_measure(found, device, tasks) for device, tasks in without_peaks(found.rows).items()]
    return shown


def _peak(found: Findings, device: str, limit: str) -> Peak | None:
    return measured_peak(found.rows, device, "memory" if limit == "memory" else "arithmetic")


def _is_on(row: Row, device: str) -> bool:
    return row.cell.device == device and row.compared.roofline is not None


def _of(row: Row) -> Roofline:
    assert row.compared.roofline is not None  # only such rows are shown
    return row.compared.roofline


def _is_point(row: Row) -> bool:
    """Whether it can be drawn: on logarithmic axes, neither operations nor bytes may be zero."""
    roofline = _of(row)
    return bool(roofline.intensity) and roofline.achieved_flops_per_second > 0


def _chart(rows: Sequence[Row], peaks: Mapping[Limit, Peak], numbers: Numbers) -> Chart:
    device = rows[0].cell.device
    ranked = sorted(rows, key=lambda row: -_of(row).share)
    points = [row for row in ranked if _is_point(row)]
    sizes = len({row.cell.size for row in rows if not row.cell.task.startswith(TOPIC)}) > 1
    memory, arithmetic = peaks["memory"].rate, peaks["arithmetic"].rate
    across = _decades([arithmetic / memory, *(_of(row).intensity or 1.0 for row in points)])
    upward = _decades([arithmetic, *(_of(row).achieved_flops_per_second for row in points)])
    labels = {limit: f"peak of {limit}, {_rate(numbers, peak).text} {UNITS[limit]}" for limit, peak in peaks.items()}
    return Chart(
        spec="roofline",
        title=f"How near to the limits of the {device.upper()}?",
        description=_description(points, device),
        rows=[_entry(row, place, numbers, sizes) for place, row in enumerate(points, start=1)],
        table=_table(ranked, numbers),
        settings={
            "intensities": across,
            "speeds": upward,
            "memory": memory,
            "arithmetic": arithmetic,
            "memory_label": labels["memory"],
            "arithmetic_label": labels["arithmetic"],
        },
        more={"roof": _roof(across, upward[0], memory, arithmetic)},
        note=_note(ranked, points, peaks, numbers),
    )


def _roof(across: Sequence[float], lowest: float, memory: float, arithmetic: float) -> list[Mapping[str, float]]:
    """Where the roof's line begins within the picture, bends and ends."""
    bends = (max(across[0], lowest / memory), arithmetic / memory, across[-1])
    return [{"x": intensity, "y": min(arithmetic, memory * intensity)} for intensity in bends]


def _decades(values: Sequence[float]) -> list[float]:
    """The powers of ten around these values: the marks of an axis, and with the first and the last its ends."""
    low, high = math.floor(math.log10(min(values) / ROOM)), math.ceil(math.log10(max(values) * ROOM))
    return [10.0**power for power in range(low, high + 1)]


def _rate(numbers: Numbers, peak: Peak) -> Number:
    """A peak in the unit in which it was measured."""
    return numbers.of(peak.row).number(f"figures/{escaped(peak.figure)}", words.digits)


def _description(points: Sequence[Row], device: str) -> str:
    shares = [_of(row) for row in points]
    by_limit = [f"{sum(one.limit == limit for one in shares)} by {limit}" for limit in UNITS]
    mistaken = sum(one.mistaken for one in shares)
    more = f" {mistaken} above the roof, which is a mistake." if mistaken else ""
    return (
        f"Operations per second against operations per byte on logarithmic axes, with the roof of the "
        f"{device.upper()}: {len(points)} implementations, limited {words.joined(by_limit)}.{more}"
    )


def _entry(row: Row, place: int, numbers: Numbers, sizes: bool) -> Mapping[str, Any]:
    cell, roofline, found = row.cell, _of(row), numbers.of(row)
    task, name = f"{cell.task}{f', {cell.size}' if sizes else ''}", f"{cell.library} ({cell.implementation})"
    share = f"{'mistaken: ' if roofline.mistaken else ''}{words.share(roofline)}"
    limiter = f"limited by {roofline.limiter}" if roofline.limiter else ""
    doubt = doubts.beside(row)
    reached = f"{_flops(roofline.achieved_flops_per_second)}, {words.digits(roofline.intensity or 0)} operations/byte"
    return {
        "number": place,
        "task": task,
        "name": name,
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "size": cell.size,
        "x": found.value("roofline/intensity"),
        "y": found.value("roofline/achieved_flops_per_second"),
        "shape": "mistaken" if roofline.mistaken else cell.device,
        "share": share,
        "more": "; ".join(filter(None, (limiter, doubt))),
        "wrapped": [*textwrap.wrap(limiter, NARROW), *textwrap.wrap(doubt, NARROW)],
        "tip": "\n".join(filter(None, (f"{place}  {task} · {name}", reached, share, limiter, doubt))),
    }


def _flops(value: float) -> str:
    """`1.23 TFLOP/s`."""
    for factor, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{words.digits(value / factor)} {sign}FLOP/s"
    return f"{words.digits(value)} FLOP/s"


def _note(rows: Sequence[Row], points: Sequence[Row], peaks: Mapping[Limit, Peak], numbers: Numbers) -> Text:
    """What the signs mean, where the roof comes from, and what is not drawn."""
    device = rows[0].cell.device
    mistaken = MISTAKEN if any(_of(row).mistaken for row in points) else ""
    parts: list[Part] = [f"{LEGEND.format(SIGNS[device])}{mistaken} The roof: "]
    for limit, peak in peaks.items():
        cell = peak.row.cell
        source = f"{peak.figure} of {cell.implementation} in {cell.task} at {cell.size}"
        parts += [f"{limit} ", _rate(numbers, peak), f" {UNITS[limit]} ({source}), "]
    parts.append(
        "both measured in this run, not taken from a data sheet. Times are resident: the data already on the device."
    )
    if any(_of(row).limiter for row in points):
        parts.append(" Something else limits a task that says so, and there a low share is no fault.")
    if missing := len(rows) - len(points):
        parts.append(f" Not drawn, but in the table: {missing} that declare only bytes or only operations.")
    return parts


def _table(rows: Sequence[Row], numbers: Numbers) -> Table:
    return Table(
        caption=f"shares of what the {rows[0].cell.device.upper()} can do, by peaks measured in this run",
        header=(
            "task",
            "implementation",
            "size",
            "operations per byte",
            "operations per second",
            "share",
            "of",
            "limited by something else",
            "how sure",
        ),
        rows=[TableRow(_cells(row, numbers), tags_of(row.cell.task, row.cell.device, row.cell.size)) for row in rows],
        right=frozenset({3, 4, 5}),
    )


def _cells(row: Row, numbers: Numbers) -> list[Text]:
    cell, roofline, found = row.cell, _of(row), numbers.of(row)
    of = f"{roofline.limit}: mistaken" if roofline.mistaken else roofline.limit
    return [
        cell.task,
        f"{cell.library} ({cell.implementation})",
        cell.size,
        found.shown("roofline/intensity", words.digits),
        found.shown("roofline/achieved_flops_per_second", _flops),
        found.shown("roofline/share", _percent),
        of,
        roofline.limiter or UNKNOWN,
        doubts.beside(row) or UNKNOWN,
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def _how_to_measure(found: Findings, device: str, tasks: Sequence[str]) -> Paragraph:
    """The command that measures the peaks: that of the run with the tasks that measure them."""
    return Paragraph(
        [
            f"This run measured no peaks of the {device.upper()}, so the distance to its limits is not known. "
            "To measure them beside the tasks: ",
            Code(shlex.join(_command(found, tasks))),
        ]
    )


def _command(found: Findings, tasks: Sequence[str]) -> list[str]:
    command = found.records.info.command
    if command[1:2] == ["run"] and found.records.info.settings.get("tasks"):
        return [*command[:2], *tasks, *command[2:]]
    measured = dict.fromkeys(row.cell.task for row in found.rows if row.measured)
    sizes = dict.fromkeys(row.cell.size for row in found.rows if row.measured)
    return ["residency", "run", *dict.fromkeys([*FIGURES_TASKS, *measured]), "--size", ",".join(sizes)]


FIGURES_TASKS = tuple(task for task, _, _ in FIGURES.values())
