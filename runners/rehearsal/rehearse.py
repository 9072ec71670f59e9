"""Rehearsing from outside: every GPU implementation in a fresh process, its outcome on record without any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from residency.harness.libraries import distribution, is_installed, remedy, version
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import Cell
from residency.harness.task import Implementation
from residency.harness.tiers import REHEARSAL
from residency.runners.plan import Group
from residency.runners.process import Ended, Worker
from residency.runners.rehearsal.stage import Means, means
from residency.runners.turn import COMPILING, MAKE_TIMEOUT, Ledger, load_request, make, timeout_of

NO_WAY = "cannot be rehearsed: no way is known for {library}; runners/rehearsal/pairs.py names what computes for what"


def rehearse_all(groups: Sequence[Group], ledger: Ledger) -> None:
    """Rehearse every implementation of the groups; whatever happens to one becomes its outcome."""
    for group in groups:
        made: dict[int | None, dict[str, Any]] = {}
        for implementation in group.implementations:
            how = means(implementation)
            if how is None:
                ending = Ending(Outcome.FAILED, NO_WAY.format(library=implementation.library))
                ledger.end(_cell(group, implementation), 0, ending)
                continue
            if missing := _missing(group, implementation):
                ledger.end(_cell(group, implementation), 0, Ending(Outcome.UNAVAILABLE, missing))
                continue
            ledger.listener.status(f"{group.title}: {implementation.id}, {how.how}")
            small = _sized(group, how)
            if how.rows not in made:
                made[how.rows] = make(small, ledger.settings.threads)
            _rehearse(small, implementation, how, made[how.rows], ledger)


def _sized(group: Group, how: Means) -> Group:
    """The group at the size that its means can bear."""
    if how.rows is None:
        return group
    return replace(group, size=str(how.rows), request=replace(group.request, rows=how.rows))


def _missing(group: Group, implementation: Implementation) -> str | None:
    """What is not installed here that a rehearsal needs, its CPU twin's library too."""
    modules = [implementation.library, *implementation.needs]
    if (twin := _twin(group, implementation)) is not None:
        modules.append(twin)
    if implementation.runner == "cluster":
        modules += ["distributed", "dask_cuda"]
    missing = [name for name in modules if not is_installed(name)]
    if not missing:
        return None
    names = ", ".join(dict.fromkeys(name.partition(".")[0] for name in missing))
    return f"{names} is not installed: {remedy(missing[0])}"


def _twin(group: Group, implementation: Implementation) -> str | None:
    """The CPU library that the implementation's other side is written for."""
    return next((one.library for one in group.task.implementations if one.id == implementation.twin), None)


def _cell(group: Group, implementation: Implementation, rows: int | None = None) -> Cell:
    return replace(group.cell(implementation.on(1), rows), runner=REHEARSAL)


def _rehearse(group: Group, one: Implementation, how: Means, facts: dict[str, Any], ledger: Ledger) -> None:
    cell = _cell(group, one, facts["rows"])
    placed = replace(one.on(1), runner="local")  # its cluster, if it needs one, is in the worker's own process
    request = load_request(group, placed, facts, ledger.settings)
    request |= {"memory_limit": None, "implementation": one.on(1).id}
    known: dict[str, Any] = {"data_hash": facts["hash"], "remarks": [how.how], "reference": facts["reference"]}
    try:
        with Worker("cpu", ledger.settings.threads, extra=how.environment) as worker:
            worker.ask(request, MAKE_TIMEOUT)
            reply = worker.ask({"do": "rehearse", "twin": _twin(group, one)}, timeout_of(group) + COMPILING)
    except Ended as ended:
        ledger.end(cell, 0, ended.ending, **known)
        return
    ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
    if reply["checked"]:
        known["remarks"] += _said(reply["checked"], reply["unchecked"])
        if ending == OK and one.package not in {name.partition(".")[0] for name in reply["checked"]}:
            ending = Ending(Outcome.FAILED, f"it never called {one.package}")
    known |= {"quality": reply["quality"], "parameters": reply["parameters"]}
    ledger.end(cell, 0, ending, tier=int(how.tier) if ending == OK else None, **known)


def _said(checked: dict[str, int], unchecked: list[str]) -> list[str]:
    """Which callables of which versions the calls were bound to."""
    tops = sorted({name.partition(".")[0] for name in checked})
    libraries = ", ".join(f"{distribution(top)} {version(top)}" for top in tops)
    said = [f"{sum(checked.values())} calls of {len(checked)} callables bound to {libraries}: {', '.join(checked)}"]
    return said + ([f"without a signature: {', '.join(unchecked)}"] if unchecked else [])
