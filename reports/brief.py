"""The short report of a run: three lines that answer, one table, what its signs mean, and how to go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from residency.analysis.contest import Contest, Win, clear_wins, contest, verdicts
from residency.analysis.disturbed import Disturbance, disturbances
from residency.analysis.doubt import in_doubt, is_on_gpu
from residency.analysis.findings import Findings
from residency.analysis.gain import Gain
from residency.analysis.glance import counts
from residency.analysis.row import Row
from residency.harness.errors import as_place
from residency.harness.outcomes import Outcome, is_not_reached
from residency.harness.statistics import ENOUGH_REPLICATES
from residency.reports import endings, sentences, words
from residency.reports.answers import LESS, UNDECIDED, WON
from residency.reports.brief_table import DISTURBED, FEW, OPEN, TOO_FAST, BriefTable, named, table
from residency.reports.page import doubts
from residency.reports.tables import Missing, Report, processes

WINS = 3  # that the answer names
LINE = 80  # columns that each of the first lines should fit into
REASONS = 5  # that the short report shows of what has no time, and of what is unavailable here
NAMES = 3  # that it gives beside a reason
NEVER_RAN = {Outcome.UNAVAILABLE, Outcome.FELL_BACK}  # on a GPU
DISTURBANCES: dict[Disturbance, str] = {
    "busy": "the machine was busy",
    "shared": "the GPU was shared",
    "slowed": "the GPU's clock was held down",
}
MORE = "More: --details shows everything; --format html -o page.html makes a page."
BELOW = "All details are below; --format html -o page.html makes a page."


@dataclass(frozen=True)
class Command:
    """A command to go on with, and what for."""

    purpose: str
    parts: list[list[str]]  # words that stay together in a line, as an option and its value do


@dataclass(frozen=True)
class Brief:
    """A run in short."""

    answer: str
    doubts: str
    is_doubted: bool
    without_gpu: str  # why it says nothing about GPUs; empty if it does
    table: BriefTable
    notes: list[str]  # the meaning of the signs, what has no time, and what is unavailable
    measured: str  # when and where
    commands: list[Command]


def brief(found: Findings, said: Report) -> Brief:
    """A run in short; `said` is its whole report."""
    contests = [contest(group.rows, group.task) for group in found.groups]
    drawn = table(found, [entry.title for entry in said.tables])
    doubted = _doubts(found)
    return Brief(
        answer=_answer(found, contests),
        doubts=_in_a_line(doubted) if doubted else _no_doubts(found),
        is_doubted=bool(doubted),
        without_gpu=_without_gpu(found),
        table=drawn,
        notes=[
            *_signs(found, drawn.signs),
            *_of_ratios(found),
            *_counted(found),
            *_without_time(found),
            *_not_run(said.missing),
        ],
        measured=_measured(found),
        commands=_commands(found),
    )


def _answer(found: Findings, contests: Sequence[Contest]) -> str:
    """What a GPU was worth here; without one, which CPU libraries won."""
    if found.gains:
        return _of_means(found.gains)
    if all(row.measured is None for row in found.rows):
        if not found.rows:
            return "Nothing was measured: the run has no records."
        if endings.is_rehearsal(found.rows):
            return "Nothing was timed: GPU code was rehearsed without a GPU. What was seen is below."
        if any(row.result.outcome != Outcome.UNAVAILABLE for row in found.rows):
            return "No implementation has a time that counts; the reasons are below the table."
        return "Nothing was measured; the reasons are below the table."
    if len(contests) == 1:
        return _of_one(contests[0])
    decided = verdicts(contests)
    if decided.total():
        return f"GPU against CPU in {decided.total()} comparisons: {sentences.verdicts(decided)}."
    return _won(contests)


def _of_means(gains: Sequence[Gain]) -> str:
    """The mean over the tasks at each size, and the verdicts of its tasks: losses included."""
    if len(gains) == 1:
        (gain,) = gains
        mean = f"the GPU {words.took(gain.mean.value)} {words.times(gain.mean)} as the CPU"
        doubt = "" if gain.is_decided else "Inconclusive. "
        return f"{doubt}Mean of {gain.tasks} tasks: {mean}; {_verdicts(gain)}."
    means = [
        f"{words.times(gain.mean)} at {gain.size}{'' if gain.is_decided else ', inconclusive'} ({_verdicts(gain)})"
        for gain in gains
    ]
    return f"GPU against CPU, means over tasks: {'; '.join(means)}."


def _verdicts(gain: Gain) -> str:
    return sentences.verdicts(sentences.of_tasks(gain))


def _of_one(entry: Contest) -> str:
    """Who won the only comparison."""
    ratio, first, second = entry.ratio, entry.cpu, entry.opponent
    if first is None or second is None or ratio is None:
        only = next(iter(entry.measured or entry.untold), None)
        if only is None:
            return f"Nothing to compare: {LESS}."
        time = words.interval(only.measured.seconds) if only.measured else ""
        return f"Nothing to compare: only {named(only)} has a time that counts, {time}."
    if entry.gpu is None:
        return _fastest_on_the_cpu(first, second, ratio.verdict)
    who = WON.get(ratio.verdict, UNDECIDED)
    resident = second.compared.resident
    known = f"it {words.takes(resident.value)} {words.resident(resident)}" if resident is not None else "not known"
    by = f"{words.takes(ratio.value)} {words.times(ratio)}"
    return f"{who}: {named(second)} {by} as {named(first)}; with the data resident {known}."


def _fastest_on_the_cpu(first: Row, second: Row, verdict: str) -> str:
    time = words.interval(first.measured.seconds) if first.measured else ""
    if verdict == "slower":
        return f"{named(first)} is the fastest: {time}."
    if verdict == "equivalent":
        return f"{named(first)} and {named(second)} are equally fast: {time}."
    return f"Inconclusive: {named(first)} had the shortest time, {time}, but {named(second)} may be as fast."


def _won(contests: Sequence[Contest]) -> str:
    """`Clear winner in 2 of 6 comparisons of CPU libraries: scipy 2.57 × as fast as the next library in etl, ...`."""
    won = clear_wins(contests)
    total = sum(entry.rival is not None for entry in contests)
    if not total:
        return _not_compared(contests)
    if not won:
        which = f"{total} comparisons" if total > 1 else "the only comparison"
        return f"No clear winner in {which} of CPU libraries."
    named = [_of_win(win, first=not number) for number, win in enumerate(won[:WINS])]
    named += [f"{len(won) - WINS} more"] if len(won) > WINS else []
    return f"Clear winner in {len(won)} of {total} comparison{'s' * (total != 1)} of CPU libraries: {', '.join(named)}."


def _of_win(win: Win, *, first: bool) -> str:
    """`scipy 2.57 × as fast as the next library in anomaly`; only the first says what the factor compares."""
    factor = f"{words.digits(win.ratio.value)} ×{' as fast as the next library' if first else ''}"
    return words.plain(f"{win.library} {factor} in {win.task.rpartition('/')[2]}")


def _not_compared(contests: Sequence[Contest]) -> str:
    """Why there is nothing to compare in any of several comparisons that have times."""
    if not any(entry.measured or entry.untold for entry in contests):
        return f"Nothing to compare: {LESS}."
    if not any(entry.measured for entry in contests):
        return "Nothing to compare: it is not known whether anything ran on the GPU."
    if all(len(entry.measured) < 2 for entry in contests):
        return "Nothing to compare: only one implementation of each task has a time that counts."
    if any(entry.cpu is not None and entry.gpu is not None for entry in contests):
        return "Nothing to compare: no process measured GPU and CPU."
    if not any(entry.cpu is not None for entry in contests):
        return "Nothing to compare: only GPU implementations have a time that counts."
    return "Nothing to compare between libraries: only one library of each task has a time that counts."


def _doubts(found: Findings) -> list[str]:
    """What makes the answer less sure, what matters most first."""
    parts = ["made-up numbers"] if found.records.info.made_up else []
    parts += [f"{slowed.variable} slows a library" for slowed in found.slowed]
    too_fast = sum(map(doubts.is_too_fast, found.rows))
    parts += [f"{too_fast} faster than the device can be"] if too_fast else []
    timed = sum(row.measured is not None for row in found.rows)
    counted = Counter(kind for row in found.rows for kind in disturbances(row))
    disturbed = [
        (f"{said} during {counted[kind]} of {timed} result{'' if timed == 1 else 's'}", 2 * counted[kind] >= timed)
        for kind, said in DISTURBANCES.items()
        if kind in counted
    ]
    if found.busy and "busy" not in counted:
        disturbed.append(("the machine was busy", True))
    ends = Counter(_end(row) for row in found.rows if _lacks_a_time(row))
    parts += [", ".join(f"{count} {end}" for end, count in ends.most_common())] if ends else []
    parts += [said for said, mostly in disturbed if mostly]
    counts = _replicates(found)
    parts += [processes(counts)] if counts and min(counts) < ENOUGH_REPLICATES else []
    return [*parts, *(said for said, mostly in disturbed if not mostly)]


def _without_gpu(found: Findings) -> str:
    """Says why a run tells nothing about GPUs; empty if it does."""
    if any(map(is_on_gpu, found.rows)):
        return ""
    if any(map(in_doubt, found.rows)):
        return "Not known if anything ran on a GPU, so it says nothing about GPUs."
    if any(row.cell.device == "gpu" and row.result.outcome not in NEVER_RAN for row in found.rows):
        return "No right result from a GPU in this run, so it says nothing about GPUs."
    return "No GPU in this run, so it says nothing about GPUs."


def _in_a_line(doubted: list[str]) -> str:
    """As many doubts as fit into a line; all are explained below the table."""
    for count in range(len(doubted), 0, -1):
        left = len(doubted) - count
        text = f"Doubts: {'; '.join(doubted[:count])}{f'; {left} more' if left else ''}."
        if cell_len(text) <= LINE:
            break
    return text


def _no_doubts(found: Findings) -> str:
    if not (counts := _replicates(found)):
        return ""
    least = min(counts)
    return f"Each was measured in {least} or more processes, and the machine was not busy as far as is known."


def _replicates(found: Findings) -> set[int]:
    return {row.measured.seconds.replicates for row in found.rows if row.measured}


def _counted(found: Findings) -> list[str]:
    """What the number of tasks and of comparisons counts, where these differ."""
    counted = counts(found.rows, found.records.info.tasks)
    return [sentences.counted(counted)] if found.gains and counted.tasks != counted.comparisons else []


def _signs(found: Findings, used: set[str]) -> list[str]:
    """What the signs in the table mean."""
    few = {count for count in _replicates(found) if count < ENOUGH_REPLICATES}
    meanings = {
        OPEN: words.INCONCLUSIVE,
        FEW: f"measured in {processes(few)}; {ENOUGH_REPLICATES} or more are better" if few else "",
        TOO_FAST: "faster than its device can be: the declared work or the clock is wrong, or the data lies in a cache",
        DISTURBED: "busy machine: other work on it or on its GPU, or a lowered clock",
    }
    return [f"{sign} {meaning}" for sign, meaning in meanings.items() if sign in used]


def _of_ratios(found: Findings) -> list[str]:
    """Why a ratio is not that of the two medians, where there is one."""
    ratios = [(row.compared.speedup, row.cell.implementation) for row in found.rows if row.measured]
    return [words.ROUND_BY_ROUND] if any(ratio and ratio.baseline != name for ratio, name in ratios) else []


def _without_time(found: Findings) -> list[str]:
    """What is wrong, failed or was not reached, by the reason: losses stay in sight."""
    reasons: dict[tuple[str, str], list[Row]] = {}
    for row in found.rows:
        if _lacks_a_time(row):
            reasons.setdefault((_end(row), words.plain(endings.reason(row))), []).append(row)
    one = len(found.groups) == 1
    lines = [f"{end}: {_who(rows, one=one)}: {reason}" for (end, reason), rows in reasons.items()]
    return _first(lines, "further reasons")


def _lacks_a_time(row: Row) -> bool:
    """Whether it could have been measured here, and has no time that counts; a rehearsal measures nothing."""
    if endings.ending(row) == endings.REHEARSED:
        return False
    return row.measured is None and (row.result.outcome != Outcome.UNAVAILABLE or _is_late(row))


def _is_late(row: Row) -> bool:
    return is_not_reached(row.result.outcome, row.result.reason)


def _end(row: Row) -> str:
    return "not reached" if _is_late(row) else endings.ending(row).replace("_", " ")


def _who(rows: Sequence[Row], *, one: bool) -> str:
    """The implementations of these rows: with their tasks if these are few."""
    names = dict.fromkeys(words.plain(row.cell.implementation) for row in rows)
    if one:
        return ", ".join(names)
    if len(rows) <= NAMES:
        return ", ".join(dict.fromkeys(words.plain(f"{row.cell.task}:{row.cell.implementation}") for row in rows))
    shown = ", ".join(list(names)[:NAMES]) + (f" and {len(names) - NAMES} more" if len(names) > NAMES else "")
    return f"{shown}, {len(rows)} times"


def _not_run(missing: Sequence[Missing]) -> list[str]:
    """What is unavailable here, a line for each reason."""
    lines = []
    for entry in missing:
        names = list(map(words.plain, entry.names))
        who = ", ".join(names) if len(names) <= NAMES else f"{entry.results} results"
        also = f", and {len(entry.further)} further reasons" if len(entry.further) > 1 else ""
        lines.append(f"Unavailable: {who}: {words.plain(entry.reason)}{also}")
    return _first(lines, "reasons why others are unavailable")


def _first(lines: list[str], what: str) -> list[str]:
    more = len(lines) - REASONS
    return lines if more <= 1 else [*lines[:REASONS], f"... and {more} {what}: see --details"]


def _measured(found: Findings) -> str:
    info = found.records.info
    machine = info.machine
    gpus = words.gpus(machine["gpus"]) if machine.get("gpus") else "no GPU"
    cores = f"{machine['cores']} of {machine['cores_in_machine']} cores"
    commit = f", commit {info.commit}" if info.commit else ""
    return words.plain(f"Measured on {machine['cpu']}, {cores}, {gpus}; {info.started[:10]}{commit}")


def _commands(found: Findings) -> list[Command]:
    """How to see more, to write the page, and to measure what is missing or inconclusive."""
    folder = as_place(found.records.folder)
    report, resume = ["residency", "report", folder], ["residency", "run", "--resume", folder]
    commands = [
        Command("Details", [report, ["--details"]]),
        Command("Page", [report, ["--format", "html"], ["-o", "page.html"]]),
    ]
    decide = [count for group in found.groups for count in group.undecided.processes.values()]
    if found.shortfall is not None and found.here:
        budget = f"{found.shortfall.budget:.0f}" if found.shortfall.budget else "SECONDS"
        commands.append(Command("Resume", [resume, ["--budget", budget]]))
    elif decide and found.here and not found.records.info.settings.get("precision"):
        commands.append(Command("Decide", [resume, ["--replicates", str(max(decide))]]))
    return commands
