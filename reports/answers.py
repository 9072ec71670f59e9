"""A group's answer in plain sentences: who won, by how much, where the time went, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.clocks import kind_of
from residency.analysis.contest import contest
from residency.analysis.disturbed import DISTURBED, disturbances
from residency.analysis.resident import FETCHES, READS
from residency.analysis.rest import less_computing, rest
from residency.analysis.row import Measured, Resident, Row
from residency.harness import statistics
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.records import RunInfo
from residency.harness.statistics import BUSY
from residency.reports import sentences, words

OF_TIME = "of its time "  # written only once in a sentence
OTHERS_NAMED = 4  # slower implementations that an answer names
STAGES_NAMED = 2
WON = {"faster": "The GPU wins", "slower": "The CPU wins", "equivalent": "GPU and CPU are equally fast"}
UNDECIDED = "Inconclusive"
LESS = "all that was measured does less than the task asks"
NOT_TOLD = "it is not known whether anything ran on the GPU"


@dataclass(frozen=True)
class Answer:
    """The answer of a group, in full sentences and in one brief line."""

    brief: str
    sentences: list[str]


def answer(group: Sequence[Row], info: RunInfo) -> Answer:
    """The answer of one task on one dataset at one size."""
    found = contest(group, info.tasks.get(group[0].cell.task))
    measured, untold, baseline, gpu = found.measured, found.untold, found.cpu, found.gpu
    if len(measured) < 2:
        alone = _uncompared(measured, group, info, untold)
        return Answer(alone.brief, [*alone.sentences, *_not_credited(untold)])
    if gpu is not None and baseline is not None:
        brief, said, explained = _between_devices(gpu, baseline, measured)
        went = [where_it_went(row) for row in (baseline, gpu) if row.cell.implementation != explained]
    else:
        brief, said = _among(measured)
        went = [where_it_went(measured[0])]
    brief += f" ({doubts})" if (doubts := _doubts(measured, info)) else ""
    said += [*_not_credited(untold), *filter(None, went), *belief(measured, group, info)]
    return Answer(brief.replace(") (", "; "), said)


def _not_credited(untold: Sequence[Row]) -> list[str]:
    """What may have run on the CPU, with its time; it is compared with nothing."""
    if not untold:
        return []
    named = "; ".join(f"{name_of(row)}, {_time(row)}" for row in untold)
    return [f"Not known whether on the GPU, so not compared: {named}."]


def name_of(row: Row) -> str:
    """`sklearn (estimator@cpu)`."""
    return f"{row.cell.library} ({row.cell.implementation})"


def _time(row: Row) -> str:
    return words.interval(row.measured.seconds) if row.measured else "-"


def _uncompared(measured: Sequence[Row], group: Sequence[Row], info: RunInfo, untold: Sequence[Row]) -> Answer:
    """The answer if fewer than two implementations have a time that counts: why there is nothing to compare."""
    others = _without_time([row for row in group if row not in measured])
    if not measured and untold:
        return Answer(f"no answer: {NOT_TOLD}", [f"No answer: {NOT_TOLD}."])
    if any(row.measured for row in group if row not in untold) and not measured:
        return Answer(f"nothing to compare: {LESS}", [f"Nothing to compare: {LESS}."])
    if not measured:
        late = all(_is_late(row) or _is_unavailable(row) for row in group) and any(map(_is_late, group))
        return Answer(
            f"no answer: {'not reached' if late else 'nothing was measured'}",
            [f"No answer: nothing was measured{'; ' if others else ''}{others}."],
        )
    (only,) = measured
    why = others or (NOT_TOLD if untold else "no other implementation is in this run")
    sentences = [f"Nothing to compare: only {name_of(only)} was measured, {_time(only)}; {why}."]
    went = filter(None, [where_it_went(only)])
    return Answer(f"nothing to compare: only {name_of(only)}, {_time(only)}", [*sentences, *went])


def _without_time(rows: Sequence[Row]) -> str:
    """Which implementations have no time, and why: `x@cpu and y@cpu ended as wrong, 2 unavailable`."""
    failed: dict[str, list[str]] = {}
    for row in rows:
        if row.result.outcome not in {Outcome.OK, Outcome.UNAVAILABLE}:
            failed.setdefault(row.result.outcome, []).append(row.cell.implementation)
    parts = [f"{words.joined(names)} ended as {outcome}" for outcome, names in failed.items()]
    absent = [row for row in rows if row.result.outcome == Outcome.UNAVAILABLE]
    late = [row for row in absent if _is_late(row)]
    if late:
        parts.append(f"{', '.join(row.cell.implementation for row in late)} {_were(late)} not reached")
    if gone := len(absent) - len(late):
        parts.append(f"{gone} unavailable")
    return ", ".join(parts)


def _were(rows: Sequence[Row]) -> str:
    return "were" if len(rows) > 1 else "was"


def _between_devices(gpu: Row, baseline: Row, measured: Sequence[Row]) -> tuple[str, list[str], str]:
    """The fastest GPU implementation compared with the fastest on the CPU: end to end, and with resident data.

    Last comes the implementation of which it already says where its time went, if any.
    """
    ratio = gpu.compared.speedup
    if ratio is None:
        text = f"no process measured both {name_of(gpu)} and {name_of(baseline)}, so they are not compared"
        return text, [f"{text[0].upper()}{text[1:]}."], ""
    who = WON.get(ratio.verdict, UNDECIDED)
    by = words.times(ratio)
    takes = words.takes(ratio.value)
    text = f"{who}: {name_of(gpu)} {takes} {by} as {name_of(baseline)} on the CPU, {_time(baseline)}, end to end"
    brief = f"{who}: {name_of(gpu)} {by} as {name_of(baseline)}"
    resident = gpu.compared.resident
    if resident is None:
        why = gpu.facts.unknown["resident"]
        return f"{brief}, resident not known", [f"{text}; with the data resident, that is not known: {why}."], ""
    opponent = next((row for row in measured if row.cell.implementation == resident.baseline), baseline)
    far = rest(ratio.value, resident.value, [gpu], [less_computing(baseline, opponent)])
    text += f"; with the data resident it {words.takes(resident.value)} {_resident(resident, baseline, opponent)}"
    explained = far.implementation if far is not None else None
    return f"{brief}, resident {words.resident(resident)}", [f"{text}.{sentences.rest(far)}"], explained or ""


def _resident(ratio: Resident, baseline: Row, opponent: Row) -> str:
    """The ratio, and over whom if that is another opponent than end to end."""
    other = f" as {name_of(opponent)}" if opponent.key != baseline.key else ""
    inconclusive = " (inconclusive)" if ratio.verdict == "inconclusive" and not ratio.at_least else ""
    return f"{words.resident(ratio)}{other}{inconclusive}"


def _among(measured: Sequence[Row]) -> tuple[str, list[str]]:
    """The fastest implementation of one device, and how much longer the others take."""
    first, second, *_ = measured
    others = [f"{name_of(row)} {_against(row)}" for row in measured[1 : 1 + OTHERS_NAMED]]
    if more := len(measured) - 1 - OTHERS_NAMED:
        others += [f"{more} more take even longer"] if more > 0 else []
    verdict = second.compared.speedup.verdict if second.compared.speedup else ""
    if verdict == "slower":
        won = f"{name_of(first)} is the fastest, {_time(first)}"
    elif verdict == "equivalent":
        won = f"{name_of(first)} and {name_of(second)} are equally fast, {_time(first)}"
    else:
        won = f"{name_of(first)} had the shortest time, {_time(first)}, but this run cannot tell who is the fastest"
    brief = f"{name_of(first)} {_time(first)}; next {name_of(second)}: {_against(second)}"
    return brief, [f"{won}.", f"Compared with it, {'; '.join(others)}."]


def _against(row: Row) -> str:
    ratio = row.compared.speedup
    if ratio is None:
        return "is not compared"
    inconclusive = " (inconclusive)" if ratio.verdict == "inconclusive" else ""
    return f"{words.takes(ratio.value)} {words.times(ratio)}{inconclusive}"


def where_it_went(row: Row) -> str:
    """`In tabular/ridge, cuml (x@gpu) spends 75 % of its time in fit and 20 % moving data in and out.` Else empty."""
    stages = row.measured.stages if row.measured else {}
    total = sum(stages.values())
    if not total:
        return ""
    copying = sum(time for name, time in stages.items() if kind_of(name) == "transfer") / total
    inside = {name: time / total for name, time in stages.items() if kind_of(name) != "transfer"}
    largest = sorted(inside.items(), key=lambda stage: -stage[1])[:STAGES_NAMED]
    parts = [
        f"{share:.0%} {OF_TIME}{'outside its stages' if name == 'other' else f'in `{name}`'}"
        for name, share in largest
        if share >= words.STAGE_SHARE
    ]
    moving = "moving data in and out" if row.cell.device == "gpu" else "in `put` and `get`"
    parts += [f"{copying:.0%} {OF_TIME}{moving}"] if copying >= words.STAGE_SHARE else []
    first, *others = parts
    listed = words.joined([first, *(part.replace(OF_TIME, "") for part in others)])
    return f"In {row.cell.task}, {name_of(row)} spends {listed}{_inside(row)}.".replace("%", "\N{NO-BREAK SPACE}%")


def _inside(row: Row) -> str:
    """What its computing holds beyond computing, where no stage tells it apart."""
    return {
        READS: "; reading its data is included",
        FETCHES: "; getting the data to its workers is included, so its compute time is not known",
    }.get(row.facts.unknown.get("resident", ""), "")


def _processes(measured: Sequence[Row]) -> int:
    return min(row.measured.seconds.replicates for row in measured if row.measured)


def _doubts(measured: Sequence[Row], info: RunInfo) -> str:
    """The number of processes, if it is too small for a sure answer; else empty."""
    count = _processes(measured)
    return "" if count >= statistics.ENOUGH_REPLICATES else _of(count, info)


def _of(count: int, info: RunInfo) -> str:
    """`1 of 5 processes`."""
    planned = info.settings.get("replicates")
    of = f" of {planned}" if planned and count < planned else ""
    return f"{count}{of} process{'' if count == 1 and not of else 'es'}"


def belief(measured: Sequence[Row], group: Sequence[Row], info: RunInfo) -> list[str]:
    """How sure the answer is: the number of processes, what else ran, and which implementations have no time."""
    count = _processes(measured)
    lines = [f"Each was measured in {_of(count, info)}"]
    if count == 1:
        lines[0] += ", so this is only a first impression."
    elif count < statistics.ENOUGH_REPLICATES:
        lines[0] += f", which is too few for small differences: use {statistics.ENOUGH_REPLICATES} or more."
    else:
        lines[0] += "."
    if causes := _busy([row.measured for row in measured if row.measured and "busy" in disturbances(row)]):
        lines.append(f"{causes}, so times may be too long.")
    if any(event.startswith("timed ") for row in measured for event in row.facts.events):
        lines.append("Some implementations were timed before their warm-up was complete.")
    wrong = [row for row in group if row.measured is None and not _is_unavailable(row)]
    if wrong:
        lines.append(f"Without a time: {_without_time(wrong)}.")
    return lines


def _busy(disturbed: Sequence[Measured]) -> str:
    """What made these results busy: waiting for a core, other processes, or both; empty if there are none."""
    waiting = max((row.waiting for row in disturbed), default=0.0)
    others = max((row.other_cores or 0.0 for row in disturbed), default=0.0)
    causes = [f"the work waited for a core up to {words.percent(waiting)} of its time"] if waiting > BUSY else []
    causes += [f"other processes used up to {others:.2g} cores"] if others > DISTURBED else []
    return f"Meanwhile {' and '.join(causes)}" if causes else ""


def _is_late(row: Row) -> bool:
    return is_not_reached(row.result.outcome, row.result.reason)


def _is_unavailable(row: Row) -> bool:
    return row.result.outcome == Outcome.UNAVAILABLE and not _is_late(row)
