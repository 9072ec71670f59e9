"""Speed, time and efficiency against the number of workers, and the fitted law."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.findings import Findings
from residency.analysis.row import Row
from residency.analysis.scaling import Law, Scaling, Strong, Weak, scalings
from residency.harness.statistics import Interval
from residency.reports import scaling as said
from residency.reports import words
from residency.reports.page import doubts
from residency.reports.page.charts import axes, cells
from residency.reports.page.numbers import UNKNOWN, Numbers
from residency.reports.page.parts import Chart, Table, TableRow, Text, tags_of

HEIGHT = 16.0  # of an axis, in letters
LOW = 12.0  # of the axis of efficiency
GAP = 2.6  # between labels of two lines
ONE_PROCESS = "one process without a cluster"
LEGEND = (
    "Points are measured, with 95 % intervals; hollow: less sure. The curve is the fitted law with its 95 % interval."
)
PREDICTED = "Dashed: predicted for more workers than were measured, at most twice as many."
STEPS = "The axes are logarithmic: each step doubles."
EFFICIENCY_LEGEND = (
    "100 % means that every worker is as useful as the only one. Strong: the same data on more workers. Weak: as much "
    "data for each worker. Bars are 95 % intervals; hollow: less sure."
)


def charts(found: Findings, numbers: Numbers) -> list[Chart]:
    """The charts of every implementation that was measured on several numbers of workers."""
    drawn: list[Chart] = []
    for index, scaled in enumerate(scaled_in(found)):
        if any(strong.row.measured for strong in scaled.strong):
            drawn += [_speed(scaled, f"scaling/{index}", numbers), *_efficiency(scaled, f"scaling/{index}", numbers)]
    return drawn


def scaled_in(found: Findings) -> list[Scaling]:
    """The scaling of a run's implementations, in the order of its JSON report."""
    return scalings(found.records, found.rows)


def _speed(scaled: Scaling, place: str, numbers: Numbers) -> Chart:
    """Speed over one worker beside the time."""
    known = [strong for strong in scaled.strong if strong.row.measured is not None]
    curve = _curve(scaled.law, known)
    most = max(strong.workers for strong in known)
    last = max([most, *(point["workers"] for point in curve)])
    speeds = [1.0, last, *(bound for strong in known for bound in _bounds(strong))]
    speeds += [point[name] for point in curve for name in ("low", "high")]
    upward = _doubling("speed", speeds, " ×")
    times = [bound for row in _timed(scaled) for bound in _time_bounds(row)]
    seconds = axes.time_axis("y", times)
    return Chart(
        spec="scaling",
        title=f"{_name(scaled)}: speed and time by number of workers",
        description=f"Two panels, both against the number of workers: the speed over one worker, and the time. "
        f"{said.headline(scaled)}",
        rows=[_point(strong) for strong in known],
        table=_table(scaled, place, numbers),
        settings={
            **_doubling("x", [1.0, last], ""),
            **_doubling("time_x", [1.0, most], ""),
            **upward,
            **seconds,
            "tall": HEIGHT,
            "measured": most,
            "predicted": last > most,
        },
        more={
            "curve": curve,
            "ideal": [{"workers": 1.0, "speed": 1.0}, {"workers": float(last), "speed": float(last)}],
            "single": _single(scaled),
            "ends": _ends(curve, last, upward),
            "time_ends": _time_ends(scaled, known, seconds),
        },
        note=_note(scaled, known, predicted=last > most),
    )


def _name(scaled: Scaling) -> str:
    cell = scaled.strong[0].row.cell
    device = " on GPUs" if cell.device == "gpu" else ""
    return f"{scaled.task}, {cell.dataset}, {scaled.implementation}{device}"


def _timed(scaled: Scaling) -> list[Row]:
    rows = [strong.row for strong in scaled.strong]
    return [row for row in (*rows, scaled.single) if row is not None and row.measured is not None]


def _time_bounds(row: Row) -> list[float]:
    assert row.measured is not None
    time = row.measured.seconds
    return [time.value] if words.is_unknown(time.low, time.high) else [time.value, time.low, time.high]


def _bounds(strong: Strong) -> list[float]:
    speed = strong.over_one
    if speed is None:
        return []
    return [speed.value] if words.is_unknown(speed.low, speed.high) else [speed.value, speed.low, speed.high]


def _doubling(name: str, values: Sequence[float], unit: str) -> dict[str, Any]:
    """The settings of an axis whose steps double: its ends, its ticks and their labels."""
    low, high = axes.domain(values)
    ticks = [2.0**power for power in range(-12, 16) if low <= 2.0**power <= high]
    return {
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_ticks": ticks,
        f"{name}_labels": [f"{tick:,.0f}{unit}" if tick >= 1 else f"1/{1 / tick:,.0f}{unit}" for tick in ticks],
    }


def _curve(law: Law | None, known: Sequence[Strong]) -> list[Mapping[str, Any]]:
    """The fitted law's curve, and whether a point lies beyond what was measured."""
    if law is None:
        return []
    most = max(strong.workers for strong in known)
    return [
        {
            "workers": point.workers,
            "speed": point.speed.value,
            "low": point.speed.low,
            "high": point.speed.high,
            "beyond": point.workers > most * 1.0001,
        }
        for point in law.curve
    ]


def _point(strong: Strong) -> Mapping[str, Any]:
    row, doubt = strong.row, doubts.beside(strong.row)
    speeds, times = _bounds(strong), _time_bounds(row)
    facts = [f"{row.cell.library} ({row.cell.implementation})", _workers(strong.workers)]
    facts.append(f"time: {words.interval(row.measured.seconds)}" if row.measured else "")
    facts.append(f"{words.times(strong.over_one)} as one worker" if strong.over_one and strong.workers > 1 else "")
    return {
        **_tags(row),
        "workers": strong.workers,
        "speed": speeds[0] if speeds else None,
        "speed_low": speeds[1] if len(speeds) > 1 else None,
        "speed_high": speeds[2] if len(speeds) > 1 else None,
        "seconds": times[0],
        "low": times[1] if len(times) > 1 else None,
        "high": times[2] if len(times) > 1 else None,
        "sure": not doubt,
        "tip": "\n".join(filter(None, (*facts, doubt))),
    }


def _tags(row: Row) -> dict[str, str]:
    return {"topic": row.cell.task.partition("/")[0], "device": row.cell.device}


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _single(scaled: Scaling) -> list[Mapping[str, Any]]:
    """The fastest single process: a line, because it has no workers."""
    row = scaled.single
    if row is None or row.measured is None:
        return []
    bounds = _time_bounds(row)
    low, high = bounds[1:] or (None, None)
    doubt = doubts.beside(row)
    tip = f"{ONE_PROCESS}: {row.cell.library} ({row.cell.implementation})\ntime: {words.interval(row.measured.seconds)}"
    return [{"seconds": bounds[0], "low": low, "high": high, "tip": f"{tip}\n{doubt}".strip()}]


def _ends(curve: Sequence[Mapping[str, Any]], last: float, upward: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The labels at the right ends of the lines of speed."""
    lines = [("ideal", float(last), "var(--muted)")]
    lines += [("fitted law", curve[-1]["speed"], "var(--ink)")] if curve else []
    return _labels(lines, upward["speed_low"], upward["speed_high"])


def _time_ends(scaled: Scaling, known: Sequence[Strong], seconds: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The labels at the right ends of the lines of time."""
    lines = [(["on the cluster", ""], known[-1].row.median, f"var(--{known[-1].row.cell.device})")]
    if scaled.single is not None:
        lines.append((["one process", "without a cluster"], scaled.single.median, "var(--ink)"))
    return _labels(lines, seconds["y_low"], seconds["y_high"])


def _labels(lines: Sequence[tuple[Any, float, str]], low: float, high: float) -> list[Mapping[str, Any]]:
    places = axes.spread([HEIGHT * (1 - axes.share(value, low, high)) for _, value, _ in lines], GAP, HEIGHT)
    return [{"text": text, "em": em, "fill": fill} for (text, _, fill), em in zip(lines, places, strict=True)]


def _note(scaled: Scaling, known: Sequence[Strong], *, predicted: bool) -> str:
    """The answer, the law, what makes it less sure, and how to read the chart."""
    single = scaled.single
    process = f"The line {ONE_PROCESS} is {single.cell.implementation}, the fastest single process." if single else ""
    failed = [
        f"{_workers(strong.workers)}: no time, {strong.row.result.outcome}: {strong.row.result.reason}."
        for strong in scaled.strong
        if strong.row.measured is None
    ]
    doubtful = [(_workers(strong.workers), doubts.beside(strong.row)) for strong in known]
    doubtful += [(single.cell.implementation, doubts.beside(single))] if single else []
    parts = (
        said.headline(scaled),
        said.law(scaled.law) if scaled.law else "",
        *failed,
        *_less_sure(doubtful),
        process,
        LEGEND if scaled.law else LEGEND.partition(" The curve")[0],
        PREDICTED if predicted else "",
        STEPS,
    )
    return " ".join(filter(None, parts))


def _less_sure(doubtful: Sequence[tuple[str, str]]) -> list[str]:
    """What stands beside the times: `1 worker and 2 workers: 2 processes.`."""
    found: dict[str, list[str]] = {}
    for who, doubt in doubtful:
        if doubt:
            found.setdefault(doubt, []).append(who)
    everyone = len(doubtful)
    return [f"{'All times' if len(who) == everyone else words.joined(who)}: {doubt}." for doubt, who in found.items()]


def _table(scaled: Scaling, place: str, numbers: Numbers) -> Table:
    """Every number of workers with its time, its ratios and what the workers did; the fastest process; predictions."""
    rows = [_row(strong, f"{place}/strong/{index}", numbers) for index, strong in enumerate(scaled.strong)]
    if scaled.single is not None:
        time, cell = numbers.of(scaled.single).time(), scaled.single.cell
        remarks = ", ".join(filter(None, (cell.implementation, doubts.beside(scaled.single))))
        shown = ["one process", time, *[UNKNOWN] * 7, remarks]
        rows.append(TableRow(shown, tags_of(cell.task, cell.device)))
    for count in scaled.law.predicted if scaled.law else ():
        speed = cells.interval(numbers, f"{place}/law/predicted/{count}", words.digits)
        shown = [f"{count}, predicted", UNKNOWN, speed, *[UNKNOWN] * 6, "by the fitted law"]
        rows.append(TableRow(shown, tags_of(scaled.strong[0].row.cell.task)))
    return Table(
        caption="times and speeds by number of workers, with 95 % intervals",
        header=(
            "workers",
            "time",
            *("× one worker", "efficiency", "× one process"),
            *("in tasks", "fetching", "spilling", "without a task", "remarks"),
        ),
        rows=rows,
        right=frozenset(range(1, 9)),
    )


def _row(strong: Strong, place: str, numbers: Numbers) -> TableRow:
    cell = strong.row.cell
    if strong.row.measured is None:
        shown: list[Text] = [strong.row.result.outcome, *[UNKNOWN] * 7, strong.row.result.reason]
    else:
        shares = ("tasks", "fetching", "spilling", "without_a_task")
        shown = [
            numbers.of(strong.row).time(),
            cells.interval(numbers, f"{place}/over_one", words.digits),
            numbers.shown(f"{place}/efficiency", words.percent),
            cells.interval(numbers, f"{place}/over_single_process", words.digits),
            *(numbers.shown(f"{place}/shares/{name}", words.percent) for name in shares),
            doubts.beside(strong.row) or UNKNOWN,
        ]
    workers = numbers.shown(f"{place}/workers", lambda count: str(int(count)))
    return TableRow([workers, *shown], tags_of(cell.task, cell.device))


def _efficiency(scaled: Scaling, place: str, numbers: Numbers) -> list[Chart]:
    """Strong and weak efficiency; none if nothing can be compared with one worker."""
    strong = [entry for entry in scaled.strong if entry.efficiency_interval is not None]
    weak = [entry for entry in scaled.weak if entry.efficiency is not None]
    lines = [
        (kind, points)
        for kind, points in (
            ("strong", [_strong_point(entry) for entry in strong]),
            ("weak", list(map(_weak_point, weak))),
        )
        if len(points) > 1
    ]
    if not lines:
        return []
    points = [point for _, of_line in lines for point in of_line]
    high = max(1.0, *(point["high"] or point["share"] for point in points))
    counts = sorted({point["workers"] for point in points})
    places = axes.spread([LOW * (1 - of_line[-1]["share"] / (high * 1.05)) for _, of_line in lines], 1.4, LOW)
    ends = [
        {"text": kind, "kind": kind, "em": em, **_tags(scaled.strong[0].row)}
        for (kind, _), em in zip(lines, places, strict=True)
    ]
    return [
        Chart(
            spec="efficiency",
            title=f"{_name(scaled)}: efficiency",
            description=f"The efficiency against the number of workers, up to {counts[-1]} workers: "
            f"{words.joined([_last(kind, of_line) for kind, of_line in lines])}.",
            rows=points,
            table=_efficiency_table(scaled, place, numbers),
            settings={**_doubling("x", counts, ""), "y_high": high * 1.05, "tall": LOW},
            more={"ends": ends},
            note=EFFICIENCY_LEGEND,
        )
    ]


def _last(kind: str, points: Sequence[Mapping[str, Any]]) -> str:
    return f"{kind} {words.percent(points[-1]['share'])}"


def _strong_point(strong: Strong) -> dict[str, Any]:
    share = strong.efficiency_interval
    assert share is not None
    return _share_point("strong", strong.row, strong.workers, share)


def _weak_point(weak: Weak) -> dict[str, Any]:
    share = weak.efficiency
    assert share is not None
    return _share_point("weak", weak.row, weak.workers, share)


def _share_point(kind: str, row: Row, workers: int, share: Interval) -> dict[str, Any]:
    low, high = share.low, share.high
    known, doubt = not words.is_unknown(low, high), doubts.beside(row)
    bounds = f" [{words.percent(low)}, {words.percent(high)}]" if known else f" {words.NOT_KNOWN}"
    data = f", {words.count(row.cell.rows)} {row.facts.unit}" if row.cell.rows else ""
    facts = (f"{kind} scaling, {_workers(workers)}{data}", f"efficiency {words.percent(share.value)}{bounds}", doubt)
    return {
        **_tags(row),
        "kind": kind,
        "workers": workers,
        "share": share.value,
        "low": low if known else None,
        "high": high if known else None,
        "sure": not doubt,
        "tip": "\n".join(filter(None, facts)),
    }


def _efficiency_table(scaled: Scaling, place: str, numbers: Numbers) -> Table:
    rows = [
        _efficiency_row("strong", entry.row, f"{place}/strong/{index}", numbers)
        for index, entry in enumerate(scaled.strong)
    ]
    rows += [
        _efficiency_row("weak", entry.row, f"{place}/weak/{index}", numbers) for index, entry in enumerate(scaled.weak)
    ]
    return Table(
        caption="efficiency by number of workers, with 95 % intervals",
        header=("scaling", "workers", scaled.strong[0].row.facts.unit, "time", "efficiency", "remarks"),
        rows=rows,
        right=frozenset({1, 2, 3, 4}),
    )


def _efficiency_row(kind: str, row: Row, place: str, numbers: Numbers) -> TableRow:
    found, tags = numbers.of(row), tags_of(row.cell.task, row.cell.device)
    names = ("efficiency", "efficiency_low", "efficiency_high")
    names = names if kind == "strong" else ("efficiency/value", "efficiency/low", "efficiency/high")
    share, low, high = (numbers.shown(f"{place}/{name}", words.percent) for name in names)
    if share != UNKNOWN and numbers.value(f"{place}/{names[1]}") != numbers.value(f"{place}/{names[2]}"):
        share = cells.flat([share, " [", low, ", ", high, "]"])
    workers = numbers.shown(f"{place}/workers", lambda count: str(int(count)))
    size = found.shown("rows", lambda value: words.count(int(value)))
    if row.measured is None:
        return TableRow([kind, workers, size, row.result.outcome, UNKNOWN, row.result.reason], tags)
    return TableRow([kind, workers, size, found.time(), share, doubts.beside(row) or UNKNOWN], tags)
