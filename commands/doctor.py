"""`residency doctor`: this machine, what slows it, its libraries, what can run, and what will spoil a measurement."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from residency.analysis import tiers
from residency.commands import common
from residency.harness import environment
from residency.harness.tiers import Tier
from residency.reports import screen
from residency.reports.doctor import show
from residency.runners import environments, forecast, health, machine
from residency.runners.plan import unavailable
from residency.runners.settings import best_protocol
from residency.runners.speed import environment_of_workers
from residency.suites import SHIPPED

REFERENCE = SHIPPED.folder.parent / "results" / "reference"  # in a checkout; an installed package has none

EPILOG = "Examples:  [bold]residency doctor[/]   [bold]residency doctor --all[/]   [bold]residency doctor --json[/]"
COMPUTE = ("numpy", "scipy.linalg", "sklearn")  # what every installation computes with on the CPU


def doctor(
    everything: Annotated[
        bool, typer.Option("--all", help="Name every implementation. Default: count those that are alike.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, with every implementation.")] = False,
) -> None:
    """Show the machine, what slows it, the libraries, and which implementations can run here or why they cannot.

    On a machine with a GPU, it also tries the GPU's libraries, which takes a while, and names what will spoil a
    measurement.
    """
    facts, versions = machine.facts(), machine.versions()
    surroundings = environment_of_workers(facts["cores"], COMPUTE)
    slowing = environment.slowed(surroundings, facts["cores"], bool(facts["gpus"]))
    tasks = common.catalogue().select([])
    with screen.progress().status("trying the GPU's libraries"):
        broken = health.broken_imports(tasks)
    findings = health.findings(tasks, broken)
    states: list[dict[str, Any]] = [
        {
            "task": task.path,
            "implementation": implementation.id,
            "library": implementation.library,
            "runner": implementation.runner,
            "unavailable": why.reason if (why := unavailable(implementation)) else None,
            "failed": None if why else health.broken_by(implementation, broken),
        }
        for task in tasks
        for implementation in task.implementations
    ]
    _add_tiers(states)
    told = {
        "machine": facts,
        "between_gpus": best_protocol(),
        "environment": surroundings,
        "warnings": [asdict(warning) for warning in slowing],
        "versions": versions,
        "health": [asdict(finding) for finding in findings],
        "memory": forecast.fitting(tasks),
        "environments": [
            {"name": one.name, "why": one.why, "python": one.python or None, "missing": one.missing or None}
            for one in environments.known().values()
        ],
        "implementations": states,
    }
    if json:
        common.print_json(told)
    else:
        show(told, machine.memory_available(), everything, screen.output())


def _add_tiers(states: list[dict[str, Any]]) -> None:
    """Add to every GPU implementation the tier that it has reached in runs saved here, and the best on record."""

    def tell(reason: str) -> None:
        out = screen.progress()
        out.print(f"ignored: {reason}", style="yellow", highlight=False, soft_wrap=True, markup=False)

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
    """The command that brings an implementation to the next tier; None if it was proved on a GPU."""
    if max(state["tier"], state["tier_on_record"]) is Tier.GPU:
        return None
    if not state["unavailable"] and not state["failed"]:
        return f"residency prove {state['task']}"
    if max(state["tier"], state["tier_on_record"]) < Tier.SIGNATURES:
        return "make gpu-rehearsal"
    return "residency prove, on a machine with a GPU"
