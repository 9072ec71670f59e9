"""The planner's self-test: queues whose waits are known exactly, simulated by the same engine as every plan.

    checks     each closed form of `exact` must lie within the interval of its simulation; what a trace says of units
               and memory must keep the rules
    coverage   how often the 95 % interval over 20 replications holds the exact mean, over many random cohorts

A steady state is simulated without start-up bias: a finite source starts in it, and the first jobs of a queue with
arrivals from outside do not count.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from random import Random
from statistics import fmean

from residency.harness.statistics import Interval
from residency.planner import exact, interval
from residency.planner.draw import exponential, lognormal, person_random, uniform
from residency.planner.engine import Exclusive, Job, Person, Shared, Trace, Unit, run

TOGETHER = 0.05  # the error of all simulated intervals of `checks` together
ROUNDING = 1e-9  # relative error of what is not random
OPEN_JOBS, WARM_UP = 3_000, 500  # in a replication of a queue with arrivals from outside; the first do not count
CLOSED_JOBS = 2_000  # expected in a replication of a finite source
BURSTS = 50  # in a replication
COVERAGE_JOBS = 600  # expected in a replication of a random cohort
LEAST_WAITING = 0.05  # probability that a job of a random cohort waits
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
    """How many of the 95 % intervals of random cohorts hold the exact mean wait.

    In these cohorts, at least one job in 20 waits. Where fewer do, waits are too rare for 20 replications to show what
    the mean is, and their intervals are too narrow: they held the mean in 79 % of 239 such finite sources.
    """

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
    trials = [*_open_queues(), *_shared_cards(), *_finite_sources(), _burst()]
    shares = sum(len(trial.figures) for trial in trials)
    found: list[Check] = []
    for number, trial in enumerate(trials):
        randoms = [person_random(seed, replication, number) for replication in range(interval.REPLICATIONS)]
        columns = zip(*map(trial.replication, randoms), strict=True)
        for (name, expected), values in zip(trial.figures, columns, strict=True):
            simulated = interval.of_mean(values, TOGETHER, shares)
            found.append(Check(name, expected, simulated, simulated.low <= expected <= simulated.high))
    return [*found, *_certain(seed)]


def coverage(seed: int, cohorts: int = 1_000) -> Coverage:
    """The coverage of the planner's intervals by random small cohorts: finite sources and bursts take turns."""
    kinds = {"finite source": _random_finite_source, "exponential burst": _random_burst}
    found: dict[str, list[bool]] = {kind: [] for kind in kinds}
    for number in range(cohorts):
        kind = list(kinds)[number % len(kinds)]
        random = person_random(seed, number, 0)
        truth, replication = kinds[kind](random)
        mean = interval.of_mean([replication(random) for _ in range(interval.REPLICATIONS)])
        found[kind].append(mean.low <= truth <= mean.high)
    by_kind = {kind: (sum(held), len(held)) for kind, held in found.items()}
    return Coverage(cohorts, sum(held for held, _ in by_kind.values()), by_kind)


_Replication = Callable[[Random], Sequence[float]]


def _whole(random: Random, low: int, high: int) -> int:
    """A whole number from `low` to `high`, each equally likely."""
    return low + int(random.random() * (high - low + 1))


@dataclass(frozen=True)
class _Trial:
    """A simulation: the name and the exact value of each of its figures, and what one replication finds for each."""

    figures: list[tuple[str, float]]
    replication: _Replication


def _equal(name: str, expected: float, value: float) -> Check:
    return Check(name, expected, Interval(value, value, value), abs(value - expected) <= ROUNDING * abs(expected))


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


def _open_queues() -> list[_Trial]:
    minute, heavy = partial(exponential, mean=1.0), partial(lognormal, mean=1.0, scv=4.0)
    one, three = [Exclusive(0)], [Exclusive(0)] * 3
    queue = exact.mmc(2.25, 1.0, 3)

    def means(pool: list[Exclusive], rates: list[float], service: Callable[[Random], float]) -> _Replication:
        def replication(random: Random) -> list[float]:
            trace = _open(pool, rates, service, random)
            return [fmean(_waits(trace, kind)) for kind in range(len(rates))]

        return replication

    def mean_and_late(random: Random) -> list[float]:
        waits = _waits(_open(three, [2.25], minute, random))
        return [fmean(waits), fmean(wait > 1.0 for wait in waits)]

    def classes(servers: int, rates: list[float]) -> _Trial:
        names = [f"M/M/{servers}, two priorities, load 0.7: mean wait of the {one}" for one in ("first", "second")]
        waits = exact.priorities(rates, 1.0, servers)
        return _Trial(list(zip(names, waits, strict=True)), means([Exclusive(0)] * servers, rates, minute))

    three_units = "M/M/3, load 0.75:"
    late = (f"{three_units} share that waits longer than 1", queue.beyond(1.0))
    pollaczek = ("M/G/1, load 0.5, lognormal, scv 4: mean wait", exact.mg1(0.5, 1.0, 4.0))
    return [
        _Trial([("M/M/1, load 0.7: mean wait", exact.mmc(0.7, 1.0, 1).mean)], means(one, [0.7], minute)),
        _Trial([(f"{three_units} mean wait", queue.mean), late], mean_and_late),
        _Trial([pollaczek], means(one, [0.5], heavy)),
        classes(1, [0.3, 0.4]),
        classes(3, [0.9, 1.2]),
    ]


def _shared_cards() -> list[_Trial]:
    """A shared card without overhead is a queue with processor sharing: only the mean of its service times matters."""
    services = {"M/M/1": partial(exponential, mean=1.0), "M/G/1, scv 4": partial(lognormal, mean=1.0, scv=4.0)}

    def stay(service: Callable[[Random], float], random: Random) -> list[float]:
        return [fmean(_stays(_open([Shared(0, NO_END)], [0.6], service, random)))]

    stays = exact.processor_sharing(0.6, 1.0)
    return [
        _Trial([(f"{name}, processor sharing, load 0.6: mean stay", stays)], partial(stay, service))
        for name, service in services.items()
    ]


# People who think and run jobs in turn.


def _closed(source: exact.FiniteSource, minutes: float, random: Random) -> Trace:
    """A finite source that starts in its steady state; the jobs that arrive within these minutes count."""
    present = min(source.people, bisect(list(accumulate(source.present)), random.random()))

    def person(waits: bool) -> Person:
        clock = 0.0
        if waits:  # exponential: what is left of a service time is as long as a whole one
            clock = yield Job(0, 0, exponential(random, source.service), tag=FIRST)
        while True:
            thinks = exponential(random, source.think)
            clock += thinks
            if clock > minutes:
                return
            yield thinks
            clock = yield Job(0, 0, exponential(random, source.service), tag=COUNTED)

    return run([Exclusive(0)] * source.servers, [(0.0, person(number < present)) for number in range(source.people)])


def _closed_mean(source: exact.FiniteSource, jobs: int, random: Random) -> float:
    """The mean wait over so many minutes that so many jobs are expected."""
    return fmean(_waits(_closed(source, jobs / source.rate, random)))


def _finite_sources() -> list[_Trial]:
    def replication(source: exact.FiniteSource, random: Random) -> list[float]:
        return [_closed_mean(source, CLOSED_JOBS, random)]

    trials = []
    for people, servers, service in ((30, 8, 3.0), (30, 3, 1.0), (30, 4, 1.0), (40, 3, 1.0), (40, 4, 1.0)):
        source = exact.finite_source(people, servers, 10.0, service)
        name = f"{people} people, {servers} units, think 10 min, service {service:g} min: mean wait"
        trials.append(_Trial([(name, source.mean)], partial(replication, source)))
    return trials


def _random_finite_source(random: Random) -> tuple[float, Callable[[Random], float]]:
    """One in which not too few wait."""
    while True:
        people, think, service = _whole(random, 5, 40), uniform(random, 2.0, 20.0), uniform(random, 0.5, 5.0)
        load = people * service / (think + service)  # units in use, if nobody waited
        servers = max(1, min(people - 1, round(load / uniform(random, 0.5, 1.2))))
        source = exact.finite_source(people, servers, think, service)
        if source.waiting >= LEAST_WAITING:
            return source.mean, partial(_closed_mean, source, COVERAGE_JOBS)


# Bursts.


def _burst_waits(burst: exact.Burst, bursts: int, random: Random) -> list[list[float]]:
    """The waits in each of several bursts, one long after the other."""
    apart = 1_000.0 * burst.people * burst.service
    people = []
    for number in range(bursts):
        for _ in range(burst.people):
            service = exponential(random, burst.service) if burst.exponential else burst.service
            people.append((number * apart, _once(Job(0, 0, service, tag=number))))
    trace = run([Exclusive(0)] * burst.servers, people)
    waits: list[list[float]] = [[] for _ in range(bursts)]
    for number, arrival, start in zip(trace.tag, trace.arrival, trace.start, strict=True):
        waits[number].append(start - arrival)
    return waits


def _burst() -> _Trial:
    burst = exact.burst_exponential(30, 8, 5.0)
    p95 = burst.percentile(95)

    def replication(random: Random) -> list[float]:
        bursts = _burst_waits(burst, BURSTS, random)
        late = fmean(wait > p95 for waits in bursts for wait in waits)
        return [fmean(map(fmean, bursts)), fmean(map(max, bursts)), late]

    name = "a burst of 30 exponential jobs of 5 min, 8 units:"
    figures = [(f"{name} mean wait", burst.mean), (f"{name} longest wait", burst.longest)]
    return _Trial([*figures, (f"{name} share that waits longer than {p95:.2f}", burst.beyond(p95))], replication)


def _random_burst(random: Random) -> tuple[float, Callable[[Random], float]]:
    people = _whole(random, 5, 40)
    burst = exact.burst_exponential(people, _whole(random, 1, people - 1), uniform(random, 0.5, 5.0))
    bursts = COVERAGE_JOBS // people
    return burst.mean, lambda random: fmean(map(fmean, _burst_waits(burst, bursts, random)))


# What holds for every trace.


def _certain(seed: int) -> Iterable[Check]:
    """Checks of what is not random."""
    equal = exact.burst_deterministic(30, 8, 5.0)
    waits = sorted(_burst_waits(equal, 1, person_random(seed, 0, 0))[0])
    name = "a burst of 30 equal jobs of 5 min, 8 units:"
    yield _equal(f"{name} mean wait", equal.mean, fmean(waits))
    yield _equal(f"{name} P95 wait", equal.percentile(95), waits[28])  # the 29th of 30
    trace = _closed(exact.finite_source(30, 8, 10.0, 3.0), 500.0, person_random(seed, 0, 0))
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
            activity = _whole(random, 0, len(MEMORY) - 1)
            yield Job(activity, _whole(random, 0, 2), lognormal(random, 2.0, 4.0), MEMORY[activity], gang)

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
