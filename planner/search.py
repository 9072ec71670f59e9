"""The cheapest plan that meets the target: for each option the fewest cards, and then the price.

An option's fewest cards are found by halving, with few replications, and confirmed with more: a plan meets its targets
if the upper end of the 95 % interval of the mean does. More cards never make anyone wait longer, apart from chance, and
all counts see the same people.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from multiprocessing.resource_tracker import ensure_running

from residency.harness import interrupts
from residency.harness.statistics import Interval
from residency.planner import simulate
from residency.planner import timetable as calendar
from residency.planner.cohort import Cohort, Hardware
from residency.planner.interval import REPLICATIONS, of_mean
from residency.planner.needs import Settled, too_large
from residency.planner.price import Price, paid_hours, price_of
from residency.planner.simulate import ByHour, Kind, Replication

LARGE = 20_000  # jobs of a replication: beyond, chance evens out within one, and fewer are enough
WEEKS = 200_000  # jobs of a replication: beyond, it simulates one of the calendar's weeks
APART = 1.01  # numbers of cards that are tried are so far apart: chance moves the answer by more than 1 %
WORTH = 1_000  # jobs of a replication from which on processes are worth their start
SECOND = 1 / 60  # in place of a target of no wait at all
Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How many replications each part of the answer rests on."""

    screening: int  # that look for the number of cards
    confirming: int  # that the answer rests on
    what_if: int


def effort(settled: Settled) -> Effort:
    """Fewer replications for a large cohort; never fewer than 20 for the answer."""
    jobs = expected_jobs(settled) * len(settled.weeks)
    if jobs <= LARGE:
        return Effort(8, 40, 16)
    return Effort(1, REPLICATIONS, 1)


def is_large(settled: Settled) -> bool:
    """Whether so few replications are enough, and so slow, that each is chosen with care: see `large`."""
    return expected_jobs(settled) * len(settled.weeks) > LARGE


@dataclass(frozen=True)
class Wait:
    """What the jobs of an activity wait; minutes, means over the replications with their 95 % intervals."""

    jobs: float  # in the whole calendar
    mean: Interval
    p50: Interval
    p95: Interval
    p99: Interval
    result_p50: Interval  # from the start of a try to its result
    result_p95: Interval


@dataclass(frozen=True)
class Evaluated:
    """An option with a number of cards, and what the replications say of it."""

    place: int  # of the hardware in the cohort
    hardware: Hardware
    count: int
    replications: int
    jobs_simulated: int
    targets: tuple[Interval, ...]  # minutes: the percentile that each target names
    spread: tuple[tuple[float, float], ...]  # 9 of 10 replications lie between
    missed: float  # share of the replications that miss a target
    sessions_missed: Interval | None  # share of the sessions of classes; None: no target of classes
    waits: Mapping[str, Wait]
    tries_lost: Interval | None  # share of the tries in class for which waiting left no time; None: no classes
    busy: Interval  # share of the places, in the hours that are paid
    price: Price | None
    meets: bool
    hours: tuple[ByHour, ...] = ()  # by kind of week
    first: tuple[float, ...] = ()  # minutes: the first target in each replication


@contextmanager
def workers(processes: int | None = None) -> Iterator[Workers]:
    """Processes that simulate, by default one for each core; they start when there is enough to do."""
    team = Workers(processes or len(os.sched_getaffinity(0)))
    try:
        yield team
    except BaseException:
        team.close(at_once=True)
        raise
    team.close()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes that are started in the block never get Ctrl-C or the end of the terminal; both belong to this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP,))
    try:
        ensure_running()  # as the first of them: it unblocks SIGINT
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Workers:
    """Simulates replications, beside each other where that is worth starting processes."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._others: set[BaseProcess] = set()  # processes of this one that are not the pool's

    def replications(
        self, settled: Settled, count: int, numbers: Sequence[int], *, by_hour: bool = False
    ) -> list[Replication]:
        """Replications with these numbers, in their order; with `by_hour` they also tell their hours."""
        few = _weeks_of(settled)
        tasks = [(settled.cohort, settled.place, count, few(number), number, by_hour) for number in numbers]
        if self._processes == 1 or expected_jobs(settled) * len(settled.weeks) < WORTH:
            return [_replicate(task) for task in tasks]
        with _deaf_children():  # the first task starts them all
            if self._pool is None:
                self._others = set(multiprocessing.active_children())
                self._pool = ProcessPoolExecutor(self._processes, mp_context=multiprocessing.get_context("spawn"))
            pending: list[Future[Replication]] = [self._pool.submit(_replicate, task) for task in tasks]
        return [future.result() for future in pending]

    def close(self, *, at_once: bool = False) -> None:
        """Stop the processes, and wait until they have ended; `at_once` leaves their work unfinished."""
        if self._pool is None:
            return
        with interrupts.whole():
            for process in set(multiprocessing.active_children()) - self._others if at_once else ():
                process.kill()
            self._pool.shutdown(cancel_futures=True)


def _replicate(task: tuple[Cohort, int, int, Sequence[Kind], int, bool]) -> Replication:
    cohort, place, count, weeks, number, by_hour = task
    return simulate.replicate(cohort, place, count, weeks, number, by_hour=by_hour)


def _weeks_of(settled: Settled) -> Callable[[int], Sequence[Kind]]:
    """The weeks of a replication: all, or where that is too much one, as often as the calendar has it.

    Fractions of the golden ratio spread the replications evenly over the calendar.
    """
    weeks = settled.weeks
    if expected_jobs(settled) * len(weeks) <= WEEKS:
        return lambda number: weeks
    total = sum(kind.times for kind in weeks)

    def chosen(number: int) -> Sequence[Kind]:
        left = (number * 0.6180339887498949 % 1.0) * total
        for kind in weeks:
            left -= kind.times
            if left < 0:
                return [replace(kind, times=total)]
        return [replace(weeks[-1], times=total)]

    return chosen


def expected_jobs(settled: Settled) -> float:
    """About how many jobs a week has."""
    return sum(jobs for jobs, _ in _expected(settled))


def too_slow(settled: Settled, count: int) -> str:
    """Why so many cards can never meet the targets, without a simulation; empty if they may.

    Who waits asks for less, and work in class goes first: so only what the targets are about counts, and only half.
    """
    everything = any(target.of != "class" for target in settled.cohort.targets)
    work = sum(jobs * minutes for jobs, minutes in _expected(settled, projects=everything)) / 60
    hours = calendar.WEEK / 60 * count * sum(unit.speed for unit in simulate.pool(settled.hardware, 1))
    if work <= 2 * hours:
        return ""
    return f"the jobs of a week are about {work:,.0f} hours of computing, and {count:,} can do {hours:,.0f}"


def _expected(settled: Settled, *, projects: bool = True) -> Iterator[tuple[float, float]]:
    """About how many jobs a week has, and how many minutes each takes on a card of speed 1, by kind of job."""
    cohort, hardware = settled.cohort, settled.hardware
    labs = {lab.name: lab for lab in cohort.labs if simulate.uses(lab, hardware)}
    for session in (session for kind in settled.weeks[:1] for session in kind.week.sessions):
        if session.lab in labs:
            lab = labs[session.lab]
            yield session.residents * (lab.tries.value if lab.tries else 1.0), lab.minutes.value if lab.minutes else 0.0
    if projects:
        yield from _expected_projects(settled)


def project_minutes(settled: Settled) -> float:
    """About how many minutes the projects of a week take on cards of speed 1."""
    return sum(jobs * minutes for jobs, minutes in _expected_projects(settled))


def _expected_projects(settled: Settled) -> Iterator[tuple[float, float]]:
    cohort, hardware = settled.cohort, settled.hardware
    if cohort.projects:
        each = cohort.residents * 60 * cohort.projects.hours_per_week / cohort.projects.think_minutes.value
        for job in cohort.projects.jobs:
            if simulate.uses(job, hardware):
                yield each * job.share, job.minutes.value if job.minutes else 0.0


def evaluate(
    settled: Settled, count: int, team: Workers, replications: int | None = None, *, by_hour: bool = False
) -> Evaluated:
    """What the option is with so many cards, over this many replications; by default as many as confirm it."""
    replications = replications or effort(settled).confirming
    found = team.replications(settled, count, range(replications), by_hour=by_hour)
    return summary(settled, count, found)


def summary(settled: Settled, count: int, found: Sequence[Replication]) -> Evaluated:
    """What replications say together."""
    cohort, hardware = settled.cohort, settled.hardware
    limits = [target.wait_minutes for target in cohort.targets]
    targets = tuple(_mean([one.targets[place] for one in found]) for place in range(len(limits)))
    weeks = cohort.calendar.total
    overtime = sum(one.overtime for one in found) / len(found) / 60 / weeks
    price = price_of(hardware, count, cohort, overtime)
    paid = 60.0 * weeks * count * paid_hours(hardware, cohort)  # minutes of cards
    units = simulate.places_of(hardware, 1) if hardware.sharing != "time-sliced" else 1
    possible = [one for one in found if one.tries_possible]
    judged = [one for one in found if one.sessions]
    of_class = [place for place, target in enumerate(cohort.targets) if target.of == "class"]
    return Evaluated(
        place=settled.place,
        hardware=hardware,
        count=count,
        replications=len(found),
        jobs_simulated=sum(one.jobs for one in found),
        targets=targets,
        spread=tuple(_nine_of_ten([one.targets[place] for one in found]) for place in range(len(limits))),
        missed=sum(any(map(_beyond, one.targets, limits)) for one in found) / len(found),
        sessions_missed=_mean([max(one.missed[place] for place in of_class) / one.sessions for one in judged])
        if of_class and judged
        else None,
        waits=_waits(found),
        tries_lost=_mean([1.0 - one.tries_made / one.tries_possible for one in possible]) if possible else None,
        busy=_mean([one.busy_minutes / (units * (paid + one.overtime)) for one in found]),
        price=price,
        meets=all(interval.high <= limit for interval, limit in zip(targets, limits, strict=True)),
        hours=_hours(found),
        first=tuple(one.targets[0] for one in found),
    )


def _hours(found: Sequence[Replication]) -> tuple[ByHour, ...]:
    """The hours of each kind of week, over the replications that simulated it."""
    weeks: dict[int, list[ByHour]] = {}
    for hour in (hour for one in found for hour in one.hours):
        weeks.setdefault(hour.week, []).append(hour)
    return tuple(simulate.mean_hours(weeks[number]) for number in sorted(weeks))


def _beyond(minutes: float, limit: float) -> bool:
    return minutes > limit


def _mean(values: Sequence[float]) -> Interval:
    """The mean of what is never negative: its interval is not, either."""
    mean = of_mean(values) if len(values) > 1 else Interval(values[0], values[0], values[0])
    return replace(mean, low=max(0.0, mean.low))


def _nine_of_ten(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    left_out = len(ordered) // 20
    return ordered[left_out], ordered[-1 - left_out]


def _waits(found: Sequence[Replication]) -> dict[str, Wait]:
    names = dict.fromkeys(name for one in found for name in one.waits)
    waits = {}
    for name in names:
        mine = [one.waits[name] for one in found if name in one.waits]
        fields = ("mean", "p50", "p95", "p99", "result_p50", "result_p95")
        means = {field: _mean([getattr(one, field) for one in mine]) for field in fields}
        waits[name] = Wait(jobs=sum(one.jobs for one in mine) / len(found), **means)
    return waits


@dataclass(frozen=True)
class Found:
    """What was simulated of an option. Both are in the order of the cards."""

    confirmed: tuple[Evaluated, ...] = ()  # the fewest cards that meet the targets, and one less; else the most
    screened: tuple[Evaluated, ...] = ()  # other numbers of cards, with few replications


def fewest(settled: Settled, team: Workers, say: Say, below: float = math.inf) -> Found:
    """The fewest cards of an option that meet the targets; nothing if no number of its cards can do the jobs.

    `below` is the price of a week of a plan that is known: more expensive numbers of cards are left out, apart from the
    fewest, which show what the option can do.
    """
    counts = cheaper(settled, possible(settled), below)
    if not counts:
        return Found()
    seen: dict[int, Evaluated] = {}
    limits = [target.wait_minutes for target in settled.cohort.targets]
    replications = effort(settled).screening

    def misses(place: int) -> bool:
        say(f"{settled.hardware.name}: {counts[place]}")
        screened = seen[counts[place]] = evaluate(settled, counts[place], team, replications)
        return any(interval.value > limit for interval, limit in zip(screened.targets, limits, strict=True))

    low, high = 0, len(counts) - 1
    if below < math.inf and high and misses(high):
        low = high  # none of those that are cheaper meets the targets
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if misses(middle) else (low, middle)
    confirmed = [evaluate(settled, counts[low], team, by_hour=True)]
    while not confirmed[-1].meets and low + 1 < len(counts):
        low += 1
        say(f"{settled.hardware.name}: {counts[low]}, confirming")
        confirmed.append(evaluate(settled, counts[low], team, by_hour=True))
    if confirmed[-1].meets and len(confirmed) == 1 and low:
        confirmed.insert(0, evaluate(settled, counts[low - 1], team))
    known = {one.count for one in confirmed}
    screened = [seen[count] for count in sorted(seen) if count not in known]
    return Found(tuple(confirmed), tuple(screened))


def possible(settled: Settled) -> list[int]:
    """The numbers of cards that can do the jobs."""
    return [count for count in settled.hardware.count if not too_large(settled, count) and not too_slow(settled, count)]


def cheaper(settled: Settled, counts: Sequence[int], below: float) -> list[int]:
    """The numbers of cards to try: those whose week costs less, else the first; large numbers are some way apart."""
    each = week_price(settled, 1)
    return apart([count for count in counts if count * each < below] or counts[:1])


def apart(counts: Sequence[int]) -> list[int]:
    """The numbers of cards to try: all up to a hundred, then about 1 % apart, and the largest."""
    tried: list[int] = []
    for count in counts:
        if not tried or count >= APART * tried[-1] or count == counts[-1]:
            tried.append(count)
    return tried


def week_price(settled: Settled, count: int) -> float:
    """The price of a week; 0 if none was given, so that nothing is left out."""
    price = price_of(settled.hardware, count, settled.cohort)
    return price.week if price else 0.0


def cheapest(found: Sequence[Evaluated]) -> Evaluated | None:
    """The cheapest of those that meet the targets; those without a price come last, by their number of cards."""
    meeting = [one for one in found if one.meets]
    return min(meeting, key=lambda one: (one.price is None, one.price.week if one.price else one.count), default=None)


def nearest(found: Sequence[Evaluated], limits: Sequence[float]) -> Evaluated | None:
    """If none meets the targets: the one that comes nearest, by how many times the wait is too long."""
    return min(
        found,
        key=lambda one: max(
            interval.high / max(limit, SECOND) for interval, limit in zip(one.targets, limits, strict=True)
        ),
        default=None,
    )
