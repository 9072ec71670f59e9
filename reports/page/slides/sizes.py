"""From which size on the GPU wins: the answer of a task that was measured at several sizes, and how to measure it.

The class writes a number of rows down before it sees the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from residency.analysis.crossover import Crossover, Point, TaskCrossover
from residency.analysis.doubt import is_on_gpu
from residency.analysis.findings import Findings, GroupFindings
from residency.analysis.row import Row
from residency.reports import crossover, words
from residency.reports.answers import name_of
from residency.reports.page import doubts
from residency.reports.page.charts import growth
from residency.reports.page.numbers import Numbers
from residency.reports.page.parts import Block, Code, Items, Paragraph, Table, Text, prose
from residency.reports.page.slides import bars
from residency.reports.page.slides.slide import RESIDENT, Reveal, Slide, address, line

ROWS = 4  # of the chart behind an answer
COMMANDS = 3  # that a slide names
INTERVAL = (
    "The interval says between which sizes the true one is likely to be. Between two measured sizes it is interpolated."
)


def slides(found: Findings, numbers: Numbers) -> dict[tuple[str, str], Slide]:
    """A slide for every task and dataset with sizes that were measured on both sides."""
    answers = enumerate(growth.answered(found))
    return {
        (answer.task, answer.dataset): _slide(index, answer, found, numbers)
        for index, answer in answers
        if answer.found.points
    }


def _slide(index: int, answer: TaskCrossover, found: Findings, numbers: Numbers) -> Slide:
    known, place = answer.found, f"crossovers/{index}"
    rows = [row for row in found.rows if (row.cell.task, row.cell.dataset) == (answer.task, answer.dataset)]
    who, compared = _sides(answer, rows)
    first, last = known.points[0].rows, known.points[-1].rows
    name = address(answer.task, answer.dataset, "sizes")
    sizes = f"{len(known.points)} size{'s' if len(known.points) > 1 else ''}"
    return Slide(
        name=name,
        kind="question",
        brief="from which size on",
        above=f"{answer.task}: {answer.dataset}, {words.count(first)} to {words.count(last)} {answer.unit}",
        title=f"From which size on does {who} win?",
        shown=[
            Items(
                [
                    f"Compared at {sizes}: {compared}.",
                    "The winner must be faster at that size and at all larger ones.",
                ]
            ),
            Paragraph(f"Predict: write down a number of {answer.unit}.", "predict"),
        ],
        reveal=Reveal(first=_said(place, answer, rows, numbers), left=[_chart(place, answer, numbers)], right=[]),
        notes=_notes(answer, found),
        follows=True,
    )


def _sides(answer: TaskCrossover, rows: Sequence[Row]) -> tuple[str, str]:
    """Who may win, and who is compared; if that is not a GPU and a CPU, by the fastest at the largest size."""
    names = {row.cell.implementation: name_of(row) for row in rows}
    devices = {row.cell.implementation: row.cell.device for row in rows}
    last = answer.found.points[-1]
    if devices.get(last.challenger) == "gpu" and devices.get(last.champion) == "cpu":
        alone = " in one process" if any(row.cell.runner == "cluster" for row in rows) else ""
        return "the GPU", f"the fastest on the GPU and the fastest on the CPU{alone}"
    who, whom = (names.get(name, name) for name in (last.challenger, last.champion))
    return who, f"{who} and {whom}"


def _said(place: str, answer: TaskCrossover, rows: Sequence[Row], numbers: Numbers) -> list[Block]:
    """The answer end to end, and with the data resident."""
    sides = {name for point in answer.found.points for name in (point.challenger, point.champion)}
    doubt = doubts.of_rows([row for row in rows if row.cell.implementation in sides])
    there = answer.found.resident
    resident: Text = "not known"
    if there is not None and there.points:
        resident = _answer(f"{place}/resident", there, answer.unit, numbers)
    unsure = f" ({doubt})" if doubt else ""
    return [
        Paragraph(line("End to end: ", _answer(place, answer.found, answer.unit, numbers), f"{unsure}."), "big"),
        Paragraph(line(f"{RESIDENT}: ", resident, "."), "topic"),
    ]


def _answer(place: str, known: Crossover, unit: str, numbers: Numbers) -> Text:
    """`from about 2,300 rows on [1,000 or less, 5,000]`."""
    first, last = known.points[0].rows, known.points[-1].rows
    if known.at is not None:
        middle, low, high = (numbers.shown(f"{place}/{bound}", words.about) for bound in ("rows", "low", "high"))
        itself, less = crossover.itself_or_less(known), crossover.or_less(known)
        return line("from about ", middle, f" {unit}{itself} on [", low, f"{less}, ", high, "]")
    if known.answer == "always":
        return f"from the smallest size measured on, {words.count(first)} {unit}"
    if known.answer == "never":
        return f"at no size measured, up to {words.count(last)} {unit}"
    if known.answer == "not monotone":
        return "no single size: it wins at some sizes and loses at larger ones"
    return f"inconclusive up to {words.count(last)} {unit}"


def _chart(place: str, answer: TaskCrossover, numbers: Numbers) -> Block:
    points = answer.found.points
    every = [_bar(f"{place}/points/{index}", point, answer.unit, numbers) for index, point in enumerate(points)]
    drawn = _drawn(points)
    left_out = len(points) - len(drawn)
    more = f"Not drawn: {left_out} more size{'s' if left_out > 1 else ''}. The table has all." if left_out else ""
    return bars.chart(
        [every[index] for index in drawn],
        title="Times as fast at each size, end to end",
        description="One bar for each size on a logarithmic axis with 1 marked.",
        table=_table(every, answer.unit),
        note=more,
    )


def _table(every: Sequence[bars.Bar], unit: str) -> Table:
    header = (unit, "times as fast", "verdict")
    return bars.table(every, caption="the ratio at every size, with 95 % intervals", header=header)


def _bar(place: str, point: Point, unit: str, numbers: Numbers) -> bars.Bar:
    ratio = numbers.interval(place, words.digits, middle="value", unit=" ×")
    bound = "at least " if point.at_least else ""
    cells = [line(bound, ratio), point.ratio.verdict]
    device = "gpu" if "@gpu" in point.challenger else "cpu"
    return bars.Bar(f"{words.count(point.rows)} {unit}", device, point.ratio, cells)


def _drawn(points: Sequence[Point]) -> list[int]:
    """The smallest and the largest size, and those around the first change of the verdict; at most `ROWS`."""
    if len(points) <= ROWS:
        return list(range(len(points)))
    changes = [after for after, (a, b) in enumerate(pairwise(points), 1) if a.ratio.verdict != b.ratio.verdict]
    middle = min(max(changes[0] if changes else len(points) // 2, 2), len(points) - 2)
    return [0, middle - 1, middle, len(points) - 1]


def _notes(answer: TaskCrossover, found: Findings) -> list[Block]:
    task = found.records.info.tasks.get(answer.task)
    notes: list[Block] = [
        Paragraph("Before the answer", "head"),
        Items(["Let everybody write down a number. Ask what a small size costs a GPU: its start and its copies."]),
        Paragraph("After the answer", "head"),
        Items([INTERVAL, "Ask who was nearest, and why the answer differs once the data is on the device."]),
        Paragraph("Measure it more closely", "head"),
        Paragraph(Code(f"residency crossover {answer.task}")),
    ]
    if task and task.expect:
        notes += [Paragraph("Expected", "head"), Paragraph(prose(task.expect))]
    return notes


def unmeasured(groups: Sequence[GroupFindings], found: Findings) -> Slide | None:
    """Which tasks do not tell it, and how to measure it; None if all do. `groups` have no answer."""
    tasks = list(dict.fromkeys(group.rows[0].cell.task for group in groups))
    if not tasks:
        return None
    on_gpu = any(is_on_gpu(row) and row.measured for row in found.rows)
    why = "each of these tasks has a time on both devices at fewer than two sizes" if on_gpu else "no GPU has a time"
    where = "" if on_gpu else " on a machine with a GPU"
    commands: list[Text] = [Code(f"residency crossover {task}") for task in tasks[:COMMANDS]]
    more = len(tasks) - COMMANDS
    others = [Paragraph(f"The same for {more} more task{'s' if more > 1 else ''}.")] if more > 0 else []
    return Slide(
        name="sizes",
        kind="summary",
        brief="From which size on: not measured",
        above=f"{len(tasks)} task{'s' if len(tasks) > 1 else ''}",
        title="From which size on does the GPU win?",
        shown=[
            Paragraph(f"Not measured: {why}.", "topic"),
            Paragraph(f"Measure it{where}:", "predict"),
            Items(commands),
            *others,
        ],
        notes=[Items(["Ask for a prediction for one task, measure it, and compare.", f"Tasks: {', '.join(tasks)}."])],
    )
