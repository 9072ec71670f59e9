"""The trend of a task over many runs: a small picture for each of its series, with the changes marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.history import History, Point, Series
from residency.reports import history as said
from residency.reports import words
from residency.reports.page import sizes
from residency.reports.page.numbers import UNKNOWN, Places
from residency.reports.page.parts import Chart, Table, TableRow, Text, tags_of

LEAST_SPAN = 1.3  # from the lowest to the highest value of an axis
ROOM = 1.12  # of the axis beyond its values
LINES = 3  # of texts above a picture, for its last events
MOST_TICKS = 4
NARROW = 4.0  # span of an axis up to which its ticks are evenly spaced
LEGEND = (
    "Each small picture is one implementation. ▲ means slower than the time before, and ▼ means faster, beyond the "
    "margin and the noise of the series. ✕ means that no time counts, for example because the result is wrong. A "
    "dashed line means that the data changed. The text at the end of a line is the last run's time. "
    "All pictures of a task span the same factor from bottom to top."
)


def charts(found: History, numbers: Places) -> list[tuple[str, Chart]]:
    """The charts of each task on each machine, with the task's name; none of what was measured only once."""
    groups: dict[tuple[str, int], list[int]] = {}
    for place, series in enumerate(found.series):
        if not series.is_single:
            groups.setdefault((series.key[0], series.machine), []).append(place)
    several = len(found.machines) > 1

    def by_size(place: int) -> tuple[int, int]:
        return sizes.place(found.series[place].key[2])

    return [
        (
            task,
            _chart(
                found,
                numbers,
                sorted(places, key=by_size),
                words.plain(f"{task} on machine {machine + 1}" if several else task),
            ),
        )
        for (task, machine), places in sorted(groups.items())
    ]


def singles(found: History, numbers: Places) -> Table | None:
    """What was measured only once; None if there is nothing like it."""
    places = [place for place, series in enumerate(found.series) if series.is_single]
    if not places:
        return None
    rows = [
        TableRow([found.series[place].key[0], *row.cells[:-2]], row.tags)
        for place in places
        for row in _rows(found, numbers, place)
    ]
    header = ("task", "implementation", "data", "run", "median time")
    return Table("what was measured in one run only, with 95 % intervals", header, rows, frozenset({4}))


def _chart(found: History, numbers: Places, places: Sequence[int], title: str) -> Chart:
    several = [found.series[place] for place in places]
    span = max(_span(series) for series in several) * ROOM
    orders = _orders(several)
    panels = [_panel(found, series, span, orders) for series in several]
    rows = [row for place in places for row in _rows(found, numbers, place)]
    changed = sum(bool(series.marks) for series in several)
    return Chart(
        spec="trend",
        title=title,
        description=f"Time by run on a logarithmic axis, {len(several)} series, {changed} with a marked change.",
        rows=panels,
        table=Table(
            caption="every run of every series, with 95 % intervals",
            header=("implementation", "data", "run", "median time", "against the time before", "verdict"),
            rows=rows,
            right=frozenset({3, 4}),
        ),
        settings={"lines": max(panel["lines"] for panel in panels), "last": len(orders)},
    )


def _orders(several: Sequence[Series]) -> dict[int, int]:
    """The runs that measured one of these series, numbered from 1."""
    runs = sorted({point.run for series in several for point in series.points})
    return {run: order for order, run in enumerate(runs, start=1)}


def _values(series: Series) -> list[float]:
    """All that an axis shows; of an interval that says little, not more than twice and half of its value."""
    values = []
    for point in series.points:
        if (time := point.seconds) is not None:
            values += [time.value, max(time.low, time.value / 2), min(time.high, time.value * 2)]
    return values


def _span(series: Series) -> float:
    values = _values(series)
    return max(LEAST_SPAN, max(values) / min(values)) if values else LEAST_SPAN


def _panel(found: History, series: Series, span: float, orders: Mapping[int, int]) -> dict[str, Any]:
    task, dataset, size, implementation = series.key
    values = _values(series) or [1.0]
    middle = math.sqrt(min(values) * max(values))
    low, high = middle / math.sqrt(span), middle * math.sqrt(span)
    events = _events(series, orders)
    ends = [found.runs[run] for run in (min(orders), max(orders))]
    last = series.points[-1].seconds
    return {
        "label": implementation,
        "latest": {"text": words.seconds(last.value) if last else "no time", "seconds": last.value if last else None},
        "data": f"{dataset}, {size}",
        "topic": task.partition("/")[0],
        "device": series.device,
        "size": size,
        "low": low,
        "high": high,
        "ticks": [{"value": tick, "text": words.seconds(tick)} for tick in ticks(low, high)],
        "points": _points(found, series, orders),
        "events": events,
        "lines": max((event["line"] + 1 for event in events if event["text"]), default=0),
        "ends": [said.day_and_commit(run) for run in ends],
        "note": "" if any(point.seconds for point in series.points) else "never a time that counts",
    }


def ticks(low: float, high: float) -> list[float]:
    """Two to four round values: evenly spaced on a short axis, 1, 2, 5, 10, ... on a long one."""
    if high / low > NARROW:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = (1, 2, 5) if high / low < NARROW**3 else (1,)
        return [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    power = 10.0 ** math.floor(math.log10(high - low))
    for step in (power, power / 2, power / 5, power / 10):
        numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
        if len(numbers) > 1:
            break
    every = math.ceil(len(numbers) / MOST_TICKS)
    return [number * step for number in numbers if number % every == 0]


def _points(found: History, series: Series, orders: Mapping[int, int]) -> list[dict[str, Any]]:
    points, segment = [], 0
    for point in series.points:
        segment += point.data_changed
        time = point.seconds
        points.append(
            {
                "x": orders[point.run],
                "segment": segment,
                "seconds": time.value if time else None,
                "low": time.low if time else None,
                "high": time.high if time else None,
                "mark": said.mark_of(point),
                "bad": said.is_bad(point),
                "tip": _tip(found, series, point),
            }
        )
    return points


def _tip(found: History, series: Series, point: Point) -> str:
    lines = [series.key[3], said.run_name(found.runs[point.run])]
    if point.seconds is None:
        lines.append(f"{point.outcome}: {point.reason}")
    else:
        lines += [words.interval(point.seconds), f"{point.seconds.replicates} processes"]
    if point.step is not None:
        lines.append(f"{said.ratio(point.step.ratio)} × the time before")
    return "\n".join([*lines, *filter(None, (_verdict(point),))])


def _events(series: Series, orders: Mapping[int, int]) -> list[dict[str, Any]]:
    """What a picture says in words; of many events only the last ones have words."""
    events = []
    for point in series.points:
        texts = ["data changed"] if point.data_changed else []
        texts += [said.change(point.step)] if point.step is not None and point.step.mark else []
        texts += [point.outcome] if said.is_bad(point) else []
        events += [{"x": orders[point.run], "text": text, "data": text == "data changed"} for text in texts]
    silent = len(events) - LINES
    return [
        {**event, "text": event["text"] if number >= silent else "", "line": (number - max(0, silent)) % LINES}
        for number, event in enumerate(events)
    ]


def _verdict(point: Point) -> str:
    """What is said of a point against the time before."""
    parts = ["data changed"] if point.data_changed else []
    parts += [said.mark_of(point)] if said.mark_of(point) else []
    parts += ["not known whether it ran on the GPU"] if point.in_doubt else []
    return ", ".join(parts)


def _rows(found: History, numbers: Places, place: int) -> list[TableRow]:
    """A line of the table for each run of a series."""
    series = found.series[place]
    task, dataset, size, implementation = series.key
    return [
        TableRow(
            [
                implementation,
                f"{dataset}, {size}",
                said.run_name(found.runs[point.run]),
                *_cells(point, numbers, f"series/{place}/points/{number}"),
            ],
            tags_of(task, series.device, size),
        )
        for number, point in enumerate(series.points)
    ]


def _cells(point: Point, numbers: Places, place: str) -> list[Text]:
    if point.seconds is None:
        return [point.outcome, UNKNOWN, point.reason]
    known = numbers.at(place)
    verdict = _verdict(point) or ("no change seen" if point.step else "nothing before to compare with")
    return [known.time(), known.ratio("step") if point.step else UNKNOWN, verdict]
