"""What a rehearsal saw of each GPU implementation, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.harness.records import OutcomeRecord
from residency.harness.tiers import Tier


def show(outcomes: Sequence[OutcomeRecord], out: Console) -> None:
    """Print the outcomes of a rehearsal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("task", "implementation", "outcome", "what was seen"):
        table.add_column(name)
    for outcome in outcomes:
        seen = Tier(outcome.tier).label if outcome.tier is not None else escape(outcome.reason)
        table.add_row(outcome.cell.task, outcome.cell.implementation, outcome.outcome, seen)
    out.print(table)
    out.print(
        "\n[dim]No GPU was used. So this says nothing about speed, or about how a real device rounds its results.[/]"
    )
