"""A comparison of two runs in words, and as a table in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.analysis.compare import Cell, Comparison, Kind, Status
from residency.analysis.doubt import in_doubt
from residency.analysis.row import Group, Row
from residency.analysis.shift import Shift
from residency.harness.outcomes import Outcome
from residency.reports import words
from residency.reports.console import UNBOUNDED
from residency.reports.likeness import boards, difference, refusal
from residency.reports.page import doubts

BAD = {Kind.SLOWER, Kind.WRONG}
UNSURE = {Kind.INCONCLUSIVE, Kind.MISSING, Kind.NO_DEVICE}
NOT_COMPARED = "not compared"
WORK_SHOWN = 3  # groups of a run that a message names
RATIO = "now / before [95 %]"
COLUMNS = ("task", "data", "implementation", "before", "now", RATIO, "verdict")
FEWER = ("task", "data", "implementation", RATIO, "verdict")
STACKED = ("task, data, implementation", RATIO, "verdict")
NUMBERS = {"before", "now", RATIO}
REASONS = {
    Status.SAME: "Nothing became {slower}",
    Status.REGRESSION: "Something became {slower}",
    Status.CANNOT_COMPARE: "Nothing could be compared",
    Status.INCONCLUSIVE: "What is inconclusive may have become {slower}: "
    "use more replicates, a quieter machine or a wider margin",
    Status.WRONG: "Something that was right is now wrong, or no longer runs",
    Status.NO_DEVICE: "The baseline used a device that this machine lacks",
}
NOT_MEASURED = "Some cells of the baseline were not measured in the current run: measure the same tasks, sizes and seed"
MEANINGS = {
    Status.SAME: "no regression",
    Status.REGRESSION: "something became slower",
    Status.CANNOT_COMPARE: "the runs cannot be compared",
    Status.INCONCLUSIVE: "inconclusive",
    Status.WRONG: "something that was right is now wrong or fails",
    Status.NO_DEVICE: "the baseline used a device that this machine lacks",
}


def reason(found: Comparison) -> str:
    """The result of a comparison, what happened first: `1 slower, 9 equivalent. Something became more than 5 % ...`."""
    if found.unseen is not None:
        seen = f"in its self-test the smallest effect was {100 * found.unseen.smallest:.2g} %"
        return f"this machine cannot detect a margin of {100 * found.unseen.margin:.3g} %: {seen}; use a wider --margin"
    if found.likeness.forbids:
        why = refusal(found.likeness, found.baseline)
        cannot = f"the runs cannot be compared. {why[0].upper()}{why[1:]}"
        return f"{_without_device(found)}. Nothing else can be compared: {why}" if found.cells else cannot
    if found.apart is not None:
        return _nothing_in_common(*found.apart)
    text = _without_device(found) if found.status is Status.NO_DEVICE else _status(found)
    again = "; what seemed slower was measured again" if found.confirmed else ""
    return f"{_counted(found.cells)}. {text}{again}"


def meaning(found: Comparison) -> str:
    """What the exit status says: `something became slower`."""
    return MEANINGS[found.status]


def made_up(found: Comparison) -> str:
    """Says which of the runs were made up; empty if none was."""
    sides = {"the baseline": found.baseline, "the current run": found.current}
    names = [name for name, info in sides.items() if info.made_up]
    which = "are made up: nothing was measured in them" if len(names) > 1 else "is made up: nothing was measured in it"
    return f"Made-up numbers: {words.joined(names)} {which}." if names else ""


def differences(found: Comparison) -> list[str]:
    """What differs between the machines, their software, the settings and how much was measured."""
    said = [difference(each) for each in found.likeness.differences]
    if found.samples is not None:
        said.append(f"samples of each process {found.samples[0]:g} in the baseline, {found.samples[1]:g} now")
    return said


def cell_reason(cell: Cell) -> str:
    """Why a cell has its verdict; empty if the ratio says it."""
    if cell.suspicion is not None:
        if not cell.suspicion.measured_again:
            return "suspected to be slower, and not measured again"
        how = "confirmed" if cell.kind is Kind.SLOWER else "not confirmed"
        return f"{cell.suspicion.ratio:.3g} × at first, measured again: {how}"
    if cell.kind is Kind.NEW:
        was = f"{cell.was} in the baseline" if cell.was else "not in the baseline"
        return f"{was}, {f'{cell.now} now' if cell.now else 'not in the current run'}"
    if cell.hashes is not None:
        return f"the data is not the same: hash {cell.hashes[0][:8]} in the baseline, {cell.hashes[1][:8]} now"
    if not cell.now:
        return "not in the current run"
    return cell.why if cell.kind is Kind.WRONG or not cell.outcome else f"{cell.outcome}: {cell.why}"


def doubt(cell: Cell) -> str:
    """What makes a ratio less sure: `1 process, busy machine in the baseline`; empty if nothing does, or no ratio."""
    if cell.ratio is None:
        return ""
    before, after = (doubts_of(row) for row in cell.rows)
    if before == after:
        return f"{before} in both runs" if before else ""
    return "; ".join(
        [*([f"{before} in the baseline"] if before else []), *([f"{after} in the current run"] if after else [])]
    )


def doubts_of(row: Row | None) -> str:
    """What makes a time less sure, in a few words."""
    if row is None:
        return ""
    told = "not known whether on the GPU" if in_doubt(row) else ""
    return ", ".join(filter(None, (doubts.beside(row), told)))


def became(cell: Cell) -> str:
    """A cell's verdict in a word or two. If a right result became wrong or failed, it is the new outcome."""
    if cell.kind is Kind.NEW and cell.now != Outcome.OK:
        return NOT_COMPARED
    return cell.outcome if cell.kind is Kind.WRONG else str(cell.kind)


def ratio(cell: Cell) -> str:
    """`1.21 [1.15, 1.27]`; a hyphen if there is no ratio."""
    if cell.ratio is None:
        return "-"
    return f"{words.digits(cell.ratio.value)} {words.bounds(cell.ratio.low, cell.ratio.high)}"


def _status(found: Comparison) -> str:
    if found.status is Status.INCONCLUSIVE and not any(cell.kind is Kind.INCONCLUSIVE for cell in found.cells):
        return NOT_MEASURED
    return REASONS[found.status].format(slower=_slower(found.cells))


def _slower(cells: Sequence[Cell]) -> str:
    """`more than 5 % slower`, by the margin of the cells with a ratio."""
    margins = {cell.margin for cell in cells if cell.ratio is not None}
    return f"more than {100 * margins.pop():.3g} % slower" if len(margins) == 1 else "slower by more than its margin"


def _counted(cells: Sequence[Cell]) -> str:
    """`2 slower, 10 equivalent, 1 without a time in either run`: what is worst first."""
    names = {
        Kind.WRONG: "wrong or failed",
        Kind.NO_DEVICE: "without their device",
        Kind.NEW: "without a time in the baseline",
    }
    order = [Kind.WRONG, *(kind for kind in Kind if kind is not Kind.WRONG)]
    ordered = sorted(cells, key=lambda cell: (order.index(cell.kind), became(cell) == NOT_COMPARED))
    counts = Counter(
        "without a time in either run" if became(cell) == NOT_COMPARED else names.get(cell.kind, str(cell.kind))
        for cell in ordered
    )
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _without_device(found: Comparison) -> str:
    used = boards(found.baseline.machine.get("gpus") or [])
    why = found.current.machine.get("no_gpu_because") or "it has no GPU"
    device = "a GPU" if used == "none" else used
    return f"{REASONS[Status.NO_DEVICE]}: {device}; the current run's machine: {why}"


def _nothing_in_common(before: Sequence[Group], after: Sequence[Group]) -> str:
    return (
        f"the runs have no cell in common: the baseline measured {_work(before)}, the current run {_work(after)}. "
        "Remedy: measure the same tasks, datasets, sizes and implementations in both"
    )


def _work(groups: Sequence[Group]) -> str:
    """`tabular/ridge (linear, smoke)`; at most three groups are named."""
    named = [f"{task} ({dataset}, {size})" for task, dataset, size in groups]
    more = f" and {len(named) - WORK_SHOWN} more" if len(named) > WORK_SHOWN else ""
    return ", ".join(named[:WORK_SHOWN]) + more or "nothing"


def show(found: Comparison, out: Console) -> None:
    """Print a comparison: its cells in a table, what differs between the runs, and the result."""
    shown = [cell for cell in found.cells if cell.kind is not Kind.NEW]
    for columns in (COLUMNS, FEWER, STACKED):  # the first that fits, so that no id or number is cut
        table = _table(shown, columns)
        if out.measure(table, options=out.options.update_width(UNBOUNDED)).minimum <= out.width:
            break
    if shown:
        out.print(table)
    if any(cell.kind is Kind.INCONCLUSIVE for cell in shown):
        out.print(f"{words.INCONCLUSIVE}.", style="dim", highlight=False)
    lines = differences(found)
    if lines:
        out.print("what differs between the runs:", style="dim", highlight=False)
    for line in lines:
        out.print(f"  {escape(words.visible(line))}", style="dim", highlight=False)
    if found.shift is not None:
        out.print(f"\n{shared(found.shift)}", style="yellow", highlight=False)
    if said := made_up(found):
        out.print(f"\n{said}", style="yellow", highlight=False)
    out.print(f"\n{escape(words.visible(reason(found)))}.", style="bold", highlight=False, soft_wrap=True)
    out.print(f"Exit status {int(found.status)}: {meaning(found)}.", style="dim", highlight=False)


def _table(cells: Sequence[Cell], columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    lines = [_texts(cell) for cell in cells]
    for name in columns:
        widest = max((cell_len(part) for texts in lines for part in texts[name].splitlines()), default=0)
        least = widest if name != "verdict" else None
        table.add_column(name, justify="right" if name in NUMBERS else "left", min_width=least)
    for cell, texts in zip(cells, lines, strict=True):
        style = "red" if cell.kind in BAD else "yellow" if cell.kind in UNSURE else ""
        table.add_row(*(escape(texts[name]) for name in columns), style=style)
    return table


def _texts(cell: Cell) -> dict[str, str]:
    """The text of each column."""
    before, now = (
        words.seconds(time) if time is not None else "-" for time in (cell.baseline_seconds, cell.current_seconds)
    )
    why = cell_reason(cell) or doubt(cell)
    said = why or f"(margin {100 * cell.margin:.3g} %)"
    data = f"{cell.dataset}, {cell.size}"
    return {
        "task": cell.task,
        "data": data,
        "implementation": cell.implementation,
        "task, data, implementation": f"{cell.task}\n{data}\n{cell.implementation}",
        "before": before,
        "now": now,
        RATIO: ratio(cell),
        "verdict": words.visible(f"{became(cell)}{':' if why else ''} {said}"),
    }


def shared(shift: Shift) -> str:
    """That all tasks changed alike, and what that means."""
    low, middle, high = (words.digits(value) for value in (shift.ratio.low, shift.ratio.value, shift.ratio.high))
    hidden = "It hides everything that became slower by less than that. " if shift.ratio.value < 1 else ""
    return (
        f"All {shift.tasks} tasks together, now / before: {middle} [{low}, {high}]. The cause is probably the "
        f"machine, or something that all tasks share, not the code of one task. {hidden}"
        "To tell, measure the baseline's code again, here and now."
    )
