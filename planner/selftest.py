"""The planner's self-test: queues whose waits are known exactly, simulated by the same engine as every plan.

    checks     each closed form of `exact` must lie within the interval of its simulation; what a trace says of units
               and memory must keep the rules
    coverage   how often the 95 % interval over 20 replications holds the exact mean, over many random cohorts

A steady state is simulated without start-up bias: a finite source starts in it, and the first jobs of a queue with
arrivals from outside do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import fmean
from typing import Any

from residency.harness.statistics import Interval
from residency.planner import exact, interval
from residency.planner.draw import exponential, lognormal, person_random, uniform
from residency.planner.engine import Exclusive, Job, Person, Shared, Trace, Unit, run

TOGETHER = 0.05  # the error of all simulated intervals of `checks` together
ROUNDING = 1e-9  # relative error of what is not random
OPEN_JOBS, WARM_UP = 4_000, 1_000  # in a replication of a queue with arrivals from outside; the first do not count
CLOSED_JOBS = 2_000  # expected in a replication of a finite source
BURSTS = 50  # in a replication
COVERAGE_JOBS = 300  # expected in a replication of a random cohort
LEAST_COVERAGE, MOST_COVERAGE = 0.93, 0.97
FIRST, COUNTED = 0, 1  # tags of jobs: those that bring the queue into its steady state, and those that count
NO_END = 10**6  # jobs on a shared card: as good as no limit


@dataclass(frozen=True)
class Check:
    """A figure that is known exactly, beside what the simulation found. Times are in minutes."""

    name: str
    expected: float
    simulated: Interval
    holds: bool


@dataclass(frozen=True)
class Coverage:
    """How many of the 95 % intervals of random cohorts hold the exact mean wait."""

    cohorts: int
    held: int
    by_kind: dict[str, tuple[int, int]]  # the intervals that hold, and all of them

    @property
    def share(self) -> float:
        """The share of the intervals that hold, 0 to 1."""
        return self.held / self.cohorts

    @property
    def holds(self) -> bool:
        """Whether this share is near 95 %."""
        return LEAST_COVERAGE <= self.share <= MOST_COVERAGE


def checks(seed: int) -> list[Check]:
    """All checks. For a random seed, all of the simulated intervals hold together with about 95 %."""
    simulated = [(name, expected, values(seed, number)) for number, (name, expected, values) in enumerate(_simulated())]
    return [*(_within(*one, shares=len(simulated)) for one in simulated), *_certain(seed)]


def coverage(seed: int, cohorts: int = 1_000) -> Coverage:
    """The coverage of the planner's intervals by random small cohorts: finite sources and bursts take turns."""
    kinds = {"finite source": _random_finite_source, "exponential burst": _random_burst}
    found: dict[str, list[bool]] = {kind: [] for kind in kinds}
    for number in range(cohorts):
        kind = list(kinds)[number % len(kinds)]
        random = person_random(seed, number, 0)
        truth, replication = kinds[kind](random)
        means = interval.of_mean([replication(random) for _ in range(interval.REPLICATIONS)])
        found[kind].append(means.low <= truth <= means.high)
    by_kind = {kind: (sum(held), len(held)) for kind, held in found.items()}
    return Coverage(cohorts, sum(held for held, _ in by_kind.values()), by_kind)


_Values = Callable[[int, int], list[float]]


def _replicated(value: Callable[[Random], float]) -> _Values:
    """A value for each replication, from a seed and the number of the check."""

    def values(seed: int, check: int) -> list[float]:
        return [value(person_random(seed, replication, check)) for replication in range(interval.REPLICATIONS)]

    return values


def _within(name: str, expected: float, values: Sequence[float], shares: int) -> Check:
    simulated = interval.of_mean(values, TOGETHER, shares)
    return Check(name, expected, simulated, simulated.low <= expected <= simulated.high)


def _equal(name: str, expected: float, value: float) -> Check:
    return Check(name, expected, Interval(value, value, value), abs(value - expected) <= ROUNDING * abs(expected))


def _simulated() -> Iterable[tuple[str, float, _Values]]:
    """The name of each check, its exact value, and its simulation."""
    yield from _open_queues()
    yield from _shared_cards()
    for people, servers, think, service in (
        (30, 8, 10.0, 3.0),
        (30, 3, 10.0, 1.0),
        (30, 4, 10.0, 1.0),
        (40, 3, 10.0, 1.0),
        (40, 4, 10.0, 1.0),
    ):
        name = f"{people} people, {servers} units, think {think:g}, service {service:g}: mean wait"
        mean = partial(_closed_mean, people, servers, think, service, CLOSED_JOBS)
        yield name, exact.finite_source(people, servers, think, service).mean, _replicated(mean)
    burst = exact.burst_exponential(30, 8, 5.0)
    waits = partial(_burst_waits, burst)
    name = "a burst of 30 exponential jobs of 5 min, 8 units:"
    yield f"{name} mean wait", burst.mean, _replicated(lambda random: fmean(map(fmean, waits(random, BURSTS))))
    yield f"{name} longest wait", burst.longest, _replicated(lambda random: fmean(map(max, waits(random, BURSTS))))
    p95 = burst.percentile(95)
    late = _replicated(lambda random: fmean(wait > p95 for wait in sum(waits(random, BURSTS), [])))
    yield f"{name} share that waits longer than {p95:.2f}", burst.beyond(p95), late


# Queues with arrivals from outside.


def _once(job: Job) -> Person:
    yield job


def _open(pool: Sequence[Unit], rates: Sequence[float], service: Callable[[Random], float], random: Random) -> Trace:
    """Poisson arrivals of one job each; the class of a job is its priority and its activity."""
    people, now, total = [], 0.0, sum(rates)
    for number in range(OPEN_JOBS):
        now += exponential(random, 1.0 / total)
        share, kind = random.random() * total, 0
        while kind < len(rates) - 1 and share >= rates[kind]:
            share -= rates[kind]
            kind += 1
        tag = COUNTED if number >= WARM_UP else FIRST
        people.append((now, _once(Job(kind, kind, service(random), tag=tag))))
    return run(pool, people)


def _waits(trace: Trace, activity: int = 0) -> list[float]:
    rows = zip(trace.activity, trace.tag, trace.arrival, trace.start, strict=True)
    return [start - arrival for kind, tag, arrival, start in rows if (kind, tag) == (activity, COUNTED)]


def _stays(trace: Trace) -> list[float]:
    rows = zip(trace.tag, trace.arrival, trace.end, strict=True)
    return [end - arrival for tag, arrival, end in rows if tag == COUNTED]


def _open_queues() -> Iterable[tuple[str, float, _Values]]:
    one, three, minute = [Exclusive(0)], [Exclusive(0)] * 3, partial(exponential, mean=1.0)

    def mean(pool: list[Exclusive], rates: list[float], service: Callable[[Random], float], kind: int = 0) -> _Values:
        return _replicated(lambda random: fmean(_waits(_open(pool, rates, service, random), kind)))

    queue = exact.mmc(2.25, 1.0, 3)
    late = _replicated(lambda random: fmean(wait > 1.0 for wait in _waits(_open(three, [2.25], minute, random))))
    yield "M/M/1, load 0.7: mean wait", exact.mmc(0.7, 1.0, 1).mean, mean(one, [0.7], minute)
    yield "M/M/3, load 0.75: mean wait", queue.mean, mean(three, [2.25], minute)
    yield "M/M/3, load 0.75: share that waits longer than 1", queue.beyond(1.0), late
    heavy = partial(lognormal, mean=1.0, scv=4.0)
    yield "M/G/1, load 0.5, lognormal, scv 4: mean wait", exact.mg1(0.5, 1.0, 4.0), mean(one, [0.5], heavy)
    for servers, rates in ((1, [0.3, 0.4]), (3, [0.9, 1.2])):
        for kind, wait in enumerate(exact.priorities(rates, 1.0, servers)):
            name = f"M/M/{servers}, two priorities, load 0.7: mean wait of the {('first', 'second')[kind]}"
            yield name, wait, mean([Exclusive(0)] * servers, rates, minute, kind)


def _shared_cards() -> Iterable[tuple[str, float, _Values]]:
    """A shared card without overhead is the queue with processor sharing; what its service times are does not matter."""
    services = {"M/M/1": partial(exponential, mean=1.0), "M/G/1, scv 4": partial(lognormal, mean=1.0, scv=4.0)}
    for name, service in services.items():

        def stay(random: Random, service: Callable[[Random], float] = service) -> float:
            return fmean(_stays(_open([Shared(0, NO_END)], [0.6], service, random)))

        yield f"{name}, processor sharing, load 0.6: mean stay", exact.processor_sharing(0.6, 1.0), _replicated(stay)


# People who think and run jobs in turn.


def _closed(people: int, servers: int, think: float, service: float, minutes: float, random: Random) -> Trace:
    """A finite source that starts in its steady state; the jobs that arrive within these minutes count."""
    share, present = random.random(), 0
    for probability in exact.finite_source(people, servers, think, service).present:
        share -= probability
        if share < 0.0 or present == people:
            break
        present += 1

    def person(waits: bool) -> Person:
        clock = 0.0
        if waits:  # exponential: what is left of a service time is as long as a whole one
            minutes_left = exponential(random, service)
            clock = yield Job(0, 0, minutes_left, tag=FIRST)
        while True:
            thinks = exponential(random, think)
            clock += thinks
            if clock > minutes:
                return
            yield thinks
            clock = yield Job(0, 0, exponential(random, service), tag=COUNTED)

    return run([Exclusive(0)] * servers, [(0.0, person(number < present)) for number in range(people)])


def _closed_mean(people: int, servers: int, think: float, service: float, jobs: int, random: Random) -> float:
    """The mean wait in so many minutes that so many jobs are expected."""
    minutes = jobs / exact.finite_source(people, servers, think, service).rate
    return fmean(_waits(_closed(people, servers, think, service, minutes, random)))


def _random_finite_source(random: Random) -> tuple[float, Callable[[Random], float]]:
    people, think, service = random.randrange(5, 41), uniform(random, 2.0, 20.0), uniform(random, 0.5, 5.0)
    load = people * service / (think + service)  # units in use, if nobody waited
    servers = max(1, min(people - 1, round(load / uniform(random, 0.5, 1.2))))
    truth = exact.finite_source(people, servers, think, service).mean
    return truth, partial(_closed_mean, people, servers, think, service, COVERAGE_JOBS)


# Bursts.


def _burst_waits(burst: exact.Burst, random: Random, bursts: int) -> list[list[float]]:
    """The waits in each of several bursts, one long after the other."""
    service = partial(exponential, random) if burst.exponential else float
    apart = 1_000.0 * burst.people * burst.service
    people = [
        (number * apart, _once(Job(0, 0, service(burst.service), tag=number)))
        for number in range(bursts)
        for _ in range(burst.people)
    ]
    trace = run([Exclusive(0)] * burst.servers, people)
    waits: list[list[float]] = [[] for _ in range(bursts)]
    for number, arrival, start in zip(trace.tag, trace.arrival, trace.start, strict=True):
        waits[number].append(start - arrival)
    return waits


def _random_burst(random: Random) -> tuple[float, Callable[[Random], float]]:
    people = random.randrange(5, 41)
    burst = exact.burst_exponential(people, random.randrange(1, people), uniform(random, 0.5, 5.0))
    bursts = max(1, COVERAGE_JOBS // people)
    return burst.mean, lambda random: fmean(map(fmean, _burst_waits(burst, random, bursts)))


# What holds for every trace.


def _certain(seed: int) -> Iterable[Check]:
    """Checks of what is not random."""
    equal = exact.burst_deterministic(30, 8, 5.0)
    waits = sorted(_burst_waits(equal, person_random(seed, 0, 0), 1)[0])
    name = "a burst of 30 equal jobs of 5 min, 8 units:"
    yield _equal(f"{name} mean wait", equal.mean, fmean(waits))
    yield _equal(f"{name} P95 wait", equal.percentile(95), waits[28])  # the 29th of 30
    trace = _closed(30, 8, 10.0, 3.0, 500.0, person_random(seed, 0, 0))
    stays = [end - arrival for arrival, end in zip(trace.arrival, trace.end, strict=True)]
    law = exact.little(len(trace) / trace.stopped, fmean(stays))
    yield _equal("Little's law: the mean number of jobs present", law, _mean_present(trace))
    pool, trace, memory = _mixed(person_random(seed, 1, 0))
    yield _equal("mixed pool: jobs that overlap on a unit, or exceed its memory", 0.0, _broken(pool, trace, memory))


def _mean_present(trace: Trace) -> float:
    """The mean number of jobs that wait or run, over the whole trace: an integral over its events."""
    events = sorted([(time, 1) for time in trace.arrival] + [(time, -1) for time in trace.end])
    area, present, before = 0.0, 0, 0.0
    for time, step in events:
        area += present * (time - before)
        present, before = present + step, time
    return area / trace.stopped


GB = 10**9
MEMORY = [0, 4 * GB, 16 * GB, 31 * GB, 60 * GB]  # of the activities of the mixed pool


def _mixed(random: Random) -> tuple[list[Unit], Trace, list[int]]:
    """Slices, whole cards and shared cards, used by single jobs and gangs of several priorities."""
    pool: list[Unit] = [
        *[Exclusive(18 * GB, 0.15, whole=False)] * 4,
        *[Exclusive(80 * GB)] * 3,
        *[Shared(80 * GB, 6, overhead=0.05)] * 2,
    ]

    def person() -> Person:
        for _ in range(50):
            yield exponential(random, 5.0)
            gang = 1 + (random.random() < 0.1)
            activity = random.randrange(len(MEMORY))
            yield Job(activity, random.randrange(3), lognormal(random, 2.0, 4.0), MEMORY[activity], gang)

    return pool, run(pool, [(0.0, person()) for _ in range(40)]), MEMORY


def _broken(pool: Sequence[Unit], trace: Trace, memory: Sequence[int]) -> int:
    """How often a job starts on a unit that has no place or not enough memory for it."""
    events: list[tuple[float, int, int, int]] = []
    for row, (activity, start, end) in enumerate(zip(trace.activity, trace.start, trace.end, strict=True)):
        for unit in trace.gangs.get(row, (trace.unit[row],)):
            events += [(start, 1, unit, memory[activity]), (end, -1, unit, memory[activity])]
    jobs, used, broken = [0] * len(pool), [0] * len(pool), 0
    for _, step, unit, need in sorted(events):  # at equal times, ends come before starts
        jobs[unit] += step
        used[unit] += step * need
        model = pool[unit]
        broken += jobs[unit] > (model.most if isinstance(model, Shared) else 1) or used[unit] > model.memory
    return broken
