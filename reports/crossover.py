"""From which size on one side of a task overtakes another, in a sentence and as a table."""

from __future__ import annotations

import math

from rich import box
from rich.console import Console
from rich.table import Table

from residency.analysis.crossover import Crossover


def sentence(task: str, unit: str, found: Crossover) -> str:
    """The answer in words."""
    if not found.points:
        return f"{task}: no size could be measured on both sides."
    first, last = found.points[0], found.points[-1]
    who, whom = last.challenger, last.champion
    if found.answer == "always":
        return f"{task}: {who} is faster than {whom} from the smallest size measured on, {first.rows:,} {unit}."
    if found.answer == "never":
        times = f"{last.ratio.value:.3g} × as fast there"
        return f"{task}: {who} never overtakes {whom}, up to {last.rows:,} {unit} ({times})."
    if found.answer == "not monotone":
        return f"{task}: {who} is faster than {whom} at some sizes and slower at larger ones: no single size to name."
    if found.at is None:
        return f"{task}: whether {who} overtakes {whom} up to {last.rows:,} {unit} could not be decided."
    below = " or less" if found.at.low == first.rows else ""
    bounds = f"[{_about(found.at.low)}{below}, {_about(found.at.high)}]"
    return f"{task}: {who} overtakes {whom} at about {_about(found.at.value)} {unit} {bounds}."


def _about(rows: float) -> str:
    """Two digits: `74,000`; nothing finer is known."""
    step = 10 ** max(0, math.floor(math.log10(max(rows, 1))) - 1)
    return f"{round(rows / step) * step:,}"


def show(task: str, unit: str, found: Crossover, out: Console) -> None:
    """Print the answer, and the ratio at every size that was measured."""
    out.print(f"\n[bold]{sentence(task, unit, found)}[/]", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in (unit, "fastest of one side", "fastest of the other", "times as fast [95 %]", "verdict"):
        table.add_column(column, justify="right" if column == unit else "left")
    for point in found.points:
        ratio = f"{point.ratio.value:.3g} [{point.ratio.low:.3g}, {point.ratio.high:.3g}]"
        table.add_row(f"{point.rows:,}", point.challenger, point.champion, ratio, point.ratio.verdict)
    out.print(table)
