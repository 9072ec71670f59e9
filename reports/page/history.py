"""The page of a history: which series changed, and the trend of every task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from residency.analysis.history import History, Series
from residency.reports import history as said
from residency.reports import words
from residency.reports.page import sizes
from residency.reports.page.charts import trend
from residency.reports.page.numbers import UNKNOWN, Places
from residency.reports.page.parts import (
    Block,
    Code,
    Details,
    Items,
    Page,
    Paragraph,
    Section,
    Table,
    TableRow,
    Text,
    Warned,
    prose,
    tags_of,
)

GUIDE = (
    "A series is one implementation of a task on a dataset at a size on one kind of machine. Unlike machines never "
    "share a line.",
    "The numbers in brackets are 95 % intervals. The time axes are logarithmic: the same height is the same factor.",
    trend.LEGEND,
    "A mark means that noise alone is unlikely to explain the change. A series without a mark may have changed by less "
    "than these runs can show.",
)


def page(found: History, document: Mapping[str, Any], command: str) -> Page:
    """The page of a history; `document` is its JSON, and `command` prints both."""
    numbers = Places(document)
    series = found.series
    return Page(
        title="Residency: history",
        lead=_lead(found, document),
        guide=GUIDE,
        sections=[*_sections(found, numbers), _how(found, command)],
        filters={
            "topic": list(dict.fromkeys(each.key[0].partition("/")[0] for each in series)),
            "device": list(dict.fromkeys(each.device for each in series)),
            "size": sizes.ordered(each.key[2] for each in series),
        },
    )


def _lead(found: History, document: Mapping[str, Any]) -> list[Block]:
    blocks: list[Block] = [Paragraph(str(document["answer"]), "answer")]
    if found.runs:
        first, last = found.runs[0], found.runs[-1]
        several = f"{len(found.runs)} runs, from {said.run_name(first)} to {said.run_name(last)}."
        facts = [several if len(found.runs) > 1 else f"1 run: {said.run_name(first)}."]
        facts += [f"Machine {number}: {said.machine_name(each)}" for number, each in enumerate(found.machines, start=1)]
        blocks.append(Items([*facts, *filter(None, (said.visible(found),))]))
    if made_up := said.made_up(found):
        blocks.insert(1, Warned(made_up))
    blocks += [Warned(line) for line in (*said.shared_runs(found), *document["warnings"])]
    left_out = document["left_out"]
    return [*blocks, *([Details(f"Left out of this history ({len(left_out)})", [Items(left_out)])] if left_out else [])]


def _sections(found: History, numbers: Places) -> list[Section]:
    if not found.series:
        return []
    topics: dict[str, list[Block]] = {}
    for task, chart in trend.charts(found, numbers):
        topics.setdefault(task.partition("/")[0], []).append(chart)
    once = trend.singles(found, numbers)
    return [
        Section("changes", "What changed?", [_changes(found, numbers), *_never_right(found)]),
        *(Section(f"trend-{topic}", topic, blocks, tags_of(f"{topic}/")) for topic, blocks in topics.items()),
        *([Section("once", "Measured in one run only", [Details(once.caption, [once])])] if once else []),
    ]


def _changes(found: History, numbers: Places) -> Block:
    """A line for each change of a time, an outcome or the data, the newest first; a sentence if there is none."""
    lines = [
        (point.run, series, place, number)
        for place, series in enumerate(found.series)
        for number, point in enumerate(series.points)
        if said.changes(point)
    ]
    if not lines:
        changed = said.nothing_marked(found)
        return Paragraph(f"{changed}. No outcome changed, and no data changed.")
    lines.sort(key=lambda line: (-line[0], line[2]))
    several = len(found.machines) > 1
    return Table(
        caption="the newest first",
        header=("series", "what", "time / time before", "run", *(["machine"] if several else []), "why"),
        rows=[_line(found, numbers, series, place, number) for _, series, place, number in lines],
        right=frozenset({2}),
    )


def _never_right(found: History) -> list[Block]:
    """The series that went wrong in every run: they did not change, and stay in sight."""
    lines = said.never_right(found)
    return [Details(f"Never right ({len(lines)})", [Items(lines)])] if lines else []


def _line(found: History, numbers: Places, series: Series, place: int, number: int) -> TableRow:
    point = series.points[number]
    task, _, size, _ = series.key
    known = numbers.at(f"series/{place}/points/{number}")
    marked = said.mark_of(point)
    cells: list[Text] = [
        said.named(series),
        ", ".join(marked if marked and what.startswith(marked) else what for what in said.changes(point)),
        known.ratio("step") if marked else UNKNOWN,
        said.run_name(found.runs[point.run]),
        *([str(series.machine + 1)] if len(found.machines) > 1 else []),
        point.reason or UNKNOWN,
    ]
    return TableRow(cells, tags_of(task, series.device, size))


def _how(found: History, command: str) -> Section:
    return Section(
        "how",
        "How is a change decided?",
        [
            Paragraph(prose(f"{said.HOW} {said.shared_error(found)}")),
            Paragraph(
                "The interval of a change is for one comparison. A mark must hold among all comparisons. So a change "
                "can have no mark although its interval lies beyond the margin."
            ),
            Paragraph([f"{words.count(len(found.series))} series. Made by: ", Code(command)]),
        ],
    )
