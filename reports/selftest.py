"""What a machine can tell apart, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from residency.analysis.selftest import EFFECT, MOST, Control

LEFT = ("work", "beside it")
COLUMNS = (
    *LEFT,
    "spread between processes",
    "false alarms",
    "95 % hold 1",
    f"sees +{EFFECT:.0%}",
    "smallest effect",
    "needed",
)


def show(found: Sequence[Control], gate: bool, out: Console) -> None:
    """Print the controls of a self-test, one at least."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in LEFT else "right")
    for control in found:
        table.add_row(
            control.work,
            f"{control.beside} come and go" if control.beside else "nothing of ours",
            f"{control.spread:.2%}",
            f"{control.false_alarms:.1%}",
            f"{control.held:.1%}",
            f"{control.power:.0%}",
            f"{control.smallest:.1%}",
            f"{control.needed} processes" if control.needed < MOST else f"over {MOST} processes",
        )
    first, copies = found[0], max(control.copies for control in found)
    mode = "gate mode: fixed memory layout, pinned" if gate else "as `residency run` measures"
    out.print(f"\nA against A, {first.processes} processes a side, {mode}; verdicts by {first.replicates} of them\n")
    out.print(table)
    out.print(
        f"\n[dim]smallest effect: seen four times in five by {first.replicates} processes; "
        f"needed: processes for seeing {EFFECT:.0%} as often. Of {copies} copies, the fastest "
        "is the baseline of the others[/]"
    )
