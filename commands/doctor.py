"""`residency doctor`: this machine, what is installed, what can run here, and what will spoil it on the GPU."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.commands import common
from residency.reports import words
from residency.runners import health, machine
from residency.runners.plan import unavailable

EPILOG = "Examples:  [bold]residency doctor[/]   [bold]residency doctor --json[/]"


def doctor(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the machine, the libraries, which implementations can run here, and why not the others.

    Where there is a GPU, also what will spoil a measurement on it: its libraries are tried, which takes a while.
    """
    facts, versions = machine.facts(), machine.versions()
    tasks = common.catalogue().select([])
    with common.progress().status("trying the GPU's libraries"):
        broken = health.broken_imports(tasks)
    findings = health.findings(tasks, broken)
    states: list[dict[str, Any]] = [
        {
            "task": task.path,
            "implementation": one.id,
            "library": one.library,
            "runner": one.runner,
            "unavailable": why.reason if (why := unavailable(one)) else None,
            "failed": None if why else health.broken_by(one, broken),
        }
        for task in tasks
        for one in task.implementations
    ]
    if json:
        health_of = [asdict(finding) for finding in findings]
        common.print_json({"machine": facts, "versions": versions, "health": health_of, "implementations": states})
        return
    out = common.output()
    _show_machine(out, facts)
    if facts["gpus"] or findings:
        _show_health(out, findings)
    out.print("\n[bold]Libraries[/]")
    out.print("  " + ", ".join(f"{name} {version}" for name, version in versions.items()), highlight=False)
    out.print("\n[bold]Implementations[/]")
    _show_implementations(out, states)


def _show_machine(out: Console, facts: dict[str, Any]) -> None:
    out.print("[bold]Machine[/]")
    out.print(f"  {facts['cpu']}, {facts['cores']} of {facts['cores_in_machine']} cores may be used", highlight=False)
    out.print(f"  {words.size(facts['memory_bytes'])} of memory, {words.size(machine.memory_available())} free")
    for gpu in facts["gpus"]:
        out.print(f"  {escape(words.gpu(gpu))}, driver {gpu['driver']}", highlight=False)
    if not facts["gpus"]:
        out.print(f"  [yellow]{escape(str(facts['no_gpu_because']))}[/]")
    out.print(f"  {facts['system']}, Python {facts['python']}", highlight=False)


def _show_health(out: Console, findings: list[health.Finding]) -> None:
    out.print("\n[bold]GPU health[/]")
    if not findings:
        out.print("  nothing found that will spoil a measurement")
    for finding in findings:
        out.print(f"  [yellow]{finding.about}: {escape(finding.cause)}[/]", highlight=False)
        out.print(f"    {escape(finding.remedy)}", highlight=False)


def _show_implementations(out: Console, states: list[dict[str, Any]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "can run here", "cannot"):
        table.add_column(column)
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


def _obstacle(state: dict[str, Any]) -> str | None:
    """Why an implementation cannot run here; None where it can."""
    return state["unavailable"] or (f"failed: {state['failed']}" if state["failed"] else None)
