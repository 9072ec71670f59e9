"""One implementation in one replicate: its worker from start to end, and its records."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from time import monotonic
from typing import Any, Protocol

from residency.harness import piped
from residency.harness.accelerators import ACCELERATORS, Calls
from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.records import Cell, OutcomeRecord, Phase, Recorder, Sample, now
from residency.harness.task import Implementation
from residency.runners import environments, fallback, machine, suspicion
from residency.runners.budget import Budget
from residency.runners.plan import Group
from residency.runners.process import START_TIMEOUT, Ended, Worker
from residency.runners.resume import Done
from residency.runners.settings import Settings
from residency.runners.watch import Watch

WARMUPS = 20  # at most
WARMUP_SECONDS = 2.0  # after this time, one execution that is no faster than those before is enough
STEADY = 0.95  # of the fastest so far: an execution that takes longer is no faster
SAMPLE_SECONDS = 0.005  # a sample lasts at least this long: shorter calls are timed several in a row
COMPILING = 240.0  # additional seconds for a cold execution, which may compile
LEAD_IN_SECONDS = 0.05  # an untimed call precedes calls that are shorter; in longer ones cold caches cost little
SHORTEST = 1e-9  # seconds; an execution counts as at least this long
TOLD_SECONDS = 0.2  # executions that take longer are announced one by one
MEMORY_SHARE = 0.9  # of this machine's memory, for one worker
MAKE_TIMEOUT = 4 * 3600.0  # seconds; long, because a run does not measure how data is made
COUNTING = 4  # times as long as a cold execution may take: to count calls slows them
FUNCTIONS = 3  # that are named in a reason
POOLS_TIMEOUT = 20.0  # seconds for a worker to tell what it has loaded
TIMEOUTS = {"smoke": 60.0, "lab": 600.0, "lecture": 1800.0, "production": 4 * 3600.0, "full": 600.0}


class OutOfTime(Exception):
    """The run's limit came while something was running; says what was interrupted."""


class Listener(Protocol):
    """Receives what happens in a run, as it happens."""

    def status(self, text: str) -> None:
        """What is being done now."""

    def note(self, text: str) -> None:
        """Something that the user must know."""

    def record(self, record: Sample | OutcomeRecord) -> None:
        """A record that was just written."""


@dataclass
class Ledger:
    """How to measure, where to write the records, and whom to tell."""

    settings: Settings
    recorder: Recorder
    listener: Listener
    deadline: float = math.inf  # by the monotonic clock: what is running then is interrupted
    budget: Budget = field(default_factory=Budget)

    def within(self, seconds: float) -> float:
        """This number of seconds, but no more than the time that is left."""
        return min(seconds, max(0.0, self.deadline - monotonic()))

    def check(self, ending: Ending, what: str) -> None:
        """Raise `OutOfTime` if the run's limit ended something, because that says nothing about the thing itself."""
        if ending.outcome is Outcome.TIMEOUT and monotonic() >= self.deadline:
            raise OutOfTime(what)

    def end(self, cell: Cell, replicate: int, ending: Ending, **known: Any) -> None:
        """Record how a cell ended in a replicate, with what is known about it."""
        record = OutcomeRecord(
            cell=cell,
            replicate=replicate,
            outcome=str(ending.outcome),
            reason=ending.reason,
            quality=known.get("quality"),
            reference=known.get("reference"),
            threads=known.get("threads", self.settings.threads),
            data_hash=known.get("data_hash", ""),
            parameters=known.get("parameters", {}),
            remarks=known.get("remarks", []),
            cores=known.get("cores"),
            flops=known.get("flops"),
            bytes=known.get("bytes"),
            at=now(),
            asked=self.settings.replicates,
            **{name: known[name] for name in ("unknown", "tier", "key", "judged", "pools") if name in known},
        )
        self.add(record)

    def add(self, record: Sample | OutcomeRecord) -> None:
        """Write a record, then tell the listener."""
        self.recorder.add(record)
        self.listener.record(record)


@dataclass
class Prepared:
    """A group whose data is made, and what must still be measured in it."""

    group: Group
    facts: dict[str, Any]
    open: list[Implementation]
    alone: bool  # whether memory forbids keeping all workers alive together
    key: str
    known: Done  # what was known before, and what is added to it
    made: float = 0.0  # seconds that making the data took; 0 as soon as a sample has recorded them
    last_seconds: float = 0.0  # wall-clock time of its last replicate
    settled: bool = False  # whether the ratios are as precise as the user asked
    cold: dict[str, float] = field(default_factory=dict)  # seconds of the latest cold executions

    @property
    def complete(self) -> int:
        """The number of replicates that all implementations in `open` have."""
        return min((len(self.known.ok.get(implementation.id, ())) for implementation in self.open), default=0)


@dataclass
class Turn:
    """One implementation in one replicate: its worker, and its progress."""

    ledger: Ledger
    prepared: Prepared
    implementation: Implementation
    replicate: int
    stack: ExitStack
    ending: Ending | None = None
    last: float = 0.0  # seconds of the latest execution
    calls: int = 1  # executions in a timed sample
    lead_in: bool = False  # whether an untimed one comes before them
    aside: float = 0.0  # seconds off the clock for the latest execution
    judged: float = 0.0  # of these, seconds of judging
    cut: str | None = None  # how far it warmed up, if the budget left no time for more
    quality: float | None = None
    basis: dict[str, Any] | None = None  # how its quality was judged
    seen: list[float] = field(default_factory=list)  # seconds of executions on data in an order that it had seen
    unseen: list[float] = field(default_factory=list)  # seconds of executions on data in a new order
    unknown: dict[str, str] = field(default_factory=dict)
    doubt: str | None = None  # why it is not known whether it ran on the GPU as it should
    parameters: dict[str, Any] = field(default_factory=dict)
    cores: list[float] = field(default_factory=list)
    pools: list[dict[str, Any]] = field(default_factory=list)  # BLAS and OpenMP libraries that its worker had loaded
    worker: Worker | None = None

    @property
    def cell(self) -> Cell:
        """The cell of this turn."""
        return self.prepared.group.cell(self.implementation, self.prepared.facts["rows"])

    @property
    def threads(self) -> int:
        """Number of threads; on a cluster, of all workers together."""
        return self.ledger.settings.threads_of(self.implementation) * max(1, self.implementation.workers)

    @property
    def _on_a_gpu_here(self) -> bool:
        """Whether it should run on a GPU in processes that are started here."""
        elsewhere = self.implementation.runner == "cluster" and self.ledger.settings.scheduler is not None
        return self.implementation.device == "gpu" and not elsewhere

    def timeout(self, phase: Phase) -> float:
        """Seconds an execution may take: the user's timeout, else one by the size, and more for a cold execution."""
        asked = self.ledger.settings.timeout
        if phase == "cold":
            return self.ledger.settings.cold_timeout or asked or timeout_of(self.prepared.group) + COMPILING
        return asked or timeout_of(self.prepared.group)

    def begin(self, turns: int = 1) -> None:
        """Start the worker, run cold, and warm up; this is the first of `turns` turns that start now."""
        group, settings, budget = self.prepared.group, self.ledger.settings, self.ledger.budget
        if budget.used_up:
            return
        part, start = budget.part(turns), budget.clock()
        budget.waiting = max(0, budget.waiting - 1)
        try:
            gate = settings.gate and self.implementation.runner == "local"
            threads = settings.threads_of(self.implementation)
            patience = self.ledger.within(START_TIMEOUT)
            self.worker = self.stack.enter_context(
                Worker(
                    self.implementation.device,
                    threads,
                    gate,
                    patience,
                    extra=_variables(self.implementation),
                    python=environments.interpreter(self.implementation.environment),
                )
            )
            request = load_request(group, self.implementation, self.prepared.facts, settings)
            loaded = self.worker.ask(request, self.ledger.within(MAKE_TIMEOUT))
        except Ended as ended:
            self._give_up(ended.ending)
            return
        self.aside, self.prepared.made = loaded["seconds"] + self.prepared.made, 0.0
        if self.take("cold", 0):
            self._warm_up(part, start)

    def _warm_up(self, part: float, start: float) -> None:
        """Execute until the times no longer fall: until two in a row are no faster than the fastest before.

        It stops earlier if the budget has only `part` seconds for everything since the `start`.
        """
        budget = self.ledger.budget
        times: list[float] = []
        spent, steady = 0.0, 0
        for number in range(WARMUPS):
            if not budget.warms_up(self.last + self.judged, budget.clock() - start, part):
                self.cut = "without a warm-up" if not times else f"after {len(times)} of the executions that warm up"
                break
            if not self.take("warmup", number):
                return
            steady = steady + 1 if times and self.last > STEADY * min(times) else 0
            times.append(self.last)
            spent += self.last
            if steady >= 2 or (spent > WARMUP_SECONDS and (steady or self.last > WARMUP_SECONDS)):
                break
        fastest = min(times, default=self.last)
        self.calls = max(1, math.ceil(SAMPLE_SECONDS / fastest))
        self.lead_in = self.implementation.runner == "local" and fastest < LEAD_IN_SECONDS

    def take(self, phase: Phase, number: int) -> bool:
        """Execute once and record it; False if the implementation ended with it."""
        if self.worker is None or self.ending is not None or self.ledger.budget.used_up:
            return False
        group = self.prepared.group
        if self.last == 0.0 or self.last > TOLD_SECONDS:
            about = f"{self.implementation.id}, replicate {self.replicate + 1}, {phase} {number + 1}"
            self.ledger.listener.status(f"{group.title}: {about}")
        try:
            calls, lead_in = (self.calls, self.lead_in) if phase == "timed" else (1, False)
            request = {"do": "sample", "cold": phase == "cold", "calls": calls, "lead_in": lead_in}
            request["shares"] = phase == "timed" and self.basis is None
            request["fresh"] = None if phase == "timed" else self._order()
            trace = fallback.Trace() if phase == "cold" and self._on_a_gpu_here else None
            gpus = max(1, self.implementation.workers) if self._on_a_gpu_here else 0
            watch = self.worker.watch(self.implementation.device, trace, gpus)
            reply = self.worker.ask(request, self.ledger.within(self.timeout(phase)), watch)
        except Ended as ended:
            self._give_up(self._placed(ended.ending))
            return False
        self.quality = reply["quality"]
        self.parameters = self.parameters or reply["parameters"]
        ending = Ending(Outcome(reply["ending"]["outcome"]), reply["ending"]["reason"])
        if ending == OK:
            ending = suspicion.too_fast(self.implementation, self.prepared.facts, reply["seconds"]) or OK
        if ending == OK and phase == "cold" and self.implementation.device == "gpu":
            ending, self.doubt = fallback.judge(self.implementation, trace, reply["context"], self.worker.log())
        if ending != OK:
            self._give_up(ending)
            return False
        self.basis = self.basis or reply["judged"]
        (self.seen if phase == "timed" else self.unseen).append(reply["seconds"])
        self.last = max(reply["seconds"] - reply["stages"].get("import", 0.0), SHORTEST)
        if phase == "cold":
            self.prepared.cold[self.implementation.id] = reply["seconds"]
        self._keep(phase, number, calls, reply, watch)
        return True

    def _keep(self, phase: Phase, number: int, calls: int, reply: Mapping[str, Any], watch: Watch) -> None:
        """Record an execution that went well."""
        self.judged = reply["aside"]
        self.aside = self.judged + (self.aside if phase == "cold" else 0.0)
        watched = calls + (self.lead_in if phase == "timed" else 0)  # executions, including those off the clock
        children = watch.children_cpu_seconds / watched
        cpu, others = reply["cpu_seconds"] + children, reply["other_cpu_seconds"]
        self.unknown = watch.unknown | ({"fell_back": self.doubt} if self.doubt else {})
        if phase == "timed":
            self.cores.append(cpu / reply["seconds"])
        sample = Sample(
            cell=self.cell,
            replicate=self.replicate,
            round=number,
            phase=phase,
            seconds=reply["seconds"],
            stages=reply["stages"],
            quality=reply["quality"],
            cpu_seconds=cpu,
            peak_host_bytes=max(reply["peak_host_bytes"] or 0, watch.peak_host_bytes) or None,
            peak_device_bytes=watch.peak_device_bytes,
            joules=None if watch.joules is None else watch.joules / watched,
            cpu_joules=None if watch.cpu_joules is None else watch.cpu_joules / watched,
            device_megahertz=watch.device_megahertz,
            slowed_by=sorted(watch.slowed_by),
            tenants=watch.tenants,
            gpus=[_of_one_call(gpu, watched) for gpu in watch.gpus],
            threads=self.threads,
            data_hash=self._hash,
            at=now(),
            calls=calls,
            figures=reply["figures"],
            cluster=reply["cluster"],
            events=[*reply["events"], *self._short_of_time(phase)],
            other_cpu_seconds=None if others is None else max(0.0, others - children),
            key=self.prepared.key,
            aside_seconds=self.aside,
            waited_seconds=reply["waited_seconds"],
        )
        self.prepared.known.add(sample)
        self.ledger.add(sample)

    def _short_of_time(self, phase: Phase) -> list[str]:
        """The event that it was timed before it was warm; recorded with the first timed sample."""
        if phase != "timed" or self.cut is None:
            return []
        event, self.cut = f"timed {self.cut}: the budget left no time for more", None
        return [event]

    def finish(self) -> None:
        """Record how it ended, if not yet known; in the first replicate also check that it did not change its data."""
        if self.ending is not None or self.worker is None:
            return
        try:
            if self.replicate == 0 and not self._unchanged(self.worker):
                why = "changed its input, so later executions had other data: work on a copy"
                self._give_up(self._placed(Ending(Outcome.FAILED, why)))
                return
            if self.replicate == 0 and (remembered := self._remembers(self.worker)):
                self._give_up(self._placed(Ending(Outcome.WRONG, remembered)))
                return
            if self.replicate == 0 and self.implementation.accelerator and (nothing := self._counted(self.worker)):
                self._give_up(Ending(Outcome.FELL_BACK, nothing))
                return
        except Ended as ended:
            self._give_up(ended.ending)
            return
        if self.replicate == 0:
            self.pools = self.worker.pools(self.ledger.within(POOLS_TIMEOUT))
        self.keep()

    def keep(self) -> None:
        """Record what was measured as ok, if anything was and nothing else is known."""
        if self.ending is None and self.cores:
            self.ending = OK
            self.prepared.known.ok.setdefault(self.implementation.id, set()).add(self.replicate)
            self._record(OK)

    def _unchanged(self, worker: Worker) -> bool:
        """Whether its data is as it was before all executions."""
        reply = worker.ask({"do": "unchanged"}, self.ledger.within(MAKE_TIMEOUT))
        return bool(reply["hash"] == self._hash)

    def _order(self) -> int:
        """The number of a request: each request asks the same questions in a different order."""
        return 1_000 * self.replicate + len(self.unseen)

    def _remembers(self, worker: Worker) -> str | None:
        """The evidence that it remembers results instead of computing them again; None if there is none."""

        def ask() -> tuple[float, float]:
            request = {"do": "sample", "cold": False, "calls": 1, "fresh": self._order()}
            patience = self.ledger.within(self.timeout("timed"))
            first, again = (worker.ask(request, patience)["seconds"] for _ in range(2))
            self.unseen.append(first)
            return first, again

        return suspicion.remembers(ask) if suspicion.may_remember(self.unseen[1:], self.seen) else None

    def _counted(self, worker: Worker) -> str | None:
        """Note which calls its accelerator ran on either device; the evidence if none ran on the GPU."""
        calls = Calls(**worker.ask({"do": "count"}, self.ledger.within(COUNTING * self.timeout("cold"))))
        told = {"calls_on_gpu": calls.on_gpu, "calls_on_cpu": calls.on_cpu}
        self.parameters = {**self.parameters, **told, "functions_on_cpu": sorted(calls.cpu)}
        if calls.on_gpu:
            return None
        if not calls.on_cpu:
            return f"{fallback.FELL_BACK}: {self.implementation.accelerator} took none of its calls"
        named = ", ".join(sorted(calls.cpu)[:FUNCTIONS])
        return f"{fallback.FELL_BACK}: {calls.on_cpu} of {calls.on_cpu} calls ({named})"

    @property
    def _hash(self) -> str:
        return str(self.prepared.facts["hash"])

    def _placed(self, ending: Ending) -> Ending:
        """The ending, with the place of the implementation if it names no line of code."""
        if ending.outcome is not Outcome.FAILED:
            return ending
        return Ending(ending.outcome, f"{ending.reason} ({self.implementation.place})")

    def _give_up(self, ending: Ending) -> None:
        self.ledger.check(ending, f"{self.prepared.group.title}: {self.implementation.id}")
        self.ending = ending
        if self.implementation in self.prepared.open:
            self.prepared.open.remove(self.implementation)
        if self.worker is not None:
            self.worker.close()
        self._record(ending)

    def _record(self, ending: Ending) -> None:
        facts = self.prepared.facts
        flops, moved = facts.get("best") or (facts["flops"], facts["moved"])
        self.ledger.end(
            self.cell,
            self.replicate,
            ending,
            quality=self.quality,
            judged=self.basis if ending == OK else None,
            reference=facts["reference"],
            data_hash=self._hash,
            parameters=self.parameters,
            remarks=facts["remarks"],
            cores=sum(self.cores) / len(self.cores) if self.cores else None,
            flops=flops,
            bytes=moved,
            unknown=self.unknown,
            threads=self.threads,
            key=self.prepared.key,
            pools=self.pools,
        )


def _variables(implementation: Implementation) -> dict[str, str]:
    """What an implementation's accelerator must find in the environment, unless the user has set it."""
    known = ACCELERATORS.get(implementation.accelerator)
    return {} if known is None else {name: text for name, text in known.environment.items() if name not in os.environ}


def _of_one_call(gpu: Mapping[str, Any], executions: int) -> dict[str, Any]:
    """A GPU's figures during a sample of several executions, for one of them."""
    joules = gpu["joules"]
    return {**gpu, "joules": None if joules is None else joules / executions}


def make(group: Group, threads: int, within: Callable[[float], float] = float) -> dict[str, Any]:
    """Make a group's data in its own process, unless the cache holds it; returns the facts about it.

    `within` limits a number of seconds to the time that is left. Raises `Ended` if making fails, and `UsageError` if
    the user's own file cannot be used.
    """
    request = {entry.name: getattr(group.request, entry.name) for entry in fields(group.request)}
    with Worker("cpu", threads, patience=within(START_TIMEOUT)) as worker:
        facts = worker.ask({"do": "make", "task": _place(group), "data": request}, within(MAKE_TIMEOUT))
    if group.request.path is not None and (origin := piped.origin(group.request.path)) is not None:
        facts["remarks"] = [f"read once, from {origin}; its copy: {group.request.path}", *facts["remarks"]]
    return facts


def timeout_of(group: Group) -> float:
    """Seconds one execution may take, by the size."""
    return TIMEOUTS[group.scale]


def load_request(
    group: Group,
    implementation: Implementation,
    facts: Mapping[str, Any],
    settings: Settings,
) -> dict[str, Any]:
    """The request to a worker to load made data into memory for an implementation."""
    memory_limit, cluster = settings.memory_limit, None
    if implementation.runner == "cluster":  # each of its workers has this limit
        each = memory_limit or int(MEMORY_SHARE * machine.memory_limit() / implementation.workers)
        threads = settings.threads_of(implementation)
        where = {"scheduler": settings.scheduler, "dashboard": settings.dashboard}
        cluster = {"threads": threads, "memory_limit": each, **where}
        if implementation.device == "gpu":
            cluster["protocol"] = settings.between_gpus
        memory_limit = None
    elif memory_limit is None and implementation.device == "cpu":  # a GPU driver reserves far more than it uses
        memory_limit = int(MEMORY_SHARE * machine.memory_limit())
    return {
        "do": "load",
        "task": _place(group),
        "implementation": implementation.id,
        "dataset": group.dataset.name,
        "folder": facts["folder"],
        "reference": facts["reference"],
        "ceiling": facts["ceiling"],
        "rows": group.request.rows,
        "threads": settings.threads_of(implementation),
        "cluster": cluster,
        "seed": group.request.seed,
        "memory_limit": memory_limit,
    }


def _place(group: Group) -> dict[str, Any]:
    """Where a worker finds the group's task."""
    task = group.task
    additions = [str(file) for file in task.additions]
    return {
        "folder": str(task.file.parent.parent),
        "package": task.package,
        "file": str(task.file),
        "additions": additions,
    }
