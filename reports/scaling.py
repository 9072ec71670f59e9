"""How well a task scales over the workers of a cluster, in a sentence and as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.analysis.doubt import in_doubt
from residency.analysis.row import Measured, Row
from residency.analysis.scaling import Law, Scaling
from residency.analysis.spent import spent
from residency.harness.statistics import Interval
from residency.reports import words
from residency.reports.page import doubts


def headline(found: Scaling) -> str:
    """The first line: are more workers faster? And whether they are known to have run on the GPU."""
    doubt = any(in_doubt(strong.row) for strong in found.strong)
    return f"{_headline(found)}{' It is not known whether they ran on a GPU.' if doubt else ''}"


def answer(found: Scaling) -> str:
    """The first line, with what makes it less sure: `Less sure: 2 processes, busy machine.`."""
    unsure = doubts.of_rows([strong.row for strong in found.strong])
    return f"{headline(found)}{f' Less sure: {unsure}.' if unsure else ''}"


def answers(task: str, scaled: Sequence[Scaling], rows: Sequence[Row]) -> list[str]:
    """What `residency scale` says first: how each implementation scales, else why nothing ran on a cluster."""
    return [answer(found) for found in scaled] or [reasons(task, rows)]


def _headline(found: Scaling) -> str:
    measured = [strong for strong in found.strong if strong.over_one is not None and strong.workers > 1]
    name = f"{found.task}, {found.implementation}"
    if not measured:
        return f"{name}: nothing to compare: {_why(found)}"
    most = measured[-1]
    ratio = most.over_one
    if ratio is None or most.efficiency is None:
        return name
    times = f"{ratio.value:.2f} × [{ratio.low:.2f}, {ratio.high:.2f}] as fast as one"
    if ratio.value < 1:
        times = f"they take {words.times(ratio)}"
    if ratio.verdict == "slower":
        text = f"{name}: {most.workers} workers are SLOWER than one: {times}."
    elif ratio.verdict == "faster":
        text = f"{name}: {most.workers} workers are {times}, an efficiency of {100 * most.efficiency:.0f} %."
    else:
        text = f"{name}: {most.workers} workers and one take times that this run cannot tell apart: {times}."
    if found.single is None or most.over_single is None:
        return text
    single, over = found.single.cell.implementation, most.over_single
    if over.verdict == "slower":
        return f"{text} {single} in a single process is {words.once(1 / over.value)} as they are."
    if over.verdict == "faster":
        return f"{text} They are {words.once(over.value)} as the fastest single process, {single}."
    return f"{text} This run cannot tell whether they are faster than the fastest single process, {single}."


def _why(found: Scaling) -> str:
    failed = [strong.row for strong in found.strong if strong.row.measured is None]
    if failed:
        return f"{failed[0].cell.implementation} is {failed[0].result.outcome}: {failed[0].result.reason}"
    return "it needs results for one worker and for more"


def show(found: Scaling, out: Console) -> None:
    """Print how one implementation scales."""
    out.print()
    out.print(f"[bold]{escape(answer(found))}[/]", highlight=False)
    _show_strong(found, out)
    if found.weak:
        _show_weak(found, out)
    if found.law is not None:
        out.print(law(found.law), highlight=False)


def show_reasons(task: str, rows: Sequence[Row], out: Console) -> None:
    """Print why nothing ran on a cluster."""
    out.print(f"\n[bold]{escape(reasons(task, rows))}[/]", highlight=False)


def reasons(task: str, rows: Sequence[Row]) -> str:
    """Why nothing ran on a cluster, each reason once."""
    given = dict.fromkeys(row.result.reason for row in rows if row.cell.runner == "cluster" and row.result.reason)
    return f"{task}: nothing to compare: {'; '.join(given) or 'nothing ran on a cluster'}."


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _show_strong(found: Scaling, out: Console) -> None:
    single = found.single.cell.implementation if found.single else "a single process"
    table = _table(
        "Strong scaling: the same rows on more workers",
        *("workers", "time [95 %]", "× one worker", "efficiency", f"× {single}"),
        *("in tasks", "fetching", "spilling", "without a task"),
    )
    for strong in found.strong:
        row = strong.row
        if row.measured is None:
            table.add_row(str(strong.workers), row.result.outcome, escape(row.result.reason), *[""] * 6, style="red")
            continue
        efficiency = f"{100 * strong.efficiency:.0f} %" if strong.efficiency is not None else "-"
        times = (words.interval(row.measured.seconds), _ratio(strong.over_one), efficiency, _ratio(strong.over_single))
        table.add_row(str(strong.workers), *times, *_spent(row.measured, row.facts.threads or 1))
    out.print(table)
    if found.single is not None and found.single.measured is not None:
        time = words.interval(found.single.measured.seconds)
        out.print(f"{single}, the fastest single process: {time}", style="dim", highlight=False)


def _spent(measured: Measured, threads: int) -> list[str]:
    """Shares of the workers' time: in tasks, fetching, spilling, without a task."""
    found = spent(measured.cluster, measured.seconds.value, threads)
    return [f"{100 * share:.1f} %" for share in (found.tasks, found.fetching, found.spilling, found.idle)]


def _show_weak(found: Scaling, out: Console) -> None:
    unit = found.weak[0].row.facts.unit
    table = _table(
        f"Weak scaling: the same number of {unit} for each worker", "workers", unit, "time [95 %]", "efficiency"
    )
    for weak in found.weak:
        row = weak.row
        time = words.interval(row.measured.seconds) if row.measured else row.result.outcome
        rows = words.count(row.cell.rows) if row.cell.rows is not None else "-"
        table.add_row(str(weak.workers), rows, time, _share(weak.efficiency))
    out.print(table)


def law(fitted: Law) -> str:
    """The fitted law's parameters and predictions, in words."""
    text = f"Universal Scalability Law: contention {_share(fitted.contention)}"
    if fitted.coherence is not None:
        text += f", coherence {_share(fitted.coherence)}"
    else:
        text += " (two numbers of workers are too few to estimate the coherence)"
    ahead = ", ".join(f"{count} workers {_ratio(speed)}" for count, speed in fitted.predicted.items())
    ahead = (
        f"If this trend continues: {ahead}. There is no prediction for more workers"
        if ahead
        else "There is no prediction for more workers"
    )
    return f"{text}. {ahead}."


def _ratio(ratio: Interval | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.low != ratio.high else f"{ratio.value:.2f}"


def _share(ratio: Interval | None) -> str:
    if ratio is None:
        return "-"
    value, low, high = map(_percent, (ratio.value, ratio.low, ratio.high))
    return f"{value} [{low}, {high}]" if ratio.low != ratio.high else value


def _percent(share: float) -> str:
    """`12.3 %`; `26,252 %` where few times leave an interval wide."""
    return f"{100 * share:.1f} %" if share < 10 else f"{100 * share:,.0f} %"
