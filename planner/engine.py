"""The event simulation: people who think and run jobs, and the units of hardware that they share.

A person is a generator. It yields a number of minutes (it thinks) or a `Job` (it waits until this has ended), and gets
back what time it is then. A pool is a list of units.

    Exclusive   a card or a MIG slice: runs one job at a time
    Shared      a card with time slicing: runs several jobs at a time, each more slowly

Rules
    Choice of a unit    A job takes the smallest free unit on which its memory fits; of equal ones the fastest; of
                        shared cards the one with the fewest jobs, and of these the one that has had them longest.
    Choice of a job     A free unit takes the first in line of those that fit. The line is ordered by priority (0 is
                        first), then by arrival. No running job is stopped. On a shared card, a job that needs little
                        memory may pass one that needs more than is left.
    Gangs               A gang takes several whole cards of one kind at once. While a gang is first in line for a kind,
                        free cards of it stay free until there are enough: no later job fills the gap (no backfilling).
    Reservations        While one holds, a job of priority 1 or more starts only if enough places stay free after it. An
                        exclusive unit is one place, a shared card has as many as it runs jobs. Where reservations
                        overlap, the largest holds.

Memory and gang of jobs should come from few values, as those of labs do: each combination has its own line.

Every time is in minutes, every memory in bytes. Equal inputs give equal traces. A million jobs take a few seconds:
`tests/trials/planner_speed.py`.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heappushpop
from itertools import count
from typing import Any, final

from residency.harness.errors import UsageError

GIGABYTE = 1e9


@final
@dataclass(slots=True)
class Job:
    """One piece of work for the pool.

    `service` is in minutes on a unit of speed 1. `memory` is the device memory that it needs, in bytes. `gang` is the
    number of units that it needs at once. `activity` and `tag` only mark its row in the trace.
    """

    activity: int
    priority: int
    service: float
    memory: int = 0
    gang: int = 1
    tag: int = 0


Person = Generator[float | Job, float, None]


@dataclass(frozen=True, slots=True)
class Exclusive:
    """A unit that runs one job at a time: a whole card, or a MIG slice, which cannot be part of a gang."""

    memory: int
    speed: float = 1.0
    whole: bool = True

    def __post_init__(self) -> None:
        _check(self.memory >= 0, "memory", self.memory)
        _check(0.0 < self.speed < math.inf, "speed", self.speed)


@dataclass(frozen=True, slots=True)
class Shared:
    """A card with time slicing: up to `most` jobs at a time, as far as the sum of their memory fits.

    n jobs run at speed / (n * (1 + overhead * (n - 1))) each: processor sharing, with a loss for each further job.
    """

    memory: int
    most: int
    speed: float = 1.0
    overhead: float = 0.0

    def __post_init__(self) -> None:
        _check(self.memory >= 0, "memory", self.memory)
        _check(self.most >= 1, "most", self.most)
        _check(0.0 < self.speed < math.inf, "speed", self.speed)
        _check(0.0 <= self.overhead < math.inf, "overhead", self.overhead)


Unit = Exclusive | Shared


@dataclass(frozen=True, slots=True)
class Reserved:
    """From `start` to `end`, jobs of priority 1 or more leave at least `units` places free."""

    start: float
    end: float
    units: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that had not started when the simulation stopped."""

    activity: int
    tag: int
    arrival: float


@dataclass(slots=True)
class Trace:
    """What happened: a row for each job that started, in the order of the starts.

    `service` is what the job asked for, on a unit of speed 1. `end` is infinite for a job that still ran when the
    simulation stopped. `unit` is its place in the pool; for a gang,
    that of its first unit. `gangs` has all units of each gang by its row. `busy` has, for each unit of the pool,
    the minutes in which it ran at least one job. `unfinished` has those who were still waiting. `stopped` is when the
    simulation stopped: `until`, or the last event.
    """

    activity: array[int] = field(default_factory=lambda: array("i"))
    tag: array[int] = field(default_factory=lambda: array("q"))
    arrival: array[float] = field(default_factory=lambda: array("d"))
    start: array[float] = field(default_factory=lambda: array("d"))
    service: array[float] = field(default_factory=lambda: array("d"))
    end: array[float] = field(default_factory=lambda: array("d"))
    unit: array[int] = field(default_factory=lambda: array("i"))
    gangs: dict[int, tuple[int, ...]] = field(default_factory=dict)
    busy: list[float] = field(default_factory=list)
    unfinished: list[Waiting] = field(default_factory=list)
    stopped: float = 0.0

    def __len__(self) -> int:
        return len(self.start)

    def digest(self) -> str:
        """A fingerprint of all rows. Times count to a millionth of a minute, so every machine gets the same."""
        text = hashlib.sha256()
        for row in zip(self.activity, self.tag, self.arrival, self.start, self.end, self.unit, strict=True):
            text.update("{} {} {:.6f} {:.6f} {:.6f} {}\n".format(*row).encode())
        for waiting in self.unfinished:
            text.update(f"{waiting.activity} {waiting.tag} {waiting.arrival:.6f}\n".encode())
        return text.hexdigest()


def misfit(pool: Sequence[Unit], memory: int, gang: int = 1) -> str:
    """Why a job with this memory (bytes) and gang can never run on this pool; empty if it can."""
    if any(_kind_fits(unit, memory, gang, pool) for unit in pool):
        return ""
    largest = max((unit.memory for unit in pool), default=0)
    if not pool:
        return "there is no unit"
    if memory > largest:
        return f"it needs {memory / GIGABYTE:.4g} GB; the largest unit has {largest / GIGABYTE:.4g} GB"
    fitting = [unit for unit in pool if unit.memory >= memory]
    whole = [unit for unit in fitting if isinstance(unit, Exclusive) and unit.whole]
    if not whole:
        held = "shared cards" if any(isinstance(unit, Shared) for unit in fitting) else "MIG slices"
        return f"it needs {gang} whole cards at once; {held} cannot run one job together"
    most = max(map(whole.count, whole))
    return f"it needs {gang} equal whole cards at once; the pool has {most}"


def fits(pool: Sequence[Unit], memory: int, gang: int = 1) -> bool:
    """Whether a job with this memory (bytes) and gang can run on this pool."""
    return not misfit(pool, memory, gang)


def run(
    pool: Sequence[Unit],
    people: Iterable[tuple[float, Person]],
    reserved: Iterable[Reserved] = (),
    until: float = math.inf,
) -> Trace:
    """Let these people, each from a time on, use this pool until nobody does anything any more, or until a time.

    Raises `UsageError` for a job that can never run on the pool, and `ValueError` for a time that is negative or no
    number.
    """
    return _Simulation(pool, people, reserved, until).run()


def _check(right: bool, name: str, value: float) -> None:
    if not right:
        raise ValueError(f"{name}: {value}")


def _kind_fits(unit: Unit, memory: int, gang: int, pool: Sequence[Unit]) -> bool:
    """Whether a job can run on units like this one."""
    if unit.memory < memory:
        return False
    return gang == 1 or (isinstance(unit, Exclusive) and unit.whole and pool.count(unit) >= gang)


_Send = Callable[[Any], float | Job]
_Entry = tuple[int, int, float, Job, _Send]  # priority and order, which sort it; arrival, the job, and its person


class _Line:
    """Those who wait with equal needs and priority, in the order of their arrivals."""

    __slots__ = ("entries", "gang", "kinds", "memory")

    def __init__(self, memory: int, gang: int, kinds: list[_Cards | _SharedCards]) -> None:
        self.memory = memory
        self.gang = gang
        self.kinds = kinds  # on which they fit, in the order in which they try them
        self.entries: deque[_Entry] = deque()


class _Cards:
    """Equal exclusive units."""

    __slots__ = ("free", "lines", "model", "speed")

    def __init__(self, model: Exclusive, places: list[int]) -> None:
        self.model = model
        self.speed = model.speed
        self.free = places  # a heap: the first free one is taken
        self.lines: list[_Line] = []  # those in which somebody waits who fits here


class _SharedCards:
    """Equal shared cards, by the number of jobs that they run."""

    __slots__ = ("by_jobs", "lines", "model", "most_left", "places")

    def __init__(self, model: Shared, places: list[int]) -> None:
        self.model = model
        self.lines: list[_Line] = []
        cards = (_Card(self, place) for place in places)
        self.by_jobs: list[dict[_Card, None]] = [dict.fromkeys(cards)]  # dicts: sets that keep their order
        self.places = model.most * len(places)  # that are free
        self.most_left = model.memory  # no card with a place has more; may be too high, and saves a search otherwise

    def choose(self, memory: int) -> _Card | None:
        """The card with the fewest jobs that has a place and this much memory left."""
        if memory > self.most_left:
            return None
        most_left = -1
        for cards in self.by_jobs[: self.model.most]:
            for card in cards:
                if card.left >= memory:
                    return card
                most_left = max(most_left, card.left)
        self.most_left = most_left
        return None


class _Card:
    """One shared card.

    Its own clock (`work`) runs as fast as each of its jobs: a job ends when this clock has advanced by its service.
    """

    __slots__ = ("busy", "jobs", "kind", "left", "rate", "seen", "unit", "version", "work")

    def __init__(self, kind: _SharedCards, unit: int) -> None:
        self.kind = kind
        self.unit = unit
        self.left = kind.model.memory
        self.jobs: list[tuple[float, int, int, int, _Send]] = []  # heap: end by `work`, order, row, memory, ...
        self.work = self.seen = self.busy = 0.0
        self.rate = 0.0
        self.version = 0  # of the event that is its next end: older ones count no more

    def advance(self, now: float) -> None:
        """Bring the card's own clock up to now."""
        if self.jobs:
            self.work += (now - self.seen) * self.rate
            self.busy += now - self.seen
        else:
            self.work = 0.0
        self.seen = now

    def moved(self, before: int) -> None:
        """The number of jobs has changed: sort the card in among its kind, and find its new rate."""
        jobs, kind = len(self.jobs), self.kind
        if jobs == len(kind.by_jobs):
            kind.by_jobs.append({})
        del kind.by_jobs[before][self]
        kind.by_jobs[jobs][self] = None
        kind.places += before - jobs
        if jobs:
            self.rate = kind.model.speed / (jobs * (1.0 + kind.model.overhead * (jobs - 1)))


# An event: its time and order, which sort it; then what happens.
#   somebody begins:                 their `send`, None, None
#   somebody has finished thinking:  their `send`, None, 0
#   a job on exclusive units ends:   their `send`, the kind, the unit or units
#   a job on a shared card ends:     None, the card, the event's version
#   a reservation begins or ends:    None, None, the number of places that are now reserved
_Event = tuple[float, int, _Send | None, Any, Any]


class _Simulation:
    """One run. The methods are on the path of every job: they avoid what costs time."""

    def __init__(
        self,
        pool: Sequence[Unit],
        people: Iterable[tuple[float, Person]],
        reserved: Iterable[Reserved],
        until: float,
    ) -> None:
        self.pool = pool
        self.until = until
        self.trace = Trace()
        self.times: array[float] = array("d")  # of each job: arrival, start, service, end
        self.marks: array[int] = array("q")  # of each job: activity, tag, unit
        self.order = count().__next__
        self.reserved = 0  # places
        self.lines: dict[tuple[int, int, int], _Line] = {}
        self.kinds = _kinds(pool)
        given: list[_Event] = [(time, self.order(), None, None, places) for time, places in _levels(reserved)]
        for start, person in people:
            _check(0.0 <= start < math.inf, "start", start)
            given.append((start, self.order(), person.send, None, None))
        self.given = sorted(given, reverse=True)  # the next one is the last
        self.events: list[_Event] = []  # a heap; of what is given it holds only the next, which keeps it small

    def run(self) -> Trace:
        events, given, until, order = self.events, self.given, self.until, self.order
        last = 0.0
        event = given.pop() if given else None
        while event and event[0] <= until:
            now, _, send, kind, what = event
            if given and (what is None or (kind is None and send is None)):  # this one was given
                heappush(events, given.pop())
            if kind is None:
                if send is None:
                    self.reserved = what
                    self.serve_all(now)
                    event = heappop(events) if events else None
                    continue
            elif send is not None:
                self.end(kind, what, now)
            elif what == kind.version:
                send = self.end_shared(kind, now)
            else:
                event = heappop(events) if events else None
                continue
            last = now
            try:
                request = send(None if what is None else now)
            except StopIteration:
                event = heappop(events) if events else None
                continue
            if type(request) is Job:
                self.arrive(request, send, now)
                event = heappop(events) if events else None
            elif 0.0 <= request < math.inf:
                event = heappushpop(events, (now + request, order(), send, None, 0))
            else:
                raise ValueError(f"a person thinks for {request} minutes")
        return self.finish(last)

    def arrive(self, job: Job, send: _Send, now: float) -> None:
        """Start a job at once if the rules allow it; otherwise it waits."""
        if not 0.0 <= job.service < math.inf:
            raise ValueError(f"a job of activity {job.activity} has a service time of {job.service} minutes")
        line = self.lines.get((job.priority, job.memory, job.gang)) or self.new_line(job)
        if not line.entries and (not self.reserved or self.leaves_enough(job)):
            for kind in line.kinds:
                if type(kind) is _Cards:
                    # Someone waits for this kind although a unit is free: a gang, or those whom a reservation holds.
                    if len(kind.free) >= job.gang and not (kind.lines and self.is_preceded(kind, job)):
                        self.start(kind, job, send, now, now)
                        return
                elif card := kind.choose(job.memory):  # type: ignore[union-attr]
                    self.start_shared(card, job, send, now, now)
                    self.schedule(card, now)
                    return
        if not line.entries:
            for kind in line.kinds:
                kind.lines.append(line)
        line.entries.append((job.priority, self.order(), now, job, send))

    def new_line(self, job: Job) -> _Line:
        """The line of those with a job's needs, in which nobody waits so far."""
        if job.gang < 1 or job.priority < 0:
            raise ValueError(f"a job of activity {job.activity} has gang {job.gang} and priority {job.priority}")
        if reason := misfit(self.pool, job.memory, job.gang):
            raise UsageError(f"a job of activity {job.activity} can never run: {reason}")
        kinds = [kind for kind in self.kinds if _kind_fits(kind.model, job.memory, job.gang, self.pool)]
        line = self.lines[job.priority, job.memory, job.gang] = _Line(job.memory, job.gang, kinds)
        return line

    def is_preceded(self, kind: _Cards, job: Job) -> bool:
        """Whether somebody waits for this kind who is before a job that arrives now."""
        return any(line.entries[0][0] <= job.priority for line in kind.lines)

    def leaves_enough(self, job: Job) -> bool:
        """Whether a job may start in spite of the reservation."""
        if not job.priority:
            return True
        free = sum(len(kind.free) if isinstance(kind, _Cards) else kind.places for kind in self.kinds)
        return free - job.gang >= self.reserved

    def serve_all(self, now: float) -> None:
        """Start whoever may start, on any unit, in the order of the line."""
        while self.start_first(now):
            pass

    def start_first(self, now: float) -> bool:
        """Start the first in line who may start; False if nobody may."""
        held: list[_Cards | _SharedCards] = []  # for gangs
        for line in sorted((line for line in self.lines.values() if line.entries), key=_head):
            if not self.reserved or self.leaves_enough(line.entries[0][3]):
                for kind in line.kinds:
                    if kind in held:
                        continue
                    if isinstance(kind, _Cards):
                        if len(kind.free) >= line.gang:
                            self.start_next(kind, line, now)
                            return True
                    elif card := kind.choose(line.memory):
                        self.start_next_shared(card, line, now)
                        self.schedule(card, now)
                        return True
            if line.gang > 1:
                held += line.kinds
        return False

    def serve(self, kind: _Cards, now: float) -> None:
        """Start whoever may start on units of this kind, while nothing is reserved."""
        while kind.free and kind.lines:
            line = kind.lines[0] if len(kind.lines) == 1 else min(kind.lines, key=_head)
            if len(kind.free) < line.gang:
                return
            self.start_next(kind, line, now)
            if line.gang > 1:  # it also held units of the other kinds on which it fits
                self.serve_all(now)

    def serve_shared(self, card: _Card, now: float) -> None:
        """Start whoever fits on this shared card, while nothing is reserved: who waits then fits on no other card."""
        lines, most = card.kind.lines, card.kind.model.most
        while len(card.jobs) < most and (fitting := [line for line in lines if line.memory <= card.left]):
            self.start_next_shared(card, min(fitting, key=_head), now)

    def start_next(self, kind: _Cards, line: _Line, now: float) -> None:
        """The first of a line starts on exclusive units."""
        _, _, arrival, job, send = self.leave(line)
        self.start(kind, job, send, arrival, now)

    def start_next_shared(self, card: _Card, line: _Line, now: float) -> None:
        """The first of a line starts on a shared card; `schedule` must follow."""
        _, _, arrival, job, send = self.leave(line)
        self.start_shared(card, job, send, arrival, now)

    def leave(self, line: _Line) -> _Entry:
        """The first of a line leaves it."""
        entry = line.entries.popleft()
        if not line.entries:
            for kind in line.kinds:
                kind.lines.remove(line)
        return entry

    def start(self, kind: _Cards, job: Job, send: _Send, arrival: float, now: float) -> None:
        """Start a job on exclusive units that are free."""
        end = now + job.service / kind.speed
        unit: Any = heappop(kind.free)
        self.times.extend((arrival, now, job.service, end))
        self.marks.extend((job.activity, job.tag, unit))
        if job.gang > 1:
            unit = (unit, *(heappop(kind.free) for _ in range(job.gang - 1)))
            self.trace.gangs[len(self.times) // 4 - 1] = unit
        heappush(self.events, (end, self.order(), send, kind, unit))

    def end(self, kind: _Cards, unit: Any, now: float) -> None:
        """A job on exclusive units ends: free its unit, or a gang's units, and start whoever may start."""
        if type(unit) is int:
            heappush(kind.free, unit)
        else:
            for member in unit:
                heappush(kind.free, member)
        if self.reserved:
            self.serve_all(now)
        elif kind.lines:
            self.serve(kind, now)

    def start_shared(self, card: _Card, job: Job, send: _Send, arrival: float, now: float) -> None:
        """Start a job on a shared card; `schedule` must follow."""
        card.advance(now)
        row = len(self.times) // 4
        self.times.extend((arrival, now, job.service, math.inf))
        self.marks.extend((job.activity, job.tag, card.unit))
        heappush(card.jobs, (card.work + job.service, self.order(), row, job.memory, send))
        card.left -= job.memory
        card.moved(len(card.jobs) - 1)

    def end_shared(self, card: _Card, now: float) -> _Send:
        """End the job on a shared card that is due, and start whoever may start; the job's person."""
        card.advance(now)
        card.work, _, row, memory, send = heappop(card.jobs)
        self.times[4 * row + 3] = now
        card.left += memory
        card.moved(len(card.jobs) + 1)
        kind = card.kind
        if self.reserved:
            kind.most_left = max(kind.most_left, card.left)
            self.serve_all(now)
        else:
            if kind.lines:
                self.serve_shared(card, now)
            kind.most_left = max(kind.most_left, card.left)
        self.schedule(card, now)
        return send

    def schedule(self, card: _Card, now: float) -> None:
        """Plan the next end on a shared card."""
        card.version += 1
        if card.jobs:
            end = now + max(0.0, card.jobs[0][0] - card.work) / card.rate
            heappush(self.events, (end, self.order(), None, card, card.version))

    def finish(self, last: float) -> Trace:
        """Complete the trace: who still waits or runs, and how long every unit was busy."""
        trace, times, marks = self.trace, self.times, self.marks
        trace.arrival, trace.start, trace.service, trace.end = (times[column::4] for column in range(4))
        trace.activity, trace.tag, trace.unit = array("i", marks[::3]), marks[1::3], array("i", marks[2::3])
        trace.stopped = last if math.isinf(self.until) else self.until
        waiting = sorted((entry for line in self.lines.values() for entry in line.entries), key=lambda entry: entry[1])
        trace.unfinished = [Waiting(job.activity, job.tag, arrival) for _, _, arrival, job, _ in waiting]
        busy = [0.0] * len(self.pool)
        for kind in self.kinds:
            if isinstance(kind, _SharedCards):
                for card in (card for cards in kind.by_jobs for card in cards):
                    card.advance(trace.stopped)
                    busy[card.unit] = card.busy
        exclusive = [isinstance(unit, Exclusive) for unit in self.pool]
        for row, (start, end, unit) in enumerate(zip(trace.start, trace.end, trace.unit, strict=True)):
            if exclusive[unit]:
                for member in trace.gangs.get(row, (unit,)) if trace.gangs else (unit,):
                    busy[member] += min(end, trace.stopped) - start
                if end > trace.stopped:
                    trace.end[row] = math.inf
        trace.busy = busy
        return trace


def _head(line: _Line) -> _Entry:
    return line.entries[0]


def _kinds(pool: Sequence[Unit]) -> list[_Cards | _SharedCards]:
    """The units by their kind, in the order in which jobs try them: small first, then fast, then exclusive."""
    places: dict[Unit, list[int]] = {}
    for place, unit in enumerate(pool):
        places.setdefault(unit, []).append(place)
    ordered = sorted(places, key=lambda unit: (unit.memory, -unit.speed, isinstance(unit, Shared)))
    return [
        _SharedCards(unit, places[unit]) if isinstance(unit, Shared) else _Cards(unit, places[unit]) for unit in ordered
    ]


def _levels(reserved: Iterable[Reserved]) -> list[tuple[float, int]]:
    """When the number of reserved places changes, and to what."""
    windows = [window for window in reserved if window.end > window.start and window.units > 0]
    times = sorted({time for window in windows for time in (window.start, window.end) if time < math.inf})
    return [
        (time, max((window.units for window in windows if window.start <= time < window.end), default=0))
        for time in times
    ]
