"""`residency doctor`: this machine, what slows it, what is installed, what can run here, and what will spoil it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.commands import common
from residency.harness import environment
from residency.harness.tiers import Tier
from residency.reports import tables, tiers, words
from residency.runners import health, machine
from residency.runners.plan import unavailable
from residency.runners.speed import environment_of_workers
from residency.suites import SHIPPED

REFERENCE = SHIPPED.folder.parent / "results" / "reference"  # in a checkout; an installed package has none

EPILOG = "Examples:  [bold]residency doctor[/]   [bold]residency doctor --all[/]   [bold]residency doctor --json[/]"
COMPUTE = ("numpy", "scipy.linalg", "sklearn")  # what every installation computes with on the CPU
FEW = 3  # implementations that are named all the same


def doctor(
    everything: Annotated[
        bool, typer.Option("--all", help="Name every implementation, instead of counting those that are alike.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with every implementation.")] = False,
) -> None:
    """Show the machine, what slows it, the libraries, which implementations can run here, and why not the others.

    Where there is a GPU, also what will spoil a measurement on it: its libraries are tried, which takes a while.
    """
    facts, versions = machine.facts(), machine.versions()
    surroundings = environment_of_workers(facts["cores"], COMPUTE)
    slowing = environment.slowed(surroundings, facts["cores"], bool(facts["gpus"]))
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
    _add_tiers(states)
    if json:
        common.print_json(
            {
                "machine": facts,
                "environment": surroundings,
                "warnings": [asdict(one) for one in slowing],
                "versions": versions,
                "health": [asdict(finding) for finding in findings],
                "implementations": states,
            }
        )
        return
    out = common.output()
    _show_machine(out, facts)
    _show_environment(out, surroundings, slowing)
    if facts["gpus"] or findings:
        _show_health(out, findings)
    out.print("\n[bold]Libraries[/]")
    out.print("  " + ", ".join(f"{name} {version}" for name, version in versions.items()), highlight=False)
    out.print("\n[bold]Implementations[/]")
    _show_implementations(out, states, everything)
    out.print("\n[bold]How far the GPU implementations are proved[/]")
    _show_tiers(out, states, everything)


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


def _show_environment(out: Console, surroundings: Mapping[str, Any], slowing: Sequence[environment.Slowed]) -> None:
    """What changes the speed of the CPU side, and what of it is known to slow a library."""
    out.print("\n[bold]What the CPU side computes with[/]")
    if not surroundings["pools"]:
        out.print("  not known: a worker cannot import NumPy, SciPy and scikit-learn here", style="yellow")
    for pool in surroundings["pools"]:
        out.print(f"  {escape(environment.described(pool))} ({escape(pool['file'])})", highlight=False)
    for name, value in surroundings["variables"].items():
        out.print(f"  {name}={escape(environment.shown(value))}", highlight=False)
    for one in slowing:
        out.print(f"  [yellow]{escape(one.variable)} is `{escape(one.value)}`: {escape(one.cause)}[/]", highlight=False)
        out.print(f"    {escape(one.remedy)}", highlight=False)


def _show_implementations(out: Console, states: list[dict[str, Any]], everything: bool) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "can run here", "cannot"):
        table.add_column(column, no_wrap=column == "task")
    for task in dict.fromkeys(state["task"] for state in states):
        mine = [state for state in states if state["task"] == task]
        cannot = [state["implementation"] for state in mine if _obstacle(state)]
        can = [state["implementation"] for state in mine if not _obstacle(state)]
        table.add_row(task, ", ".join(can), ", ".join(cannot) if everything else str(len(cannot) or ""))
    out.print(table)
    named = [(f"{state['task']}:{state['implementation']}", _obstacle(state)) for state in states]
    for missing in tables.by_reason((name, reason) for name, reason in named if reason is not None):
        count = f"{len(missing.names)} implementation{'s' * (len(missing.names) > 1)}"
        out.print(f"\n[yellow]{count} cannot run here: {escape(missing.reason)}[/]", highlight=False)
        for reason in missing.further:
            out.print(f"  [yellow]and {escape(reason)}[/]", highlight=False)
        if everything or len(missing.names) <= FEW:
            out.print(f"  {', '.join(missing.names)}", highlight=False)


def _obstacle(state: dict[str, Any]) -> str | None:
    """Why an implementation cannot run here; None where it can."""
    return state["unavailable"] or (f"failed: {state['failed']}" if state["failed"] else None)


def _add_tiers(states: list[dict[str, Any]]) -> None:
    """Tell of every GPU implementation the tier it has reached in runs kept here, and the best on record."""

    def tell(reason: str) -> None:
        out = common.progress()
        out.print(f"counts for nothing: {reason}", style="yellow", highlight=False, soft_wrap=True, markup=False)

    mine = [run for folder in (common.RESULTS, common.REHEARSALS) for run in tiers.runs_in(folder)]
    here, recorded = tiers.reached(mine, tell), tiers.reached(tiers.runs_in(REFERENCE), tell)
    for state in states:
        if state["implementation"].endswith("gpu"):
            key = tiers.key_of(state["task"], state["implementation"])
            for name, found in (("tier", here.get(key)), ("tier_on_record", recorded.get(key))):
                state[name] = found.tier if found else Tier.NOTHING
                state[f"{name}_from"] = found.run if found else None
            state["next"] = _next(state)


def _next(state: dict[str, Any]) -> str | None:
    """The command that brings an implementation further on this machine; None where a GPU has proved it."""
    if max(state["tier"], state["tier_on_record"]) is Tier.GPU:
        return None
    if not state["unavailable"] and not state["failed"]:
        return f"residency prove {state['task']}"
    if max(state["tier"], state["tier_on_record"]) < Tier.SIGNATURES:
        return "make gpu-rehearsal"
    return "residency prove, on a machine with a GPU"


def _next_of_any(state: dict[str, Any]) -> str:
    """The command that brings it further, without the task: the same for all that are alike."""
    return str(state["next"] or "").removesuffix(f" {state['task']}")


def _show_tiers(out: Console, states: list[dict[str, Any]], everything: bool) -> None:
    """What each GPU implementation has reached, and what is next; how many are alike, or `everything` by name."""
    names = ("task", "implementation") if everything else ("implementations",)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in (*names, "seen on this machine", "best on record", "next"):
        table.add_column(column, no_wrap=column in names)
    reached = [(state["tier"].label, state["tier_on_record"].label, state) for state in states if "tier" in state]
    if everything:
        for seen, recorded, state in reached:
            table.add_row(state["task"], state["implementation"], seen, recorded, state["next"] or "")
    else:
        alike = Counter((seen, recorded, _next_of_any(state)) for seen, recorded, state in reached)
        for texts, count in alike.items():
            table.add_row(str(count), *texts)
    out.print(table)
    proved = sum(max(state["tier"], state["tier_on_record"]) is Tier.GPU for state in states if "tier" in state)
    out.print(f"{proved} of {sum('tier' in state for state in states)} have run on a real GPU, as far as is on record.")
