"""The raw samples of each process, on demand: what lies behind a median and its interval.

A run may hold a hundred thousand samples, so a page keeps of each only its time, with four digits; everything else
about it is in the run's `records.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.analysis.row import Key, Row
from residency.analysis.samples import Process
from residency.harness.records import RECORDS_FILE
from residency.reports import words
from residency.reports.page.numbers import UNKNOWN
from residency.reports.page.parts import Chart, Code, Table, TableRow, Text, tags_of

LEGEND = "● timed, ○ warm-up (does not count), ◇ cold first execution, ▲ timed while something disturbed it. "
DIGITS = 4
FINE = 5.0  # from the least to the most: below it the axis has steps of equal length
STEPS = 5


def chart(group: Sequence[Row], processes: Mapping[Key, Sequence[Process]], folder: Path) -> Chart | None:
    """The samples of one task on one dataset at one size; None if it has none."""
    shown = [(row, process) for row in group for process in processes.get(row.key, ())]
    every = [seconds for _, process in shown for seconds in (*process.cold, *process.warmup, *process.timed)]
    if not every:
        return None
    factor, unit = words.unit_of(sorted(every)[len(every) // 2])
    low, high = min(every) * factor / 1.05, max(every) * factor * 1.05
    cell = group[0].cell
    return Chart(
        spec="samples",
        title=f"Every sample of {cell.task}, {cell.dataset} at {cell.size}",
        description=f"A row of dots for each of {len(shown)} processes, a dot for each of {len(every)} executions.",
        rows=[_entry(row, process, factor) for row, process in shown],
        table=_table([_cells(row, process, factor) for row, process in shown], group, shown, unit.strip()),
        settings={"low": low, "high": high, "ticks": ticks(low, high), "unit": unit.strip()},
        note=[LEGEND, "All that is recorded of each sample: ", Code(f"{folder.name}/{RECORDS_FILE}")],
    )


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the ends: 1, 2, 5, 10, ... or, if the ends are near each other, equal steps."""
    if high / low >= FINE:
        return [tick for power in range(-9, 10) for step in (1, 2, 5) if low <= (tick := step * 10.0**power) <= high]
    wide = (high - low) / STEPS
    steps = [step * 10.0**power for power in range(-12, 10) for step in (1, 2, 5)]
    step = next(step for step in steps if step >= wide)
    first = int(low / step) + 1
    return [number * step for number in range(first, int(high / step) + 1)]


def _short(seconds: float, factor: float) -> float:
    return float(f"{seconds * factor:.{DIGITS}g}")


def _entry(row: Row, process: Process, factor: float) -> Mapping[str, Any]:
    """A process as data of the chart: its times, by what they are."""
    cell = row.cell
    calm = [seconds for place, seconds in enumerate(process.timed) if place not in process.disturbed]
    times = {
        "cold": process.cold,
        "warm-up": process.warmup,
        "timed": calm,
        "disturbed": [process.timed[place] for place in process.disturbed],
    }
    ended = "" if row.measured else f", {row.result.outcome}: does not count"
    return {
        "label": f"{cell.library} ({cell.implementation}){ended}",
        "process": process.replicate + 1,
        "topic": cell.task.partition("/")[0],
        "device": cell.device,
        "size": cell.size,
        "parts": [
            {"kind": kind, "s": [_short(one, factor) for one in known]} for kind, known in times.items() if known
        ],
    }


def _table(cells: list[list[Text]], group: Sequence[Row], shown: Sequence[tuple[Row, Process]], unit: str) -> Table:
    tags = [tags_of(row.cell.task, row.cell.device, row.cell.size) for row, _ in shown]
    return Table(
        caption=f"every process of {group[0].cell.task}, in {unit}; * marks what something disturbed",
        header=(
            "implementation",
            "process",
            "cold",
            "timed",
            "median",
            "shortest",
            "longest",
            "disturbed by",
            "samples",
        ),
        rows=[TableRow(row, tag) for row, tag in zip(cells, tags, strict=True)],
        right=frozenset(range(1, 7)),
    )


def _cells(row: Row, process: Process, factor: float) -> list[Text]:
    def write(seconds: float | None) -> str:
        return UNKNOWN if seconds is None else f"{_short(seconds, factor):.{DIGITS + 2}g}"

    timed = " ".join(
        f"{write(seconds)}{'*' if place in process.disturbed else ''}" for place, seconds in enumerate(process.timed)
    )
    warmup = f"warm-up: {' '.join(map(write, process.warmup))}; timed: " if process.warmup else ""
    shortest, longest = process.ends
    return [
        f"{row.cell.library} ({row.cell.implementation})",
        str(process.replicate + 1),
        " ".join(map(write, process.cold)) or UNKNOWN,
        str(len(process.timed)),
        write(process.middle),
        write(shortest),
        write(longest),
        ", ".join(dict.fromkeys(process.disturbed.values())) or UNKNOWN,
        f"{warmup}{timed}" or UNKNOWN,
    ]
