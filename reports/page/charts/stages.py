"""Where the time goes, in bars: the strongest CPU side and the best GPU side of a task, one below the other.

Where no GPU side has a time, the two fastest CPU sides. Tasks differ in seconds by orders of magnitude, so each pair
has a scale of its own: the longer bar takes the whole width, and the seconds stand beside. The cold first execution
holds imports and compilation. On the scale of the warm bars it would hide all else, and a second scale would make
480 ms look shorter than 209 ms, so it is a text below the bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.row import Measured, Row
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Block, Chart, Details, Section, Table, TableRow, Text, tags_of
from residency.reports.page.topics import ordered

MANY = 12  # tasks of a topic; more are shown on demand
PLACES = {
    "load": "clocks/io", "put": "stages/put", "compute": "clocks/compute", "get": "stages/get", "other": "clocks/other",
}  # fmt: skip
COLD = "cold_seconds"
LEAST_IMPORTS = 1e-3  # seconds; an import that takes less finds its library loaded
NOTE = (
    "load: reads its data. put, get: copy it to the GPU and back; on a CPU, within the host's memory. "
    "compute: the work. other: what no stage covers. "
    "Both bars of a task have one scale; another task has another. "
    f"{words.COLD}: with imports and compilation; it is no part of the bar. Imports below 1 ms are not told: the "
    "library, NumPy for example, was loaded before. Parts below 1 % are in the table."
)


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """A chart for each topic."""
    return [chart for _, _, chart in _by_topic(found, numbers)]


def blocks(found: Findings, numbers: Numbers, prefix: str) -> list[Block]:
    """A section for each topic; a topic of many tasks on demand."""
    made: list[Block] = []
    for topic, pairs, chart in _by_topic(found, numbers):
        shown: Block = Details(f"{pairs} pairs of bars", [chart]) if pairs > MANY else chart
        made.append(Section(f"{prefix}stages-{topic}", topic, [shown], tags_of(f"{topic}/")))
    return made


def _by_topic(found: Findings, numbers: Numbers) -> list[tuple[str, int, Chart]]:
    """Topics, how many pairs each has, and its chart."""
    topics: dict[str, list[list[Row]]] = {}
    for group in found.groups:
        if pair := _pair(group):
            topics.setdefault(pair[0].cell.task.partition("/")[0], []).append(pair)
    return [(topic, len(topics[topic]), _chart(topic, topics[topic], numbers)) for topic in ordered(topics)]


def _pair(group: GroupFindings) -> list[Row]:
    """The best on each device, the CPU first; without a GPU side the two fastest."""
    beside = group.task.beside if group.task else []
    right = [row for row in group.ranked if row.measured and not in_doubt(row)]
    right = [row for row in right if row.cell.implementation not in beside]
    on_cpu, on_gpu = ([row for row in right if row.cell.device == device] for device in ("cpu", "gpu"))
    return [*on_cpu[:1], *on_gpu[:1]] if on_gpu else on_cpu[:2]


def _chart(topic: str, pairs: Sequence[Sequence[Row]], numbers: Numbers) -> Chart:
    return Chart(
        spec="stages",
        title=f"Where the time of one execution goes: {topic}",
        description=(
            "For each task a bar for each side, divided into load, put, compute, get and other; and below it the time "
            f"of the cold first execution. {len(pairs)} pairs of bars."
        ),
        rows=[entry for pair in pairs for entry in _entries(pair)],
        table=_table(topic, [row for pair in pairs for row in pair], numbers),
        note=NOTE,
    )


def parts(measured: Measured) -> dict[str, float]:
    """Seconds of a warm execution by the words of the chart, in the order in which they pass."""
    clocks, stages = measured.clocks, measured.stages
    known = {
        "load": clocks.io, "put": stages.get("put", 0.0), "compute": clocks.compute, "get": stages.get("get", 0.0),
        "other": clocks.other,
    }  # fmt: skip
    return {word: seconds for word, seconds in known.items() if seconds > 0}


def _entries(pair: Sequence[Row]) -> list[Mapping[str, Any]]:
    """The bars of one task as data of the chart."""
    measured = [(row, row.measured) for row in pair if row.measured]
    longest = max(of_row.clocks.end_to_end for _, of_row in measured)
    return [_entry(row, of_row, longest) for row, of_row in measured]


def _entry(row: Row, measured: Measured, longest: float) -> Mapping[str, Any]:
    cell = row.cell
    known, total = parts(measured), measured.clocks.end_to_end
    segments, begun = [], 0.0
    for word, seconds in known.items():
        segments.append({"word": word, "from": begun / longest, "to": (begun + seconds) / longest})
        begun += seconds
    shares = {word: seconds / total for word, seconds in known.items() if seconds >= words.LEAST_SHARE * total}
    label, time = f"{cell.library} ({cell.implementation})", words.seconds(measured.seconds.value)
    doubt = doubts.beside(row)
    cold = _cold(measured)
    return {
        "block": f"{cell.task}, {cell.dataset} at {cell.size}",
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "size": cell.size,
        "label": label,
        "time": time,
        "said": ", ".join(f"{word} {words.percent(share)}" for word, share in shares.items()),
        "doubt": doubt,
        "parts": segments,
        "cold": cold,
        "tip": "\n".join(
            filter(
                None,
                (
                    label,
                    f"{time} in all",
                    *(f"{word}: {words.seconds(seconds)}" for word, seconds in known.items()),
                    cold,
                    doubt,
                ),
            )
        ),
    }


def _cold(measured: Measured) -> str:
    """`cold: 1.02 s (imports 1.00 s)`."""
    if measured.cold_seconds is None:
        return "cold: not measured"
    imports = measured.clocks.imports or 0.0
    of_that = f" (imports {words.seconds(imports)})" if imports >= LEAST_IMPORTS else ""
    return f"cold: {words.seconds(measured.cold_seconds)}{of_that}"


def _table(topic: str, rows: Sequence[Row], numbers: Numbers) -> Table:
    return Table(
        caption=f"where the time of one execution goes in {topic}; the warm parts add up to the median time",
        header=(
            "task",
            "implementation",
            "dataset, size",
            "median time",
            *PLACES,
            "cold",
            "its imports",
            "how sure",
        ),
        rows=[TableRow(_cells(row, numbers), tags_of(row.cell.task, row.cell.device, row.cell.size)) for row in rows],
        right=frozenset(range(3, 6 + len(PLACES))),
    )


def _cells(row: Row, numbers: Numbers) -> list[Text]:
    cell, found = row.cell, numbers.of(row)
    places = ["seconds/median", *PLACES.values(), COLD, "clocks/imports"]
    return [
        cell.task,
        f"{cell.library} ({cell.implementation})",
        f"{cell.dataset}, {cell.size}",
        *(found.shown(place, words.seconds) if found.value(place) else UNKNOWN for place in places),
        doubts.beside(row) or UNKNOWN,
    ]
