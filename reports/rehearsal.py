"""The outcome of a rehearsal for each GPU implementation, as a table, and the reasons below it."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.harness.outcomes import OK, Outcome
from residency.harness.records import OutcomeRecord
from residency.harness.tiers import STAYS, Tier
from residency.reports.tables import by_reason


def show(outcomes: Sequence[OutcomeRecord], planned: int, out: Console) -> None:
    """Print the outcomes of a rehearsal: what failed with its reason, and what is missing once for all that need it.

    If it was interrupted, there are fewer outcomes than `planned`.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("task", "implementation", "outcome", "what was seen"):
        table.add_column(name, overflow="fold")
    for outcome in outcomes:
        seen = Tier(outcome.tier).label if outcome.tier is not None else "see below"
        table.add_row(outcome.cell.task, outcome.cell.implementation, outcome.outcome, seen)
    out.print(table)
    if len(outcomes) < planned:
        out.print(f"\n{len(outcomes)} of {planned} implementations were rehearsed.", highlight=False)
    for outcome in outcomes:
        for remark in outcome.remarks:
            if remark.startswith(STAYS):
                out.print(f"\n[yellow]{_name(outcome)}: {escape(remark)}[/]", highlight=False)
    others = [outcome for outcome in outcomes if outcome.ending != OK]
    for outcome in others:
        if outcome.outcome != Outcome.UNAVAILABLE:
            out.print(f"\n[yellow]{_name(outcome)}: {escape(outcome.reason)}[/]", highlight=False)
    for missing in by_reason((_name(one), one.reason) for one in others if one.outcome == Outcome.UNAVAILABLE):
        out.print(f"\n[yellow]Not rehearsed: {escape(missing.reason)}[/]", highlight=False)
        for reason in missing.further:
            out.print(f"  [yellow]and {escape(reason)}[/]", highlight=False)
        out.print(f"  {', '.join(missing.names)}", highlight=False)
    out.print(
        "\n[dim]No GPU was used. So this says nothing about speed, or about how a real device rounds its results.[/]"
    )


def _name(outcome: OutcomeRecord) -> str:
    return f"{outcome.cell.task}:{outcome.cell.implementation}"
