"""What a class learned of a topic: at most four short lines, each one fact with a number."""

from __future__ import annotations

from collections.abc import Sequence

from residency.analysis.disturbed import disturbances
from residency.analysis.findings import Findings
from residency.analysis.gain import Gain
from residency.analysis.row import Row
from residency.analysis.topics import FromSize, TopicAtSize, comparable, topics
from residency.reports import crossover, words
from residency.reports.answers import name_of
from residency.reports.page import doubts
from residency.reports.page.numbers import Numbers, RowNumbers
from residency.reports.page.parts import Part, Strong, Text
from residency.reports.page.slides.slide import RESIDENT, line

FACTS = 4
LIBRARIES = 3  # that a line names


def facts(topic: str, found: Findings, numbers: Numbers) -> list[Text]:
    """The facts of a topic at the size at which most of its tasks were measured."""
    known = [(index, one) for index, one in enumerate(topics(found.records, found.rows)) if one.topic == topic]
    index, main = max(known, key=lambda entry: (entry[1].tasks, entry[1].rows or 0))
    rows = [row for row in found.rows if row.cell.task.startswith(f"{topic}/") and row.cell.size == main.size]
    rows = comparable(rows, found.records)
    of = numbers.at(f"topics/{index}")
    told = _on_gpu(main.gpu, main, rows, of) if main.gpu else _on_cpu(main, rows, of, numbers)
    sure = _less_sure(rows)
    return [*told[: FACTS - len(sure)], *sure]


def _on_gpu(gain: Gain, main: TopicAtSize, rows: Sequence[Row], of: RowNumbers) -> list[Text]:
    tasks = line(f"{_only(rows)} {words.at_size(main.size)}")
    if gain.tasks > 1:
        counted, slower = (of.number(f"gpu/{name}", _whole) for name in ("tasks", "slower"))
        tasks = line("mean of ", counted, f" tasks {words.at_size(main.size)}; slower in ", slower)
    verb = words.takes(gain.mean.value)
    unsure = f", {verdict}" if (verdict := _verdict(gain, rows)) in {"inconclusive", "equivalent"} else ""
    told: list[Text] = [
        line(f"End to end: the GPU {verb} ", *_times(of, "gpu"), " as the CPU (", *tasks, f"{unsure}).")
    ]
    there = gain.resident
    if there is not None:
        bound = words.bound(there.mean.value) if there.at_least else ""
        some: list[Part] = []
        if there.tasks != gain.tasks:
            whole = of.times("gpu/resident/end_to_end", "mean")
            some = [f" (over {there.tasks} of {gain.tasks} tasks; end to end ", *whole, ")"]
        told.append(line(f"{RESIDENT}: {bound}", *_times(of, "gpu/resident"), *some, "."))
    crossing = [(number, known) for number, known in enumerate(main.from_size) if known.found.at is not None]
    if crossing:
        number, known = min(crossing, key=lambda entry: entry[1].found.at.value if entry[1].found.at else 0.0)
        told.append(_from_size(of, number, known, len(crossing)))
    return told


def _verdict(gain: Gain, rows: Sequence[Row]) -> str:
    """A task's own verdict; over several, whether the mean's interval is beyond 1."""
    ratios = [row.compared.speedup for row in rows if row.cell.device == "gpu" and row.compared.speedup]
    if gain.tasks == 1 and len({row.group for row in rows}) == 1 and ratios:
        return max(ratios, key=lambda ratio: ratio.value).verdict
    return "faster" if gain.mean.low > 1 else "slower" if gain.mean.high < 1 else "inconclusive"


def _from_size(of: RowNumbers, number: int, known: FromSize, tasks: int) -> Text:
    place, name = f"from_size/{number}", known.task.partition("/")[2]
    rows, low, high = (of.number(f"{place}/{bound}", words.about) for bound in ("rows", "low", "high"))
    itself, less = crossover.itself_or_less(known.found), crossover.or_less(known.found)
    first = " first" if tasks > 1 else ""
    return line(
        f"The GPU wins{first} in {name}: from about ", rows, f" {known.unit}{itself} on [", low, f"{less}, ", high, "]."
    )


def _on_cpu(main: TopicAtSize, rows: Sequence[Row], of: RowNumbers, numbers: Numbers) -> list[Text]:
    cpu, unsaid = main.cpu, "No GPU has a time, so this says nothing about GPUs."
    gpu = [] if any(row.cell.device == "gpu" for row in rows) else [unsaid]
    if cpu.compared == 1 and (only := _pair(rows)) is not None:
        first, second = only
        time, ratio = numbers.of(first).time(), second.compared.speedup
        told: list[Text] = [line(f"{name_of(first)} takes ", time, ".")]
        if ratio is not None:
            verdict = " (inconclusive)" if ratio.verdict == "inconclusive" else ""
            verb, by = words.takes(ratio.value), numbers.of(second).times()
            told.append(line(f"{name_of(second)} {verb} ", by, verdict, "."))
        return [*told, *gpu]
    if not cpu.compared:
        return [f"{main.tasks} task{'s have' if main.tasks != 1 else ' has'} a time, and nothing to compare.", *gpu]
    won = [
        line(f"{', ' if index else ''}{library} in ", of.number(f"cpu/fastest/{index}/tasks", _whole))
        for index, (library, _) in enumerate(cpu.fastest[:LIBRARIES])
    ]
    more = f", {len(cpu.fastest) - LIBRARIES} more libraries" if len(cpu.fastest) > LIBRARIES else ""
    told = [line("Fastest on the CPU: ", *(part for entry in won for part in entry), f"{more}.")] if won else []
    undecided, compared = of.number("cpu/undecided", _whole), of.number("cpu/compared", _whole)
    return [*told, line("Inconclusive in ", undecided, " of ", compared, " comparisons."), *gpu]


def _pair(rows: Sequence[Row]) -> tuple[Row, Row] | None:
    """The two fastest of the only group in which two have a time."""
    groups = {row.group: [other for other in rows if other.group == row.group] for row in rows}
    pairs = [sorted(group, key=lambda row: row.median) for group in groups.values() if len(group) > 1]
    return (pairs[0][0], pairs[0][1]) if pairs else None


def _less_sure(rows: Sequence[Row]) -> list[Text]:
    """`Less sure: 2 to 3 processes; busy machine in 1 task.`."""
    said = doubts.few(rows)
    for kind, when in doubts.SAID.items():
        tasks = {row.cell.task for row in rows if kind in disturbances(row)}
        said += [f"{when} in {len(tasks)} task{'s' if len(tasks) > 1 else ''}"] if tasks else []
    return [f"Less sure: {'; '.join(said)}."] if said else []


def _only(rows: Sequence[Row]) -> str:
    return next((row.cell.task for row in rows if row.cell.device == "gpu" and row.compared.speedup), "one task")


def _times(of: RowNumbers, name: str) -> list[Text]:
    """`6.65 × as fast [2.35, 18.9]` with the number in bold."""
    first, *bounds = of.times(name, "mean")
    assert not isinstance(first, str)
    return [Strong(first), *bounds]  # type: ignore[arg-type]


def _whole(value: float) -> str:
    return f"{value:.0f}"
