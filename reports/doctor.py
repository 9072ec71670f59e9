"""A machine, what is installed on it, and what can run there, in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.harness.tiers import Tier
from residency.reports import words


def show(
    facts: Mapping[str, Any],
    *,
    free: int,
    findings: Sequence[Mapping[str, str]],
    versions: Mapping[str, str],
    states: Sequence[Mapping[str, Any]],
    out: Console,
) -> None:
    """Print the facts of a machine, with so many bytes of memory `free`, and the `states` of all implementations.

    `findings` are what will spoil a measurement on its GPU: `about`, `cause` and `remedy` of each.
    """
    _show_machine(out, facts, free)
    if facts["gpus"] or findings:
        _show_health(out, findings)
    out.print("\n[bold]Libraries[/]")
    out.print("  " + ", ".join(f"{name} {version}" for name, version in versions.items()), highlight=False)
    out.print("\n[bold]Implementations[/]")
    _show_implementations(out, states)
    out.print("\n[bold]How far the GPU implementations are proved[/]")
    _show_tiers(out, states)


def _show_machine(out: Console, facts: Mapping[str, Any], free: int) -> None:
    out.print("[bold]Machine[/]")
    out.print(f"  {facts['cpu']}, {facts['cores']} of {facts['cores_in_machine']} cores may be used", highlight=False)
    out.print(f"  {words.size(facts['memory_bytes'])} of memory, {words.size(free)} free")
    for gpu in facts["gpus"]:
        out.print(f"  {escape(words.gpu(gpu))}, driver {gpu['driver']}", highlight=False)
    if not facts["gpus"]:
        out.print(f"  [yellow]{escape(str(facts['no_gpu_because']))}[/]")
    out.print(f"  {facts['system']}, Python {facts['python']}", highlight=False)


def _show_health(out: Console, findings: Sequence[Mapping[str, str]]) -> None:
    out.print("\n[bold]GPU health[/]")
    if not findings:
        out.print("  nothing found that will spoil a measurement")
    for finding in findings:
        out.print(f"  [yellow]{finding['about']}: {escape(finding['cause'])}[/]", highlight=False)
        out.print(f"    {escape(finding['remedy'])}", highlight=False)


def _show_implementations(out: Console, states: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "can run here", "cannot"):
        table.add_column(column, no_wrap=column == "task")
    for task in dict.fromkeys(state["task"] for state in states):
        mine = [state for state in states if state["task"] == task]
        table.add_row(
            task,
            ", ".join(state["implementation"] for state in mine if not _obstacle(state)),
            ", ".join(state["implementation"] for state in mine if _obstacle(state)),
        )
    out.print(table)
    reasons: dict[str, list[str]] = {}
    for state in states:
        if obstacle := _obstacle(state):
            reasons.setdefault(obstacle, []).append(f"{state['task']}:{state['implementation']}")
    for reason, names in reasons.items():
        out.print(f"\n[yellow]{escape(reason)}[/]\n  {', '.join(names)}", highlight=False)


def _obstacle(state: Mapping[str, Any]) -> str | None:
    """Why an implementation cannot run here; None where it can."""
    return state["unavailable"] or (f"failed: {state['failed']}" if state["failed"] else None)


def _show_tiers(out: Console, states: Sequence[Mapping[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "implementation", "seen on this machine", "best on record", "next"):
        table.add_column(column, no_wrap=column in {"task", "implementation"})
    for state in states:
        if "tier" in state:
            seen = (state["tier"].label, state["tier_on_record"].label, state["next"] or "")
            table.add_row(state["task"], state["implementation"], *seen)
    out.print(table)
    proved = sum(max(state["tier"], state["tier_on_record"]) is Tier.GPU for state in states if "tier" in state)
    out.print(f"{proved} of {sum('tier' in state for state in states)} have run on a real GPU, as far as is on record.")
