"""The parent's side of a rehearsal: every GPU implementation runs in a fresh process, and its outcome is recorded.

Nothing is timed, so one process for each core runs at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from residency.harness.accelerators import ACCELERATORS
from residency.harness.libraries import distribution, is_installed, not_installed, version
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import Cell
from residency.harness.task import Implementation
from residency.harness.tiers import REHEARSAL, STAYS
from residency.runners import environments, machine
from residency.runners.plan import Group
from residency.runners.process import Ended, Worker
from residency.runners.rehearsal import pairs
from residency.runners.rehearsal.stage import Means, means
from residency.runners.settings import Settings
from residency.runners.turn import MAKE_TIMEOUT, Ledger, load_request, make, timeout_of

NO_WAY = "cannot be rehearsed: no way is known for {library}; runners/rehearsal/pairs.py names what computes for what"
ONLY_THERE = "only on a real GPU"
PATIENCE = 1_200.0  # seconds more than an execution may take: nothing is timed, and compiling takes what it takes


@dataclass(frozen=True)
class Rehearsed:
    """How a rehearsal ended, and what is known about it for the record."""

    cell: Cell
    ending: Ending
    known: dict[str, Any] = field(default_factory=dict)


def rehearse_all(groups: Sequence[Group], ledger: Ledger) -> None:
    """Rehearse every implementation of the groups; whatever happens to one becomes its outcome."""
    with _Pool(ledger.settings).at_work() as pool:
        started = [pool.begin(group, implementation) for group in groups for implementation in group.implementations]
        for future in started:
            rehearsed = future.result()
            ledger.end(rehearsed.cell, 0, rehearsed.ending, **rehearsed.known)


@dataclass
class _Pool:
    """The processes that rehearse, several at a time."""

    settings: Settings
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(machine.cores()))
    workers: set[Worker] = field(default_factory=set)
    made: dict[tuple[str, int | None], Future[dict[str, Any]]] = field(default_factory=dict)

    @contextmanager
    def at_work(self) -> Iterator[_Pool]:
        """Run until all is done; after an interruption, nothing continues."""
        try:
            yield self
        finally:
            self.threads.shutdown(wait=False, cancel_futures=True)
            for worker in list(self.workers):
                worker.close()

    def begin(self, group: Group, implementation: Implementation) -> Future[Rehearsed]:
        """Start a rehearsal, or say at once why it cannot start."""
        how = means(implementation)
        only_there = pairs.ONLY_ON_A_GPU.get(f"{group.task.path}:{implementation.name}")
        if only_there is not None:
            why = Ending(Outcome.UNAVAILABLE, f"{ONLY_THERE}: {only_there}")
        elif how is None:
            why = Ending(Outcome.FAILED, NO_WAY.format(library=implementation.library))
        elif missing := _missing(group, implementation):
            why = Ending(Outcome.UNAVAILABLE, missing)
        else:
            small = _sized(group, how)
            key = (group.task.path, how.rows)
            if key not in self.made:
                self.made[key] = self.threads.submit(make, small, self.settings.threads)
            return self.threads.submit(self._rehearse, small, implementation, how, self.made[key])
        known: Future[Rehearsed] = Future()
        known.set_result(Rehearsed(_cell(group, implementation), why))
        return known

    def _rehearse(
        self, group: Group, implementation: Implementation, how: Means, making: Future[dict[str, Any]]
    ) -> Rehearsed:
        facts: dict[str, Any] = {"rows": None, "hash": "", "reference": None}
        known: dict[str, Any] = {"remarks": [how.how]}
        try:
            facts = making.result()
            reply = self._ask(group, implementation, how, facts)
        except Ended as ended:
            return Rehearsed(_cell(group, implementation, facts["rows"]), ended.ending, known)
        ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
        known["remarks"] += _said(reply, implementation)
        ending = _doubted(ending, reply, implementation)
        known |= {"quality": reply["quality"], "parameters": reply["parameters"], "data_hash": facts["hash"]}
        known |= {"reference": facts["reference"], "tier": int(how.tier) if ending == OK else None}
        return Rehearsed(_cell(group, implementation, facts["rows"]), ending, known)

    def _ask(self, group: Group, implementation: Implementation, how: Means, facts: dict[str, Any]) -> dict[str, Any]:
        """The worker's reply; raises `Ended`. If a cluster is needed, it is in the worker's own process."""
        placed = implementation.on(1)
        request = load_request(group, replace(placed, runner="local"), facts, self.settings)
        request |= {"memory_limit": None, "implementation": placed.id}
        rehearsal = {"do": "rehearse", "twin": _twin(group, implementation)}
        python = environments.interpreter(implementation.environment)
        with Worker("cpu", self.settings.threads, extra=how.environment, python=python) as worker:
            self.workers.add(worker)
            try:
                worker.ask(request, MAKE_TIMEOUT)
                return worker.ask(rehearsal, timeout_of(group) + PATIENCE)
            finally:
                self.workers.discard(worker)


def _sized(group: Group, how: Means) -> Group:
    """The group at a size that is small enough for its way of rehearsal."""
    if how.rows is None:
        return group
    return replace(group, size=str(how.rows), request=replace(group.request, rows=how.rows))


def _missing(group: Group, implementation: Implementation) -> str | None:
    """The message if something that a rehearsal needs is not installed, including the CPU twin's library; else None."""
    modules = [implementation.library, *implementation.needs]
    if (twin := _twin(group, implementation)) is not None:
        modules.append(twin)
    if implementation.runner == "cluster":
        modules += ["distributed", "dask_cuda"]
    if implementation.accelerator:
        modules.append(ACCELERATORS[implementation.accelerator].needs)
    if implementation.environment:
        return environments.lacking(implementation.environment, modules)
    missing = [name for name in modules if not is_installed(name)]
    return not_installed(missing, "rehearsal") if missing else None


def _twin(group: Group, implementation: Implementation) -> str | None:
    """The CPU library of the implementation's twin, if it is one side of a pair."""
    return next((other.library for other in group.task.implementations if other.id == implementation.twin), None)


def _cell(group: Group, implementation: Implementation, rows: int | None = None) -> Cell:
    return replace(group.cell(implementation.on(1), rows), runner=REHEARSAL)


def _doubted(ending: Ending, reply: dict[str, Any], implementation: Implementation) -> Ending:
    """A failure if a right result says nothing about the GPU, because its library would do nothing there."""
    called = {name.partition(".")[0] for name in reply["checked"]}
    if ending != OK:
        return ending
    if implementation.accelerator and not reply["taken"]:
        return Ending(Outcome.FAILED, f"it never called {implementation.package}")
    if implementation.accelerator and reply["stays"] and not called:
        why = "; ".join(f"{name}: {reason}" for name, reason in reply["stays"].items())
        return Ending(Outcome.FAILED, f"{implementation.accelerator} would leave every call on the CPU: {why}")
    if called and not implementation.accelerator and implementation.package not in called:
        return Ending(Outcome.FAILED, f"it never called {implementation.package}")
    return ending


def _said(reply: dict[str, Any], implementation: Implementation) -> list[str]:
    """Remarks that name the callables to which calls were bound, the versions of their libraries, and what is left."""
    checked, taken = reply["checked"], reply["taken"]
    there = environments.described(implementation.environment) if implementation.environment else None
    versions = there.versions if isinstance(there, environments.Described) else {}
    said = []
    if checked:
        tops = sorted({name.partition(".")[0] for name in checked})
        libraries = ", ".join(f"{distribution(top)} {versions.get(distribution(top)) or version(top)}" for top in tops)
        said.append(f"{_calls(checked)} bound to {libraries}: {', '.join(checked)}")
    if reply["unchecked"]:
        said.append(f"without a signature: {', '.join(reply['unchecked'])}")
    if taken:
        said.append(f"{implementation.accelerator} took {_calls(taken)}: {', '.join(taken)}")
    said += [f"{STAYS}{name}: {reason}" for name, reason in reply["stays"].items()]
    return said


def _calls(counts: dict[str, int]) -> str:
    """`6 calls of 4 functions`."""
    calls, functions = sum(counts.values()), len(counts)
    return f"{calls} call{'s' * (calls != 1)} of {functions} function{'s' * (functions != 1)}"
