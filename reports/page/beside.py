"""Two machines side by side on a page: each with an axis of its own, because their times are not comparable."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from residency.analysis.beside import DEVICES, Beside, Pair, beside
from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.reports import beside as said
from residency.reports import document, names, words
from residency.reports.beside import NO_TIME, WARNING, Side
from residency.reports.page import doubts
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import (
    Block,
    Chart,
    Details,
    Items,
    Number,
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

TITLE = "Beside a recorded machine"
ROOM = 1.25  # factor beyond the outermost time
FEW = 200.0  # from the shortest to the longest time: up to this, 1, 2 and 5 are marked, beyond it only powers of ten
LEAST_FACTOR = 10.0  # from the shortest to the longest time of an axis
NARROW, WIDE = 18, 38  # characters of a label's line above its axis
OWN_AXES = (
    "Each column has a logarithmic axis of its own, so the places of its signs say nothing about the other's: "
    "● is the CPU, ■ the GPU."
)


@dataclass(frozen=True)
class Both:
    """Two runs with their numbers."""

    here: Side
    there: Side
    numbers: tuple[Numbers, Numbers]
    found: Beside
    place: str  # of the pairs in the JSON report


def with_recorded(page: Page, here: Findings, recorded: Findings) -> Page:
    """The page of a run with a section that lays a recorded run beside it, after the first one."""
    mine, theirs = said.sides(here, recorded)
    both = Both(mine, theirs, (Numbers(here), Numbers(recorded, "beside/")), beside(here, recorded), "beside/pairs")
    section = Section("beside", TITLE, _blocks(both))
    title = f"Residency: {names.beside(here.records.info, recorded.records.info)}"
    return replace(page, title=title, sections=[*page.sections[:1], section, *page.sections[1:]])


def each_other(runs: Sequence[Findings], numbers: Sequence[Numbers]) -> Section:
    """The first of several runs beside each of the others: the one place where they meet."""
    first, *others = said.named(runs)
    sections: list[Block] = []
    for index, other in enumerate(others):
        both = Both(
            first,
            other,
            (numbers[0], numbers[index + 1]),
            beside(first.found, other.found),
            f"beside/{index}/pairs",
        )
        title = f"{first.label}, beside {other.label}"
        sections.append(Section(f"beside-{index}", title, _blocks(both)))
    return Section("beside", "Beside each other", sections)


def _blocks(both: Both) -> list[Block]:
    here, there = both.here, both.there
    if reason := next(filter(None, map(said.without_times, (here, there))), ""):
        return [Paragraph(reason)]
    blocks: list[Block] = [Paragraph(prose(f"{WARNING} {said.SAME_KIND}" if said.are_alike(here, there) else WARNING))]
    blocks += [Warned(f"{side.label}: {words.joined(sure)}.") for side in (there, here) if (sure := said.doubts(side))]
    if both.found.pairs:
        blocks.append(_chart(both))
    else:
        blocks.append(Paragraph("The runs have no task, dataset and size in common."))
    only = [(both.found.only_here, here.label), (both.found.only_there, there.label)]
    blocks += [Paragraph(text, "note") for groups, label in only if (text := said.only_in(groups, label))]
    differences = said.differing(here, there)
    if differences:
        summary = f"What differs between the machines and versions ({len(differences)})"
        blocks.append(Details(summary, [Paragraph(f"Here: {here.label}. There: {there.label}."), Items(differences)]))
    return blocks


def _chart(both: Both) -> Chart:
    here, there = both.here, both.there
    return Chart(
        spec="beside",
        title="The fastest of each device on two machines",
        description=f"Left {here.label}, right {there.label}: two columns with an axis each. They show the fastest "
        f"right implementation of {len(both.found.pairs)} tasks on the CPU and the GPU, as a time with its interval.",
        rows=[_entry(row) for row in _lines(both)],
        table=_table(both),
        settings={
            "here": textwrap.wrap(here.label, NARROW),
            "there": textwrap.wrap(there.label, NARROW),
            "hereWide": textwrap.wrap(here.label, WIDE),
            "thereWide": textwrap.wrap(there.label, WIDE),
            "hereEnds": (ends := _ends(both, 0)),
            "thereEnds": (other := _ends(both, 1)),
            "hereTicks": _ticks(*ends),
            "thereTicks": _ticks(*other),
        },
        note=f"{WARNING} {OWN_AXES}",
    )


@dataclass(frozen=True)
class Line:
    """One device of a pair."""

    pair: Pair
    place: str
    device: str
    rows: tuple[Row | None, Row | None]
    numbers: tuple[Numbers, Numbers]


def _lines(both: Both) -> Iterator[Line]:
    for index, pair in enumerate(both.found.pairs):
        for device in DEVICES:
            rows = pair.here.get(device), pair.there.get(device)
            if any(rows):
                yield Line(pair, f"{both.place}/{index}", device, rows, both.numbers)


def _entry(line: Line) -> Mapping[str, Any]:
    task, dataset, size = line.pair.group
    (mine, theirs) = (_side(row, numbers, line.device) for row, numbers in zip(line.rows, line.numbers, strict=True))
    return {
        "panel": line.place,
        "title": f"{task}, {dataset} at {size}",
        "unlike": line.pair.unlike,
        "topic": task.partition("/")[0],
        "device": line.device,
        "size": size,
        **{f"here_{name}": value for name, value in mine.items()},
        **{f"there_{name}": value for name, value in theirs.items()},
    }


def _side(row: Row | None, numbers: Numbers, device: str) -> Mapping[str, Any]:
    """One machine's side of a line."""
    if row is None or row.measured is None:
        text = f"{NO_TIME} on the {device.upper()}"
        return {"name": "", "text": text, "value": None, "low": None, "high": None, "doubt": "", "tip": text}
    found, seconds = numbers.of(row), row.measured.seconds
    text, doubt = words.interval(seconds), doubts.beside(row)
    is_known = not words.is_unknown(seconds.low, seconds.high)
    return {
        "name": row.cell.implementation,
        "text": text,
        "value": found.value("seconds/median"),
        "low": found.value("seconds/low") if is_known else None,
        "high": found.value("seconds/high") if is_known else None,
        "doubt": doubt,
        "tip": "\n".join(filter(None, (f"{row.cell.library} ({row.cell.implementation})", text, doubt))),
    }


def _ends(both: Both, side: int) -> tuple[float, float]:
    """The ends of one machine's axis: its medians and its known intervals."""
    values: list[float] = []
    for line in _lines(both):
        row = line.rows[side]
        if row is not None and row.measured is not None:
            seconds = row.measured.seconds
            known = [] if words.is_unknown(seconds.low, seconds.high) else [seconds.low, seconds.high]
            values += [value for value in (seconds.value, *known) if value > 0]
    low, high = min(values, default=1.0) / ROOM, max(values, default=1.0) * ROOM
    widen = max(1.0, (LEAST_FACTOR * low / high) ** 0.5)
    return low / widen, high * widen


def _ticks(low: float, high: float) -> list[float]:
    steps = (1, 2, 5) if high / low < FEW else (1,)
    marks = [step * 10.0**power for power in range(-9, 8) for step in steps]
    return [mark for mark in marks if low <= mark <= high]


def _table(both: Both) -> Table:
    return Table(
        caption="times of two machines, not a comparison of libraries; the fastest right implementation of each device",
        header=(
            "task",
            "size",
            "device",
            f"{both.here.label}",
            "how sure",
            f"{both.there.label}",
            "how sure",
            "time here ÷ time there, of the same implementation",
        ),
        rows=[
            TableRow(_cells(line), tags_of(line.pair.group[0], line.device, line.pair.group[2]))
            for line in _lines(both)
        ],
        right=frozenset({7}),
    )


def _cells(line: Line) -> list[Text]:
    cells: list[Text] = []
    for row, numbers in zip(line.rows, line.numbers, strict=True):
        if row is None:
            cells += [NO_TIME, UNKNOWN]
            continue
        time = numbers.of(row).time()
        shown = time if isinstance(time, list) else [time]
        cells += [[*shown, f" {row.cell.library} ({row.cell.implementation})"], doubts.beside(row) or UNKNOWN]
    task, dataset, size = line.pair.group
    return [f"{task}, {dataset}", size, line.device.upper(), *cells, _ratio(line)]


def _ratio(line: Line) -> Text:
    """The ratio of the two times, or why there is none."""
    if line.pair.unlike:
        return line.pair.unlike
    if not all(line.rows):
        return UNKNOWN
    if line.device not in line.pair.ratios:
        return "another implementation is the fastest there"
    known = document.beside(Beside([line.pair], [], []))["pairs"][0]["ratios"][line.device]
    place = f"{line.place}/ratios/{line.device}"
    value, low, high = (
        Number(words.digits(known[name]), known[name], f"{place}/{name}") for name in ("ratio", "low", "high")
    )
    if words.is_unknown(low.value, high.value):
        return [value, f" {words.NOT_KNOWN}"]
    return [value, " [", low, ", ", high, "]"]
