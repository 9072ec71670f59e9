"""Memory and energy of an execution, in bars: one small picture for each task, with an axis of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.charts import folded
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Block, Chart, Items, Paragraph, Part, Table, TableRow, Text, tags_of
from residency.reports.page.render import plain

OWN_AXIS = (
    "Each task has an axis of its own, from 0 to its longest bar, so bars of different tasks are not to be compared."
)
NOT_KNOWN = "not known"
SHARE = "peak_device_share"
NO_REASON = "the record does not say why"


@dataclass(frozen=True)
class Measure:
    """One measure of an execution, and how it is shown."""

    name: str  # its key in the JSON report, and in the reasons why it is not known
    where: str  # what it is the memory or the energy of
    colour: str  # a key of the specification's scale
    write: Callable[[float], str]


Measures = dict[str, tuple[Measure, ...]]
"""What is measured of an implementation, by its device: one on the CPU has no memory and no energy of a GPU."""


def _bytes(value: float) -> str:
    return words.size(int(value))


def _joules(value: float) -> str:
    return f"{words.digits(value)} J"


DEVICE = Measure("peak_device_bytes", "GPU", "gpu", _bytes)
MEMORY: Measures = {"cpu": (Measure("peak_host_bytes", "host", "host", _bytes),)}
MEMORY["gpu"] = (*MEMORY["cpu"], DEVICE)
ENERGY: Measures = {  # `joules` are those of the device
    "cpu": (Measure("joules", "processors", "host", _joules),),
    "gpu": (Measure("cpu_joules", "processors", "host", _joules), Measure("joules", "GPU", "gpu", _joules)),
}


def charts(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    """The charts of a run: memory, and energy if any of it is known. What is not known is said with its reason."""
    rows = [row for group in found.groups for row in group.rows if row.measured]
    if not rows:
        return []
    return [*_memory(rows, found, numbers, prefix), *_energy(rows, numbers, prefix)]


def _memory(rows: Sequence[Row], found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    memory = {gpu.get("memory_bytes") for gpu in found.records.info.machine.get("gpus") or []}
    card = f" of {words.size(memory.pop())}" if len(memory) == 1 and None not in memory else ""

    def relative(row: Row, measure: Measure) -> Sequence[Part]:
        if measure is not DEVICE or not card or numbers.of(row).value(SHARE) is None:
            return []
        boards = len(row.facts.gpus)
        return [numbers.of(row).number(SHARE, _share), card.replace(" of ", f" of {boards} × ") if boards > 1 else card]

    title = "Peak memory of an execution"
    return _shown(rows, MEMORY, numbers, name=f"{prefix}memory", title=title, relative=relative)


def _share(value: float) -> str:
    return f"{100 * value:.2g}\N{NO-BREAK SPACE}%" if value < 1 else words.percent(value)


def _energy(rows: Sequence[Row], numbers: Numbers, prefix: str) -> list[Block]:
    title = "Energy of an execution"
    return _shown(rows, ENERGY, numbers, name=f"{prefix}energy", title=title, relative=lambda *_: [])


Relative = Callable[[Row, Measure], Sequence[Part]]


def _shown(
    rows: Sequence[Row], measures: Measures, numbers: Numbers, *, name: str, title: str, relative: Relative
) -> list[Block]:
    """Charts of these measures and the reasons why some are not known; only the reasons if none is known."""
    asked = [(row, measure) for row in rows for measure in measures[row.cell.device]]
    reasons = _reasons(asked, numbers)
    if all(numbers.of(row).value(measure.name) is None for row, measure in asked):
        return [Paragraph(f"{title} is not known. {'. '.join(reasons)}.")]

    def draw(mine: Sequence[Row], of: str) -> Chart:
        asked = [(row, measure) for row in mine for measure in measures[row.cell.device]]
        entries = _entries(asked, numbers, relative)
        return Chart(
            spec="resources",
            title=f"{title}{of}",
            description=f"Bars for each of {len({entry['panel'] for entry in entries})} tasks, one for each "
            f"implementation and each of: {words.joined(_places(asked))}.",
            rows=entries,
            table=_table(asked, numbers, title, relative),
            note=OWN_AXIS,
        )

    drawn = folded.by_topic(rows, draw, name=name, task=lambda row: row.cell.task)
    return [*drawn, Items(reasons)] if reasons else drawn


def _places(asked: Sequence[tuple[Row, Measure]]) -> list[str]:
    return list(dict.fromkeys(measure.where for _, measure in asked))


def _reasons(asked: Sequence[tuple[Row, Measure]], numbers: Numbers) -> list[str]:
    """`Not known of the GPU for 3 implementations: NVML does not ...`, each reason once."""
    counts: dict[tuple[str, str], int] = {}
    for row, measure in asked:
        if numbers.of(row).value(measure.name) is None:
            key = measure.where, row.facts.unknown.get(measure.name, NO_REASON)
            counts[key] = counts.get(key, 0) + 1
    return [
        f"Not known of the {where} for {count} implementation{'s' if count > 1 else ''}: {reason}"
        for (where, reason), count in counts.items()
    ]


def _entries(asked: Sequence[tuple[Row, Measure]], numbers: Numbers, relative: Relative) -> list[Mapping[str, Any]]:
    longest: dict[Any, float] = {}
    for row, measure in asked:
        longest[row.group] = max(longest.get(row.group, 0.0), numbers.of(row).value(measure.name) or 0.0)
    panels = {group: place for place, group in enumerate(longest)}
    in_order = sorted(asked, key=lambda one: panels[one[0].group])
    return [
        {
            "panel": panels[row.group],
            "topic": row.cell.task.partition("/")[0],
            "device": row.cell.device,
            "size": row.cell.size,
            "title": f"{row.cell.task}, {row.cell.dataset} at {row.cell.size}",
            "longest": longest[row.group] or 1.0,
            "name": f"{row.cell.library} ({row.cell.implementation})",
            "doubt": doubts.beside(row),
            "kind": measure.colour,
            **_bar(row, measure, numbers, relative),
        }
        for row, measure in in_order
        if longest[row.group]
    ]


def _bar(row: Row, measure: Measure, numbers: Numbers, relative: Relative) -> Mapping[str, Any]:
    value = numbers.of(row).value(measure.name)
    name = f"{row.cell.library} ({row.cell.implementation})"
    if value is None:
        reason = row.facts.unknown.get(measure.name, NO_REASON)
        return {
            "value": None,
            "text": f"{measure.where}: {NOT_KNOWN}",
            "more": "",
            "tip": f"{name}\n{NOT_KNOWN}: {reason}",
        }
    more = plain(relative(row, measure))
    text = f"{measure.where} {measure.write(value)}"
    return {"value": value, "text": text, "more": more, "tip": "\n".join(filter(None, (name, text, more)))}


def _table(asked: Sequence[tuple[Row, Measure]], numbers: Numbers, title: str, relative: Relative) -> Table:
    places = _places(asked)
    by_row: dict[Any, tuple[Row, dict[str, Text]]] = {}
    for row, measure in asked:
        cells = by_row.setdefault(row.key, (row, dict.fromkeys(places, "runs on the CPU")))[1]
        cells[measure.where] = _cell(row, measure, numbers, relative)
    return Table(
        caption=f"{title.lower()} of each implementation",
        header=("task", "implementation", "size", *places, "how sure"),
        rows=[
            TableRow(
                [
                    row.cell.task,
                    f"{row.cell.library} ({row.cell.implementation})",
                    row.cell.size,
                    *cells.values(),
                    doubts.beside(row) or UNKNOWN,
                ],
                tags_of(row.cell.task, row.cell.device, row.cell.size),
            )
            for row, cells in by_row.values()
        ],
    )


def _cell(row: Row, measure: Measure, numbers: Numbers, relative: Relative) -> Text:
    found = numbers.of(row)
    value = found.value(measure.name)
    if value is None:
        return f"{NOT_KNOWN}: {row.facts.unknown.get(measure.name, NO_REASON)}"
    more = relative(row, measure)
    return [found.number(measure.name, measure.write), *([", ", *more] if more else [])]
