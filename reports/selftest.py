"""Which differences a machine can detect, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from residency.analysis.selftest import EFFECT, MOST, Control
from residency.reports.words import percent

LEFT = ("work", "other load")
COLUMNS = (
    *LEFT,
    "spread between processes",
    "false alarms",
    "intervals with 1",
    f"detects + {percent(EFFECT)}",
    "smallest effect",
    f"needed for + {percent(EFFECT)}",
)


def needed(processes: int) -> str:
    """`11 processes`, or that more would be needed than were looked for."""
    return f"{processes} processes" if processes < MOST else f"over {MOST} processes"


def show(found: Sequence[Control], gate: bool, out: Console) -> None:
    """Print the controls of a self-test, one at least."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in LEFT else "right")
    for control in found:
        table.add_row(
            control.work,
            f"{control.beside} processes come and go" if control.beside else "none of ours",
            f"{100 * control.spread:.2f} %",
            f"{100 * control.false_alarms:.1f} %",
            f"{100 * control.held:.1f} %",
            f"{100 * control.power:.0f} %",
            f"{100 * control.smallest:.1f} %",
            needed(control.needed),
        )
    first, copies = found[0], max(control.copies for control in found)
    mode = "in gate mode (fixed memory layout, pinned)" if gate else "measured as by `residency run`"
    out.print(
        f"\nA compared with itself: {first.processes} processes for each side, {mode}. "
        f"A verdict uses {first.replicates}.\n"
    )
    out.print(table)
    out.print(
        f"\n[dim]Smallest effect: {first.replicates} processes detect it in four of five trials. "
        f"Needed: so many processes detect + {percent(EFFECT)} as often. "
        "Intervals with 1: the share of the 95 % intervals that hold the true ratio, 1. "
        f"The fastest of {copies} equal copies is the baseline of the others.[/]"
    )
