"""Rehearsing from outside: every GPU implementation in a fresh process, its outcome on record without any time.

Nothing is timed, so as many processes run at once as there are cores, with a thread each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from residency.harness.libraries import distribution, is_installed, not_installed, version
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import Cell
from residency.harness.task import Implementation
from residency.harness.tiers import REHEARSAL
from residency.runners import machine
from residency.runners.plan import Group
from residency.runners.process import Ended, Worker
from residency.runners.rehearsal import pairs
from residency.runners.rehearsal.stage import Means, means
from residency.runners.settings import Settings
from residency.runners.turn import COMPILING, MAKE_TIMEOUT, Ledger, load_request, make, timeout_of

NO_WAY = "cannot be rehearsed: no way is known for {library}; runners/rehearsal/pairs.py names what computes for what"
ONLY_THERE = "only on a real GPU"


@dataclass(frozen=True)
class Rehearsed:
    """How a rehearsal ended, with what is known about it for the record."""

    cell: Cell
    ending: Ending
    known: dict[str, Any] = field(default_factory=dict)


def rehearse_all(groups: Sequence[Group], ledger: Ledger) -> None:
    """Rehearse every implementation of the groups; whatever happens to one becomes its outcome."""
    with _Troupe(ledger.settings).at_work() as troupe:
        under_way = [troupe.begin(group, one) for group in groups for one in group.implementations]
        for one in under_way:
            found = one.result()
            ledger.end(found.cell, 0, found.ending, **found.known)


@dataclass
class _Troupe:
    """The processes that rehearse, several at a time."""

    settings: Settings
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(machine.cores()))
    workers: set[Worker] = field(default_factory=set)
    made: dict[tuple[str, int | None], Future[dict[str, Any]]] = field(default_factory=dict)

    @contextmanager
    def at_work(self) -> Iterator[_Troupe]:
        """Run until all is done; after an interruption, nothing continues."""
        try:
            yield self
        finally:
            self.pool.shutdown(wait=False, cancel_futures=True)
            for worker in list(self.workers):
                worker.close()

    def begin(self, group: Group, one: Implementation) -> Future[Rehearsed]:
        """Start a rehearsal, or record at once why it cannot start."""
        how, alone = means(one), pairs.ONLY_ON_A_GPU.get(f"{group.task.path}:{one.name}")
        if alone is not None:
            why = Ending(Outcome.UNAVAILABLE, f"{ONLY_THERE}: {alone}")
        elif how is None:
            why = Ending(Outcome.FAILED, NO_WAY.format(library=one.library))
        elif missing := _missing(group, one):
            why = Ending(Outcome.UNAVAILABLE, missing)
        else:
            small = _sized(group, how)
            key = (group.task.path, how.rows)
            if key not in self.made:
                self.made[key] = self.pool.submit(make, small, self.settings.threads)
            return self.pool.submit(self._rehearse, small, one, how, self.made[key])
        told: Future[Rehearsed] = Future()
        told.set_result(Rehearsed(_cell(group, one), why))
        return told

    def _rehearse(self, group: Group, one: Implementation, how: Means, making: Future[dict[str, Any]]) -> Rehearsed:
        facts: dict[str, Any] = {"rows": None, "hash": "", "reference": None}
        known: dict[str, Any] = {"remarks": [how.how]}
        try:
            facts = making.result()
            reply = self._ask(group, one, how, facts)
        except Ended as ended:
            return Rehearsed(_cell(group, one, facts["rows"]), ended.ending, known)
        ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
        if reply["checked"]:
            known["remarks"] += _said(reply["checked"], reply["unchecked"])
            if ending == OK and one.package not in {name.partition(".")[0] for name in reply["checked"]}:
                ending = Ending(Outcome.FAILED, f"it never called {one.package}")
        known |= {"quality": reply["quality"], "parameters": reply["parameters"], "data_hash": facts["hash"]}
        known |= {"reference": facts["reference"], "tier": int(how.tier) if ending == OK else None}
        return Rehearsed(_cell(group, one, facts["rows"]), ending, known)

    def _ask(self, group: Group, one: Implementation, how: Means, facts: dict[str, Any]) -> dict[str, Any]:
        """The worker's reply; raises `Ended`. Its cluster, if it needs one, is in the worker's own process."""
        request = load_request(group, replace(one.on(1), runner="local"), facts, self.settings)
        request |= {"memory_limit": None, "implementation": one.on(1).id}
        with Worker("cpu", self.settings.threads, extra=how.environment) as worker:
            self.workers.add(worker)
            try:
                worker.ask(request, MAKE_TIMEOUT)
                return worker.ask({"do": "rehearse", "twin": _twin(group, one)}, timeout_of(group) + COMPILING)
            finally:
                self.workers.discard(worker)


def _sized(group: Group, how: Means) -> Group:
    """The group at a size that its way of rehearsal can manage."""
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
    return not_installed(missing, "gpu") if missing else None


def _twin(group: Group, implementation: Implementation) -> str | None:
    """The CPU library that the implementation's other side is written for."""
    return next((one.library for one in group.task.implementations if one.id == implementation.twin), None)


def _cell(group: Group, implementation: Implementation, rows: int | None = None) -> Cell:
    return replace(group.cell(implementation.on(1), rows), runner=REHEARSAL)


def _said(checked: dict[str, int], unchecked: list[str]) -> list[str]:
    """Which callables of which versions the calls were bound to."""
    tops = sorted({name.partition(".")[0] for name in checked})
    libraries = ", ".join(f"{distribution(top)} {version(top)}" for top in tops)
    said = [f"{sum(checked.values())} calls of {len(checked)} callables bound to {libraries}: {', '.join(checked)}"]
    return said + ([f"without a signature: {', '.join(unchecked)}"] if unchecked else [])
