"""Running on this machine: a fresh process for every implementation and replicate, taking turns.

In a replicate the workers of all implementations of a group are alive together. Each first runs cold, then warms up;
then in every round each has its turn once, forward in even rounds and backward in odd ones, so that a drift of the
machine falls on all alike. Where memory does not allow that, one after another lives alone. Replicates go over all
groups before the next begins: whenever a run ends, it has the most of everything.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from time import monotonic
from typing import Any, Protocol

from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import Cell, OutcomeRecord, Phase, Recorder, Sample, now
from residency.harness.task import Implementation
from residency.runners import machine
from residency.runners.plan import Group, absent, unavailable
from residency.runners.process import Ended, Worker, settle

WARMUPS = 5  # at most; they end when a time no longer falls by more than a tenth
STEADY = 0.9
COPIES_IN_MEMORY = 3  # what an implementation is expected to hold, in sizes of its data, before it has been seen
LIBRARIES_IN_MEMORY = 400 * 2**20  # bytes of a worker with a large library imported
MEASURING = 0.5  # of the time that starting and warming up took: worth spending on samples, whatever the budget
MEMORY_SHARE = 0.9  # of this machine's memory, for one worker
MAKE_TIMEOUT = 4 * 3600.0  # seconds; making data is never what a run measures
TIMEOUTS = {"smoke": 60.0, "lab": 600.0, "lecture": 1800.0, "production": 4 * 3600.0, "full": 600.0}
BUDGETS = {"smoke": 30.0, "lab": 180.0, "lecture": 600.0, "production": 4 * 3600.0, "full": 30.0}  # seconds a group


@dataclass(frozen=True)
class Settings:
    """How to measure. Times in seconds, memory in bytes; None is this machine's or the size's default."""

    replicates: int = 5
    rounds: int = 8
    budget: float | None = None
    timeout: float | None = None
    threads: int = field(default_factory=machine.cores)
    memory_limit: int | None = None


class Listener(Protocol):
    """Who is told of what happens, as it happens."""

    def status(self, text: str) -> None:
        """What is being done now."""

    def record(self, record: Sample | OutcomeRecord) -> None:
        """A record that was just written."""


@dataclass
class Prepared:
    """A group whose data is made, and what of it is still to be measured."""

    group: Group
    facts: dict[str, Any]
    open: list[Implementation]
    alone: bool  # whether memory forbids keeping all workers alive together
    last_seconds: float = 0.0  # what its last replicate took, wall clock


def run_local(groups: Sequence[Group], settings: Settings, recorder: Recorder, listener: Listener) -> None:
    """Measure the groups until every replicate is done or the budget is spent.

    Each implementation gets at least one replicate with one timed sample. Whatever happens to a worker becomes an
    outcome of its cell; the run goes on.
    """
    _Run(settings, recorder, listener).measure(groups)


def make(group: Group, threads: int) -> dict[str, Any]:
    """Make a group's data, unless the cache holds it, in a process of its own; what is known of it.

    Raises `Ended` where that fails, and `UsageError` where the user's own file cannot be used.
    """
    request = {entry.name: getattr(group.request, entry.name) for entry in fields(group.request)}
    with Worker("cpu", threads) as worker:
        return worker.ask({"do": "make", "task": _place(group), "data": request}, MAKE_TIMEOUT)


@dataclass
class _Run:
    settings: Settings
    recorder: Recorder
    listener: Listener

    def measure(self, groups: Sequence[Group]) -> None:
        prepared = [one for group in groups if (one := self._prepare(group)) is not None]
        budget = self.settings.budget
        if budget is None:
            budget = sum(BUDGETS[one.group.size] for one in prepared)
        deadline = monotonic() + budget
        share = budget / max(1, len(prepared) * self.settings.replicates)
        for replicate in range(self.settings.replicates):
            for one in prepared:
                start = monotonic()
                if not one.open or (replicate and start + one.last_seconds > deadline):
                    continue
                self._replicate(one, replicate, share)
                one.last_seconds = monotonic() - start

    def _prepare(self, group: Group) -> Prepared | None:
        """Tell what cannot run here, and make the data for what can."""
        open_ones = []
        for implementation in group.implementations:
            if (why := unavailable(implementation)) is not None:
                self._end(group.cell(implementation), 0, why)
            else:
                open_ones.append(implementation)
        if not open_ones:
            return None
        why = absent(group.dataset)
        facts: dict[str, Any] = {}
        if why is None:
            self.listener.status(f"{group.title}: making the data")
            try:
                facts = make(group, self.settings.threads)
            except Ended as ended:
                why = Ending(ended.ending.outcome, f"making the data: {ended.ending.reason}")
        if why is not None:
            for implementation in open_ones:
                self._end(group.cell(implementation), 0, why)
            return None
        expected = len(open_ones) * (COPIES_IN_MEMORY * facts["bytes"] + LIBRARIES_IN_MEMORY)
        return Prepared(group, facts, open_ones, alone=expected > 0.8 * machine.memory_available())

    def _replicate(self, one: Prepared, replicate: int, share: float) -> None:
        order = list(one.open)
        random.Random(f"{one.group.title} {replicate}").shuffle(order)
        teams = [[implementation] for implementation in order] if one.alone else [order]
        for team in teams:
            with ExitStack() as stack:
                turns = [Turn(self, one, implementation, replicate, stack) for implementation in team]
                start = monotonic()
                for turn in turns:
                    turn.begin()
                spent = monotonic() - start
                self._rounds(turns, max(share / len(teams) - spent, MEASURING * spent))
                for turn in turns:
                    turn.finish()

    def _rounds(self, turns: Sequence[Turn], seconds: float) -> None:
        """As many rounds as the time allows, one at least."""
        alive = [turn for turn in turns if turn.ending is None]
        expected = sum(turn.last for turn in alive)
        rounds = max(1, min(self.settings.rounds, int(seconds / expected))) if expected else 0
        for number in range(rounds):
            for turn in alive if number % 2 == 0 else reversed(alive):
                settle([one.worker for one in alive if one.worker is not None and one.ending is None])
                turn.take("timed", number)

    def _end(self, cell: Cell, replicate: int, ending: Ending, **known: Any) -> None:
        record = OutcomeRecord(
            cell=cell,
            replicate=replicate,
            outcome=str(ending.outcome),
            reason=ending.reason,
            quality=known.get("quality"),
            reference=known.get("reference"),
            threads=self.settings.threads,
            data_hash=known.get("data_hash", ""),
            parameters=known.get("parameters", {}),
            remarks=known.get("remarks", []),
            cores=known.get("cores"),
            flops=known.get("flops"),
            bytes=known.get("bytes"),
            at=now(),
        )
        self.add(record)

    def add(self, record: Sample | OutcomeRecord) -> None:
        """Write a record, then tell of it."""
        self.recorder.add(record)
        self.listener.record(record)


@dataclass
class Turn:
    """One implementation in one replicate: its worker, and how it is doing."""

    run: _Run
    prepared: Prepared
    implementation: Implementation
    replicate: int
    stack: ExitStack
    ending: Ending | None = None
    last: float = 0.0  # seconds of the latest execution
    quality: float | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    cores: list[float] = field(default_factory=list)
    worker: Worker | None = None

    @property
    def cell(self) -> Cell:
        """Its cell."""
        return self.prepared.group.cell(self.implementation, self.prepared.facts["rows"])

    @property
    def timeout(self) -> float:
        """Seconds an execution may take."""
        return self.run.settings.timeout or TIMEOUTS[self.prepared.group.size]

    def begin(self) -> None:
        """Start the worker, run cold, and warm up."""
        group, settings = self.prepared.group, self.run.settings
        limit = settings.memory_limit
        if limit is None and self.implementation.device == "cpu":  # a GPU driver reserves far more than it uses
            limit = int(MEMORY_SHARE * machine.memory_limit())
        try:
            self.worker = self.stack.enter_context(Worker(self.implementation.device, settings.threads))
            self.worker.ask(
                {
                    "do": "load",
                    "task": _place(group),
                    "implementation": self.implementation.id,
                    "dataset": group.dataset.name,
                    "folder": self.prepared.facts["folder"],
                    "reference": self.prepared.facts["reference"],
                    "threads": settings.threads,
                    "seed": group.request.seed,
                    "memory_limit": limit,
                },
                MAKE_TIMEOUT,
            )
        except Ended as ended:
            self._give_up(ended.ending)
            return
        self.take("cold", 0)
        for number in range(WARMUPS):
            before = self.last
            if self.ending is not None or not self.take("warmup", number):
                return
            if self.last > STEADY * before:
                return

    def take(self, phase: Phase, number: int) -> bool:
        """Execute once and record it; False where that was the end of it."""
        if self.worker is None or self.ending is not None:
            return False
        group = self.prepared.group
        self.run.listener.status(
            f"{group.title}: {self.implementation.id}, replicate {self.replicate + 1}, {phase} {number + 1}"
        )
        try:
            reply = self.worker.ask({"do": "sample", "cold": phase == "cold"}, self.timeout)
        except Ended as ended:
            self._give_up(ended.ending)
            return False
        self.quality = reply["quality"]
        self.parameters = self.parameters or reply["parameters"]
        ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
        if ending != OK:
            self._give_up(ending)
            return False
        self.last = reply["seconds"] - reply["stages"].get("import", 0.0)
        if phase == "timed":
            self.cores.append(reply["cpu_seconds"] / reply["seconds"])
        self.run.add(
            Sample(
                cell=self.cell,
                replicate=self.replicate,
                round=number,
                phase=phase,
                seconds=reply["seconds"],
                stages=reply["stages"],
                quality=reply["quality"],
                cpu_seconds=reply["cpu_seconds"],
                peak_host_bytes=reply["peak_host_bytes"],
                peak_device_bytes=None,
                joules=None,
                threads=self.run.settings.threads,
                data_hash=self._hash,
                at=now(),
            )
        )
        return True

    def finish(self) -> None:
        """Record how it went, if that is not yet known; at first also whether it left its data as it was."""
        if self.ending is not None or self.worker is None:
            return
        try:
            if self.replicate == 0 and self.worker.ask({"do": "unchanged"}, MAKE_TIMEOUT)["hash"] != self._hash:
                self._give_up(Ending(Outcome.FAILED, "changed its input, so later executions had other data"))
                return
        except Ended as ended:
            self._give_up(ended.ending)
            return
        self._record(OK)

    @property
    def _hash(self) -> str:
        return str(self.prepared.facts["hash"])

    def _give_up(self, ending: Ending) -> None:
        self.ending = ending
        if self.implementation in self.prepared.open:
            self.prepared.open.remove(self.implementation)
        if self.worker is not None:
            self.worker.close()
        self._record(ending)

    def _record(self, ending: Ending) -> None:
        facts = self.prepared.facts
        self.run._end(
            self.cell,
            self.replicate,
            ending,
            quality=self.quality,
            reference=facts["reference"],
            data_hash=self._hash,
            parameters=self.parameters,
            remarks=facts["remarks"],
            cores=sum(self.cores) / len(self.cores) if self.cores else None,
            flops=facts["flops"],
            bytes=facts["moved"],
        )


def _place(group: Group) -> dict[str, Any]:
    """Where a worker finds the group's task."""
    task = group.task
    return {"folder": str(task.file.parent.parent), "package": task.package, "file": str(task.file)}
