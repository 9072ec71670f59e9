"""Time against size, with the size from which one side wins and its interval."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from residency.analysis.crossover import Crossover, Point, TaskCrossover, crossovers
from residency.analysis.doubt import in_doubt
from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.reports import crossover as said
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.charts import axes, cells
from residency.reports.page.numbers import UNKNOWN, Numbers, RowNumbers
from residency.reports.page.parts import Chart, Table, TableRow, Text, tags_of

HEIGHT = 20.0  # of the axis, in letters; more where there are many labels
GAP = 1.35  # between labels
LETTERS = 36  # in a line of a label on a phone
LEGEND = (
    "● CPU, ▲ GPU, ■ cluster of CPUs, ◆ cluster of GPUs; thick: the fastest of each side at each size; "
    "hollow: less sure. Bars are 95 % intervals of the median time. Both axes are logarithmic."
)
NO_GPU = "Nothing has a time on a GPU in this run, so it does not tell from which size on a GPU wins."
ALONE = "No size was measured on both sides, so this run does not tell from which size on one of them wins."
OTHER_CHOICE = (
    "In the table, an interval allows for the choice of the fastest of each side; in “How much faster?” it allows for "
    "the choice of the fastest on the CPU, clusters included, so the same ratio may have another interval there."
)
SHADED = "The shaded band and the dashed frame are 95 % intervals."


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """One chart for every task and dataset that was measured at several sizes."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found.rows:
        groups.setdefault((row.cell.task, row.cell.dataset), []).append(row)
    answers = {(answer.task, answer.dataset): (index, answer) for index, answer in enumerate(answered(found))}
    drawn = [_chart(group, answers.get(key), numbers) for key, group in groups.items()]
    return [chart for chart in drawn if chart is not None]


def answered(found: Findings) -> list[TaskCrossover]:
    """The answers of a run, in the order of its JSON report."""
    return crossovers(found.records, found.rows)


def _chart(group: Sequence[Row], answer: tuple[int, TaskCrossover] | None, numbers: Numbers) -> Chart | None:
    series = _series(group)
    if not series:
        return None
    cell, unit = group[0].cell, group[0].facts.unit
    shown = [row for rows in series.values() for row in rows]
    across = axes.count_axis("x", [row.cell.rows or 1 for row in shown])
    upward = axes.time_axis("y", [bound for row in shown for bound in _bounds(row, numbers)])
    height = max(HEIGHT, GAP * (len(series) + 1))
    bands = _bands(answer[1]) if answer else []
    best = _best(series, answer)
    fastest = {(row.cell.implementation, row.cell.rows) for rows in best.values() for row in rows}
    strongest = _strongest(series, answer)
    ends = _ends(series, strongest, upward, height)
    return Chart(
        spec="growth",
        title=f"{cell.task}, {cell.dataset}: time against {unit}",
        description=_description(series, unit, answer),
        rows=[
            _point(row, (name, row.cell.rows) in fastest, answer, numbers)
            for name in sorted(series, key=lambda name: name in strongest)  # the last lies on top
            for row in series[name]
        ],
        table=_table(group, series, answer, numbers),
        settings={
            **across,
            **upward,
            "tall": height,
            "letters": max(len(_label(rows[-1])) for rows in series.values()),
            "bands": len(bands),
            "listed": sum(len(end["lines"]) for end in ends),
            "axis": f"{unit}",
        },
        more={"ends": ends, "bands": bands, "best": [_best_point(side, row) for side in best for row in best[side]]},
        note=_note(series, group, unit, answer),
    )


def _series(group: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows with a time by implementation, by size; only implementations with two sizes or more.

    A cluster that is alone at its sizes is left out: how it grows with its workers is another question.
    """
    found: dict[str, list[Row]] = {}
    for row in group:
        if row.measured is not None and row.cell.rows:
            found.setdefault(row.cell.implementation, []).append(row)
    sizes = {
        count: {_name(row) for rows in found.values() for row in rows if row.cell.rows == count}
        for count in {row.cell.rows for rows in found.values() for row in rows}
    }
    return {
        name: sorted(rows, key=lambda row: row.cell.rows or 0)
        for name, rows in found.items()
        if len({row.cell.rows for row in rows}) > 1
        and (rows[0].cell.runner == "local" or sum(len(sizes[row.cell.rows]) > 1 for row in rows) > 1)
    }


def _name(row: Row) -> str:
    """An implementation without its number of workers."""
    return row.cell.implementation.partition("@")[0] + row.cell.device


def _label(row: Row) -> str:
    label = f"{row.cell.library} ({row.cell.implementation})"
    return f"{label}, not known where" if in_doubt(row) else label


def _place(row: Row) -> str:
    return row.cell.device if row.cell.runner == "local" else f"{row.cell.device} cluster"


def _strongest(series: Mapping[str, Sequence[Row]], answer: tuple[int, TaskCrossover] | None) -> set[str]:
    """The fastest of each side at the largest size measured on both; without sides, the fastest on each device."""
    if answer is not None and answer[1].found.points:
        last_point = answer[1].found.points[-1]
        return {last_point.challenger, last_point.champion}
    found = set()
    for device in ("cpu", "gpu"):
        mine = [rows[-1] for rows in series.values() if rows[-1].cell.device == device and not in_doubt(rows[-1])]
        last = [row for row in mine if row.cell.runner == "local"] or mine
        most = max((row.cell.rows or 0 for row in last), default=0)
        largest = [row for row in last if row.cell.rows == most]
        found |= {min(largest, key=lambda row: row.median).cell.implementation} if largest else set()
    return found


def _best(series: Mapping[str, Sequence[Row]], answer: tuple[int, TaskCrossover] | None) -> dict[str, list[Row]]:
    """The fastest of each side at each size, by which the sides cross; without sides, the fastest on each device."""
    rows = {(row.cell.implementation, row.cell.rows): row for of_name in series.values() for row in of_name}
    points = answer[1].found.points if answer else []
    if not points:
        return {name: list(series[name]) for name in _strongest(series, answer)}
    sides = {
        "challenger": [rows.get((point.challenger, point.rows)) for point in points],
        "champion": [rows.get((point.champion, point.rows)) for point in points],
    }
    return {side: [row for row in found if row is not None] for side, found in sides.items()}


def _best_point(side: str, row: Row) -> Mapping[str, Any]:
    cell = row.cell
    tags = {"topic": cell.task.partition("/")[0], "device": cell.device}
    return {**tags, "side": side, "rows": cell.rows, "seconds": row.median}


def _bounds(row: Row, numbers: Numbers) -> list[float]:
    """The time, and its bounds if they are known."""
    shown = numbers.of(row)
    value, low, high = (float(shown.value(f"seconds/{name}")) for name in ("median", "low", "high"))
    return [value] if words.is_unknown(low, high) else [value, low, high]


def _point(row: Row, strong: bool, answer: tuple[int, TaskCrossover] | None, numbers: Numbers) -> Mapping[str, Any]:
    cell, doubt = row.cell, doubts.beside(row)
    bounds = _bounds(row, numbers)
    time = words.interval(row.measured.seconds) if row.measured else UNKNOWN
    facts = (
        _label(row),
        f"{words.count(cell.rows or 0)} {row.facts.unit}: {time}",
        _ratio_in_words(row, answer),
        doubt,
    )
    return {
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "name": cell.implementation,
        "place": _place(row),
        "rows": cell.rows,
        "seconds": bounds[0],
        "low": bounds[1] if len(bounds) > 1 else None,
        "high": bounds[2] if len(bounds) > 1 else None,
        "strong": strong,
        "sure": not doubt and not in_doubt(row),
        "tip": "\n".join(filter(None, facts)),
    }


def _ratio_in_words(row: Row, answer: tuple[int, TaskCrossover] | None) -> str:
    """The ratio of the sides at this size, by which they cross; other sides have theirs in the section of the task."""
    points = answer[1].found.points if answer else []
    for point in points:
        if (point.challenger, point.rows) == (row.cell.implementation, row.cell.rows):
            return f"{point.ratio.verdict}: {words.times(point.ratio)}, over {point.champion}"
    return ""


def _ends(
    series: Mapping[str, Sequence[Row]], strongest: set[str], upward: Mapping[str, Any], height: float
) -> Sequence[Mapping[str, Any]]:
    """The labels at the ends of the lines, from the highest to the lowest, moved apart."""
    last = sorted((rows[-1] for rows in series.values()), key=lambda row: -row.median)
    places = [height * (1 - axes.share(row.median, upward["y_low"], upward["y_high"])) for row in last]
    moved = axes.spread(places, GAP, height)
    lines = [textwrap.wrap(_label(row), LETTERS) for row in last]
    before = accumulate((len(of_label) for of_label in lines), initial=0)
    return [
        {
            "topic": row.cell.task.partition("/")[0],
            "device": row.cell.device,
            "place": _place(row),
            "rows": row.cell.rows,
            "seconds": row.median,
            "label": _label(row),
            "lines": of_label,
            "line": line,
            "strong": row.cell.implementation in strongest,
            "em": place,
        }
        for row, place, of_label, line in zip(last, moved, lines, before, strict=False)
    ]


def _bands(answer: TaskCrossover) -> list[Mapping[str, Any]]:
    """The answers in a few words, and where they lie."""
    whole, there = answer.found, answer.found.resident
    bands = [_band("end to end", answer, whole)]
    if whole.points:
        bands.append(_band("resident", answer, there) if there else {"kind": "resident", "text": "resident: not known"})
    return sorted(bands, key=lambda band: float(band.get("at", math.inf)))  # so that no line crosses a text


def _band(kind: str, answer: TaskCrossover, found: Crossover) -> Mapping[str, Any]:
    text = f"{kind}: {_brief(_side(answer, found), found)}"
    at = found.at
    return {"kind": kind, "text": text, **({"at": at.value, "low": at.low, "high": at.high} if at else {})}


def _side(answer: TaskCrossover, found: Crossover) -> str:
    """What the challengers are called: `the GPU`, `the cluster` or the name of one."""
    names = answer.challenger
    if len(names) == 1 or not all(name.rpartition("@")[2].endswith("gpu") for name in names):
        return found.points[-1].challenger if found.points else names[0]
    return "GPU"


def _brief(who: str, found: Crossover) -> str:
    if not found.points:
        return "not known"
    first, last = found.points[0], found.points[-1]
    if found.at is not None:
        less = "≤ " if found.low_is_open else ""
        bounds = f"[{less}{axes.count(found.at.low)}, {axes.count(found.at.high)}]"
        itself = "≤ " if found.value_is_open else ""
        return f"{who} faster from {itself}{axes.count(found.at.value)} {bounds}"
    return {
        "always": f"{who} always faster, from {axes.count(first.rows)}",
        "never": f"{who} never faster, up to {axes.count(last.rows)}",
        "not monotone": f"{who} faster at some sizes only",
    }.get(found.answer, "this run cannot tell")


def _description(series: Mapping[str, Sequence[Row]], unit: str, answer: tuple[int, TaskCrossover] | None) -> str:
    count = f"{len(series)} implementations" if len(series) > 1 else "one implementation"
    lines = f"A line for each of {count}: the median time against the number of {unit}, on logarithmic axes."
    return f"{lines} {_sentences(answer[1])}" if answer else lines


def _sentences(answer: TaskCrossover) -> str:
    return " ".join(said.sentences(answer.task, answer.unit, answer.found))


def _note(
    series: Mapping[str, Sequence[Row]], group: Sequence[Row], unit: str, answer: tuple[int, TaskCrossover] | None
) -> str:
    """The answer in words, then what makes it less sure, then how to read the chart."""
    on_gpu = any(row.cell.device == "gpu" and row.measured for row in group)
    found = _sentences(answer[1]) if answer else ALONE if on_gpu else NO_GPU
    shaded = SHADED if answer and _has_interval(answer[1].found) else ""
    sides = _sides(series, answer[1]) if answer else []
    choice = OTHER_CHOICE if answer and _differs(answer[1].found, group) else ""
    return " ".join(
        filter(None, (found, *sides, *_less_sure(series, unit), *_without_time(series, group), LEGEND, shaded, choice))
    )


def _sides(series: Mapping[str, Sequence[Row]], answer: TaskCrossover) -> list[str]:
    """Which implementation stands for each side, where it changes with the size; and what is on no side."""
    points, unit = answer.found.points, answer.unit
    said = []
    devices = {row.cell.implementation: row.cell.device for rows in series.values() for row in rows}
    for names in ([point.challenger for point in points], [point.champion for point in points]):
        if len(set(names)) > 1:
            sizes = {
                name: [point.rows for point, one in zip(points, names, strict=True) if one == name] for name in names
            }
            each = [f"{name} at {words.joined([words.count(size) for size in sizes[name]])} {unit}" for name in sizes]
            said.append(f"The fastest on the {devices[names[0]].upper()}: {words.joined(each)}.")
    compared = {*answer.challenger, *answer.champion}
    if points and any(name not in compared and rows[0].cell.runner != "local" for name, rows in series.items()):
        said.append("Clusters are drawn, but not compared: each side is one machine.")
    return said


def _has_interval(found: Crossover) -> bool:
    return found.at is not None or (found.resident is not None and found.resident.at is not None)


def _less_sure(series: Mapping[str, Sequence[Row]], unit: str) -> list[str]:
    """What stands beside the times: `At 1,000 rows: 1 process, busy machine.`."""
    rows = [row for rows in series.values() for row in rows]
    found: dict[str, list[Row]] = {}
    for row in rows:
        if doubt := doubts.beside(row):
            found.setdefault(doubt, []).append(row)
    untold = dict.fromkeys(row.cell.implementation for row in rows if in_doubt(row))
    return [
        *(f"It is not known whether {name} ran on a GPU." for name in untold),
        *(f"{_which(doubtful, rows, unit)}: {doubt}." for doubt, doubtful in found.items()),
    ]


def _which(doubtful: Sequence[Row], rows: Sequence[Row], unit: str) -> str:
    if len(doubtful) == len(rows):
        return "All times"
    sizes = sorted({row.cell.rows or 0 for row in doubtful})
    if all(row in doubtful for row in rows if row.cell.rows in sizes):
        return f"At {words.joined([words.count(size) for size in sizes])} {unit}"
    by_name: dict[str, list[Row]] = {}
    for row in doubtful:
        by_name.setdefault(row.cell.implementation, []).append(row)
    every = Counter(row.cell.implementation for row in rows)
    return words.joined([name if len(own) == every[name] else _at(name, own) for name, own in by_name.items()])


def _at(name: str, rows: Sequence[Row]) -> str:
    return f"{name} at {words.joined([words.count(row.cell.rows or 0) for row in rows])}"


def _without_time(series: Mapping[str, Sequence[Row]], group: Sequence[Row]) -> list[str]:
    """Why a line ends before the largest size."""
    return [
        f"{row.cell.implementation} at {row.cell.size} has no time: {row.result.outcome}, {row.result.reason}."
        for row in group
        if row.measured is None and row.cell.implementation in series
    ]


def _table(
    group: Sequence[Row],
    series: Mapping[str, Sequence[Row]],
    answer: tuple[int, TaskCrossover] | None,
    numbers: Numbers,
) -> Table:
    """Every time, the ratio of the sides where both have one, and the sizes at which they cross."""
    unit = group[0].facts.unit
    shown = [row for row in group if row.cell.implementation in series]
    ratios = _ratios(answer, numbers)
    opponents = _opponents(answer[1].found, shown) if answer else {}
    over = "; times as fast as the fastest of the other side" if answer else ""
    return Table(
        caption=f"times by {unit}, with 95 % intervals{over}",
        header=("implementation", unit, "size", "median time", "times as fast", "resident", "compared with", "remarks"),
        rows=[
            *(_crossing(answer, group[0].cell.task, numbers) if answer else []),
            *(
                TableRow(_cells(row, ratios, opponents, numbers), tags_of(row.cell.task, row.cell.device))
                for row in shown
            ),
        ],
        right=frozenset({1, 3, 4, 5}),
    )


def _differs(found: Crossover, rows: Sequence[Row]) -> bool:
    """Whether the same two implementations have another interval in the section on how much faster they are."""
    speedups = {(row.cell.implementation, row.cell.rows): row.compared.speedup for row in rows}
    for point in found.points:
        other = speedups.get((point.challenger, point.rows))
        if other is not None and other.baseline == point.champion and other.low != point.ratio.low:
            return True
    return False


def _crossing(answer: tuple[int, TaskCrossover], task: str, numbers: Numbers) -> list[TableRow]:
    """The sizes at which the sides cross, end to end and with the data resident."""
    index, found = answer
    rows = []
    for kind, place, of in (("end to end", "", found.found), ("resident", "/resident", found.found.resident)):
        if of is not None and of.at is not None:
            at = f"crossovers/{index}{place}"
            size = _size(numbers.at(at), said.itself_or_less(of), said.or_less(of))
            rows.append(TableRow([f"crossover, {kind}", size, *[UNKNOWN] * 5, "estimated"], tags_of(task)))
    return rows


def _size(of: RowNumbers, itself_or_less: str, or_less: str) -> Text:
    """`2,300 [1,000 or less, 5,000]`."""
    middle, low, high = (of.number(name, words.about) for name in ("rows", "low", "high"))
    return [middle, f"{itself_or_less} [", low, f"{or_less}, ", high, "]"]


def _opponents(found: Crossover, rows: Sequence[Row]) -> Mapping[tuple[str, int], str]:
    """The fastest of the other side, at a challenger's size; resident it may be another one, which is named too."""
    labels = {row.cell.implementation: _label(row) for row in rows}
    there = {point.rows: point.champion for point in (found.resident.points if found.resident else [])}
    known = {}
    for point in found.points:
        other = there.get(point.rows, point.champion)
        more = f"; resident: {labels.get(other, other)}" if other != point.champion else ""
        known[point.challenger, point.rows] = f"{labels.get(point.champion, point.champion)}{more}"
    return known


Ratios = Mapping[tuple[str, int], Text]
"""The ratio at a challenger's size."""


def _ratios(answer: tuple[int, TaskCrossover] | None, numbers: Numbers) -> tuple[Ratios, Ratios]:
    """The ratios end to end and resident, by the challenger that is the fastest of its side at a size."""
    if answer is None:
        return {}, {}
    index, found = answer
    there = found.found.resident
    place = f"crossovers/{index}"
    whole = _of_points(found.found.points, f"{place}/points", numbers)
    return whole, _of_points(there.points, f"{place}/resident/points", numbers) if there else {}


def _of_points(points: Sequence[Point], place: str, numbers: Numbers) -> Ratios:
    return {
        (point.challenger, point.rows): _ratio(point, f"{place}/{index}", numbers) for index, point in enumerate(points)
    }


def _ratio(point: Point, place: str, numbers: Numbers) -> Text:
    """`at least 4.65 × [4.18, 5.10] faster`."""
    shown = cells.interval(numbers, place, words.digits)
    return [*(["at least "] if point.at_least else []), *shown, f" {point.ratio.verdict}"]


def _cells(
    row: Row, ratios: tuple[Ratios, Ratios], opponents: Mapping[tuple[str, int], str], numbers: Numbers
) -> list[Text]:
    cell, found = row.cell, numbers.of(row)
    whole, there = ratios
    key = cell.implementation, cell.rows or 0
    name = f"{cell.library} ({cell.implementation})"
    size = found.shown("rows", lambda value: words.count(int(value)))
    if row.measured is None:
        return [name, size, cell.size, row.result.outcome, *[UNKNOWN] * 3, row.result.reason]
    remarks = doubts.beside(row) or UNKNOWN
    if in_doubt(row):
        remarks = f"not known whether on the GPU; {remarks}".removesuffix(f"; {UNKNOWN}")
    compared = whole.get(key, UNKNOWN), there.get(key, UNKNOWN), opponents.get(key, UNKNOWN)
    return [name, size, cell.size, found.time(), *compared, remarks]
