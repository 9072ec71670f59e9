"""What a task promises, and whether it holds, line by line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from residency.harness.contract import Check

SIGNS = {True: ("holds", "green"), False: ("BROKEN", "bold red"), None: ("not tried", "yellow")}


def show(task: str, checks: Sequence[Check], left: Sequence[str], out: Console) -> None:
    """Print the checks of a task; `left` are implementations that need a cluster, and were not checked."""
    for check in checks:
        sign, style = SIGNS[check.holds]
        out.print(
            f"[{style}]{sign:>9}[/]  {escape(check.about)}: {escape(check.found)}", highlight=False, soft_wrap=True
        )
        if check.remedy:
            out.print(f"           do: {escape(check.remedy)}", highlight=False, soft_wrap=True)
    broken = sum(check.holds is False for check in checks)
    if left:
        how = f"residency run {task} --runner cluster"
        out.print(
            f"\nNot checked, because they need a cluster: {', '.join(left)}; {how}", highlight=False, soft_wrap=True
        )
    result = f"{broken} of {len(checks)} rules are broken" if broken else "all rules that were tried are kept"
    out.print(f"\n{task}: {result}", highlight=False)
