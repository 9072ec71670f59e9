"""The first chart of a page: what a reader must see of all tasks at once.

A run of 60 tasks has hundreds of implementations, and a chart of all of them answers nothing. So it shows

    the best       of each task on each dataset, the fastest GPU side, whether it wins or loses; where no GPU side has a
                   ratio, the CPU side that comes next to the strongest. All others are in the task's own section.
    no devices     tasks that measure the devices themselves (`foundations`) win nothing; they have their own section.
    what failed    whatever ended without a time that counts (`wrong`, `failed`, `unavailable`, ...), in one row for all
                   implementations of a topic that ended in the same way for the same reason; where these rows are many,
                   in one for all topics. Each says how many results it stands for.

There is one chart for each size, the smallest first, because a ratio at another size answers another question, and in
one sorted list a task would stand at several places. All charts have the same axis, so that bars of several sizes can
be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from residency.analysis.findings import Findings
from residency.analysis.roofline import TOPIC
from residency.analysis.row import Group, Row
from residency.reports.page import sizes
from residency.reports.page.charts import speedups
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Chart, Paragraph, Section, Tags

Entry = Mapping[str, Any]
Ended = tuple[str, ...]
"""Outcome and reason, and the topic unless it is for all."""
MANY = 6  # rows without a time; more are put together over all topics


def blocks(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    """A chart for each size, in a section of its own if there are several."""
    by_size: dict[str, list[Row]] = {}
    works = [row for row in found.rows if not row.cell.task.startswith(TOPIC)]
    for row in works or found.rows:
        by_size.setdefault(row.cell.size, []).append(row)
    beside = {(name, one) for name, task in found.records.info.tasks.items() for one in task.beside}
    whole = {
        size: [row for row in by_size[size] if (row.cell.task, row.cell.implementation) not in beside]
        for size in sizes.ordered(by_size)
    }
    charts = {size: chart for size in whole if (chart := _chart(whole[size], numbers))}
    low = min((chart.settings["low"] for chart in charts.values()), default=0.0)
    high = max((chart.settings["high"] for chart in charts.values()), default=0.0)
    axis = {"low": low, "high": high, "ticks": speedups.ticks(low, high)} if charts else {}
    drawn = {size: replace(chart, settings={**chart.settings, **axis}) for size, chart in charts.items()}
    if not drawn:
        return [Paragraph("There is nothing to compare: no task has two implementations that were planned.")]
    if len(drawn) == 1:
        return list(drawn.values())
    return [Section(f"{prefix}speedups-{size}", f"At {size}", [drawn[size]], Tags(size=size)) for size in drawn]


def _chart(rows: Sequence[Row], numbers: Numbers) -> Chart | None:
    """The chart of one size."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    best = {row.key for group in groups.values() for row in _best(group)}
    kept = [row for row in rows if row.key in best or not speedups.is_compared(row)]
    chart = speedups.chart(kept, numbers)
    if chart is None:
        return None
    shown = {f"{row.cell.task} · {row.cell.library} ({row.cell.implementation})": row for row in kept}
    return replace(
        chart,
        rows=_together(chart.rows, shown),
        table=speedups.table(rows, numbers),
        note=f"{chart.note} Shown is the best of each task; the table and the task's section have all.",
    )


def _best(group: Sequence[Row]) -> list[Row]:
    """The fastest GPU side that has a ratio; without one, the fastest CPU side but the strongest."""
    ratios = [row for row in group if speedups.is_compared(row)]
    on_gpu = [row for row in ratios if row.cell.device == "gpu"]
    highest = sorted(on_gpu or ratios, key=lambda row: row.median)
    return highest[:1]


def _together(entries: Sequence[Entry], shown: Mapping[str, Row]) -> list[Entry]:
    """The rows of the chart, with what ended in the same way for the same reason in one row."""
    timed = [entry for entry in entries if "ratio" in entry]
    untimed = [entry for entry in entries if "ratio" not in entry]
    ended = _alike(untimed, ("outcome", "reason", "topic"))
    if len(ended) > MANY:
        ended = _alike(untimed, ("outcome", "reason"))
    return [*timed, *(_one(same, [shown[entry["label"]] for entry in same]) for same in ended.values())]


def _alike(entries: Sequence[Entry], names: Sequence[str]) -> dict[Ended, list[Entry]]:
    """The entries that are the same under these names."""
    alike: dict[Ended, list[Entry]] = {}
    for entry in entries:
        alike.setdefault(tuple(entry[name] for name in names), []).append(entry)
    return alike


def _one(same: Sequence[Entry], rows: Sequence[Row]) -> Entry:
    """One row for all of these."""
    first = same[0]
    if len(same) == 1:
        return first
    tasks = list(dict.fromkeys(row.cell.task for row in rows))
    names = list(dict.fromkeys(row.cell.implementation for row in rows))
    devices = {row.cell.device for row in rows}
    of = tasks[0] if len(tasks) == 1 else _counted(tasks)
    who = names[0] if len(names) == 1 else f"{len(names)} implementations"
    every = "\n".join(entry["label"] for entry in same)
    return {
        **first,
        "label": f"{len(same)} results: {who} · {of}",
        "topic": list(dict.fromkeys(entry["topic"] for entry in same)),
        "device": devices.pop() if len(devices) == 1 else "",
        "tip": f"{first['outcome']}: {first['reason']}\n{every}",
    }


def _counted(tasks: Sequence[str]) -> str:
    """`2 tasks of image, 5 of tabular`."""
    topics = [task.partition("/")[0] for task in tasks]
    said = [f"{topics.count(topic)} of {topic}" for topic in dict.fromkeys(topics)]
    return ", ".join(
        [
            said[0].replace(" of ", " tasks of ", 1)
            if topics.count(topics[0]) > 1
            else said[0].replace(" of ", " task of ", 1),
            *said[1:],
        ]
    )
