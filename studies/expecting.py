"""How long a run is expected to take, by earlier runs on this machine. The user is told before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from residency.analysis.cost import WORTH, Seen
from residency.harness import records
from residency.harness.errors import RecordError
from residency.reports import words
from residency.runners import forecast, machine
from residency.runners.budget import Expected, is_kept, seconds_for
from residency.runners.plan import Group
from residency.runners.settings import Settings

NEWEST = 20  # runs that are looked at


def seen(results: Path, groups: Sequence[Group]) -> Seen:
    """How long these tasks took in their newest runs on a machine like this one."""
    tasks = {group.task.path for group in groups}
    found = Seen()
    newest = sorted(results.glob(f"*/{records.RUN_FILE}"), key=lambda path: path.parent.name, reverse=True)
    for path in newest[:NEWEST]:
        try:
            info = records.read(path.parent, samples=False).info
            if tasks & info.tasks.keys() and _is_this_machine(info):
                found.add(records.read(path.parent))
        except RecordError:
            continue  # it tells nothing
    return found


def _is_this_machine(info: records.RunInfo) -> bool:
    return (info.machine.get("cpu"), info.machine.get("cores")) == (machine.cpu_model(), machine.cores())


def expectation(groups: Sequence[Group], settings: Settings, earlier: Seen, hashes: Mapping[str, str]) -> Expected:
    """How long the groups are expected to take; `hashes` are those of the user's own data, by the groups' titles."""
    elsewhere = settings.scheduler is not None
    turns = {
        (group.title, one.id): earlier.turn(group.cell(one, group.request.rows), hashes.get(group.title))
        for group in groups
        for one in group.implementations
        if forecast.startable(group, one, elsewhere)
    }
    budget = seconds_for((group.part for group in groups), settings)
    said = f"{_of_turns(list(turns.values()), settings.replicates)} {_of_budget(turns, settings, budget)}"
    return Expected(turns, said.strip())


def _of_turns(turns: Sequence[float], replicates: int) -> str:
    """How long everything would take."""
    unknown = sum(not seconds for seconds in turns)
    if not turns:
        return "Nothing of this can run here."
    if unknown == len(turns):
        return "How long this takes is not known yet: no earlier run of it on this machine is on record."
    each = "process" if replicates == 1 else "processes"
    whole = words.seconds(WORTH * sum(turns) * replicates)
    but = f", and {unknown} of {len(turns)} implementations whose time is not known" if unknown else ""
    return f"Expected by earlier runs: {whole} for {replicates} {each} of each implementation{but}."


def _of_budget(turns: Mapping[tuple[str, str], float], settings: Settings, budget: float) -> str:
    """What the budget leaves time for."""
    if not turns:
        return ""
    if not is_kept(settings):
        return f"It stops after about {words.seconds(budget)}, but not before one process of each has been measured."
    known = sum(turns.values())
    if all(turns.values()) and known:
        fitting = min(settings.replicates, int(budget / (WORTH * known)))
        if not fitting:
            return f"The budget of {budget:g} s is too short for everything; the cheapest implementations go first."
        if fitting < settings.replicates:
            processes = f"{fitting} of {settings.replicates} processes of each implementation"
            return f"The budget of {budget:g} s is enough for about {processes}."
    return f"Nothing new starts after {budget:g} s. The report names what was not measured."
