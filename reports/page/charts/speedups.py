"""How many times as fast as the strongest correct CPU implementation: the fastest first, what failed last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.doubt import in_doubt
from residency.analysis.row import Group, Row, Speedup
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval
from residency.reports import endings, words
from residency.reports.answers import name_of
from residency.reports.page import doubts
from residency.reports.page.numbers import UNKNOWN, Numbers, escaped
from residency.reports.page.parts import Chart, Table, TableRow, Text, tags_of

MARGIN = 1.15  # factor beyond the outermost value
LEAST_DOMAIN = 2.0  # the axis shows at least from 1/2 to 2
MANY = 2_000.0  # from the lowest to the highest value: beyond it only powers of ten are marked
LEGEND = f"▶ faster, ◀ slower, ● equally fast, ✕ no time that counts, hollow ◇ {words.INCONCLUSIVE}."
LEGEND_REHEARSED = " ○ rehearsed without a GPU."
TIMES = "Beside each bar: its median time against that of the strongest CPU side, and the ratio. "
TITLE = "Times as fast as the strongest correct CPU implementation"
UNTIMED = "Nothing to compare: no time beside a right result of a CPU"
NOT_COMPARED = "not compared"


def chart(
    rows: Sequence[Row], numbers: Numbers, *, named: str = "task", title: str = "", sizes: bool = False
) -> Chart | None:
    """The speedups of these rows with their intervals; None if there is nothing but baselines.

    `named` says what a label consists of: `task` for many tasks, `implementation` for those of one task.
    Labels have the size where these rows differ in it, or if `sizes`.
    """
    shown = sorted((row for row in rows if not is_baseline(row)), key=_order)
    if not shown:
        return None
    low, high = domain([row.compared.speedup for row in shown if row.compared.speedup and not in_doubt(row)])
    sizes = sizes or len({row.cell.size for row in shown}) > 1
    strongest = _baselines(rows)
    entries = [_entry(row, strongest, numbers, named, sizes) for row in shown]
    return Chart(
        spec="speedups",
        title=title or (TITLE if any("ratio" in entry for entry in entries) else UNTIMED),
        description=_description(shown),
        rows=entries,
        table=table(rows, numbers),
        settings={
            "low": low,
            "high": high,
            "ticks": ticks(low, high),
            "axis": "times as fast as the strongest correct CPU implementation (95 % interval)",
        },
        note=_note(shown, entries),
    )


def _note(shown: Sequence[Row], entries: Sequence[Mapping[str, Any]]) -> str:
    times = TIMES if any("ratio" in entry for entry in entries) else ""
    return f"{times}{LEGEND}{LEGEND_REHEARSED if any(map(_is_rehearsed, shown)) else ''}"


def domain(ratios: Sequence[Interval]) -> tuple[float, float]:
    """The ends of the axis: all values and all known intervals, and always from 1/2 to 2."""
    values = [1 / LEAST_DOMAIN, LEAST_DOMAIN, *(ratio.value for ratio in ratios)]
    for ratio in ratios:
        if not words.is_unknown(ratio.low, ratio.high):
            values += [ratio.low, ratio.high]
    finite = [value for value in values if 0 < value < math.inf]
    return min(finite) / MARGIN, max(finite) * MARGIN


def ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... and the same below 1 as 1/2, 1/5, ...; fewer where the axis is long."""
    steps = (1, 2, 5) if high / low < MANY else (1,)
    upward = [step * 10.0**power for power in range(10) for step in steps]
    ends = [tick for tick in upward if tick <= high]
    return sorted({*ends, *(1 / tick for tick in upward if 1 / tick >= low)})


def is_baseline(row: Row) -> bool:
    """Whether the others of its group are compared with it."""
    return row.compared.speedup is not None and row.compared.speedup.baseline == row.cell.implementation


def is_compared(row: Row) -> bool:
    """Whether it has a ratio to another one, which the chart shows as a bar."""
    return row.compared.speedup is not None and not is_baseline(row) and not in_doubt(row)


Baselines = Mapping[tuple[Group, str], Row]
"""The baselines by the group and the name of their implementation."""


def _baselines(rows: Sequence[Row]) -> Baselines:
    return {(row.group, row.cell.implementation): row for row in rows if is_baseline(row)}


def _baseline(row: Row, strongest: Baselines) -> Row | None:
    """What this row is compared with, if it is among the rows that are shown."""
    ratio = row.compared.speedup
    return strongest.get((row.group, ratio.baseline)) if ratio else None


def _is_rehearsed(row: Row) -> bool:
    return endings.ending(row) == endings.REHEARSED


def _order(row: Row) -> tuple[float, str, str]:
    """The highest ratio first, then what has a time but no ratio, then what could not run."""
    ratio = row.compared.speedup
    if ratio is not None and not in_doubt(row):
        return -ratio.value, row.cell.task, row.cell.implementation
    last = 2.0 if row.result.outcome == Outcome.UNAVAILABLE else 1.0
    return last, row.cell.task, row.cell.implementation


def _description(rows: Sequence[Row]) -> str:
    verdicts = [row.compared.speedup.verdict for row in rows if row.compared.speedup and not in_doubt(row)]
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts)]
    failed = [
        f"{sum(row.measured is None and endings.ending(row) == outcome for row in rows)} {outcome}"
        for outcome in _failures(rows)
    ]
    bars = "One bar for each implementation on a logarithmic axis with 1 marked" if counts else "A list without bars"
    return f"{bars}: {words.joined(counts + failed)}."


def _failures(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(endings.ending(row) for row in rows if row.measured is None))


def _entry(row: Row, strongest: Baselines, numbers: Numbers, named: str, sizes: bool) -> Mapping[str, Any]:
    """A row as data of the chart."""
    cell, ratio = row.cell, row.compared.speedup if not in_doubt(row) else None
    label = name_of(row)
    if named == "task":
        label = f"{cell.task} · {label}"
    if sizes:
        label += f", {cell.size}"
    base = {
        "label": label,
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "size": cell.size,
        "outcome": endings.ending(row) if row.measured is None else NOT_COMPARED,
        "reason": _reason(row, numbers),
        "rehearsed": _is_rehearsed(row),
    }
    if ratio is None:
        return {**base, "tip": f"{label}\n{base['outcome']}: {base['reason']}"}
    found = numbers.of(row)
    doubt = doubts.beside(row)
    opponent = _baseline(row, strongest)
    time = _seconds(row, numbers) + (f" against {_seconds(opponent, numbers)}" if opponent else "")
    said = f"{words.bar(ratio)}{' inconclusive' if ratio.verdict == 'inconclusive' else ''}"
    return {
        **base,
        "ratio": found.value("speedup/ratio"),
        "low": found.value("speedup/low"),
        "high": found.value("speedup/high"),
        "verdict": ratio.verdict,
        "time": time,
        "text": said,
        "doubt": doubt,
        "tip": "\n".join(
            filter(
                None,
                (
                    label,
                    f"{ratio.verdict}: {words.times(ratio)}",
                    f"time: {_seconds(row, numbers)}",
                    f"baseline: {_named(opponent, ratio, numbers)}",
                    doubt,
                ),
            )
        ),
    }


def _seconds(row: Row, numbers: Numbers) -> str:
    return words.seconds(numbers.of(row).value("seconds/median"))


def _named(opponent: Row | None, ratio: Speedup, numbers: Numbers) -> str:
    """`sklearn (estimator@cpu), 4.00 s`."""
    return f"{name_of(opponent)}, {_seconds(opponent, numbers)}" if opponent else ratio.baseline


def _reason(row: Row, numbers: Numbers) -> str:
    if row.measured is None:
        return endings.reason(row)
    if in_doubt(row):
        return "it is not known whether it ran on the GPU"
    if row.cell.implementation in (numbers.value(f"run/tasks/{escaped(row.cell.task)}/beside") or ()):
        return "it does less than the task asks, so it is shown without a speedup"
    return "no right result of a CPU was measured beside it"


def table(rows: Sequence[Row], numbers: Numbers) -> Table:
    """Every implementation with its time, its ratio and its quality."""
    strongest = _baselines(rows)
    return Table(
        caption="times, ratios and quality, with 95 % intervals",
        header=(
            "task",
            "implementation",
            "size",
            "median time",
            "times as fast",
            "verdict",
            "quality",
            "memory",
            "how sure",
        ),
        rows=[
            TableRow(_cells(row, strongest, numbers), tags_of(row.cell.task, row.cell.device, row.cell.size))
            for row in rows
        ],
        right=frozenset({3, 4, 6, 7}),
    )


def _cells(row: Row, strongest: Baselines, numbers: Numbers) -> list[Text]:
    found, cell = numbers.of(row), row.cell
    ratio = row.compared.speedup
    if row.measured is None:
        said: list[Text] = [endings.ending(row), UNKNOWN, endings.reason(row), UNKNOWN, UNKNOWN]
    else:
        opponent = _baseline(row, strongest)
        verdict = "baseline" if is_baseline(row) else NOT_COMPARED
        if ratio and is_compared(row):
            verdict = f"{ratio.verdict}, against {name_of(opponent) if opponent else ratio.baseline}"
        said = [
            found.time(),
            UNKNOWN if is_baseline(row) or in_doubt(row) else found.ratio(),
            verdict,
            found.shown("quality", lambda value: words.quality(value, 0.0)),
            found.shown("peak_host_bytes", lambda value: words.size(int(value))),
        ]
    return [cell.task, name_of(row), cell.size, *said, doubts.beside(row) or "-"]
