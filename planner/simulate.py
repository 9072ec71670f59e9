"""One option in one replication: from a cohort and so many cards to waits, tries, and how much the cards were used.

A replication draws every assumption once, and simulates each different kind of week of the calendar once; a week counts
as often as the calendar has it. Weeks are independent: what still waits on Sunday evening is finished before the next.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count as counting
from random import Random

import numpy as np
from numpy.typing import NDArray

from residency.planner import draw, engine, uncertain
from residency.planner import timetable as calendar
from residency.planner.behaviour import ACTIVITIES, CLASS, Mix, Practice, Work, class_of, researcher, submission
from residency.planner.cohort import GB, Cohort, Hardware, Target
from residency.planner.cohort import Work as Given
from residency.planner.engine import Exclusive, Person, Reserved, Shared, Unit
from residency.planner.price import is_always_paid

DAY = 24 * 60.0
EARLY = DAY  # before Monday 00:00 UTC a week may begin east of Greenwich; simulated time has no negative numbers
GRADING_SCV = 0.25  # of the times of submissions: an assumption
HOURS = 9 * 24  # of a week that are shown: from a day before Monday 00:00 UTC to a day after Sunday
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """A kind of week, and how many weeks of the calendar are of it."""

    week: calendar.Week
    times: int


@dataclass(frozen=True)
class Waits:
    """What the jobs of an activity went through; minutes. All are weighted by how often their week comes."""

    jobs: float  # in the whole calendar
    mean: float
    p50: float
    p95: float
    p99: float
    result_p50: float  # from the start of a try to its result
    result_p95: float


@dataclass(frozen=True)
class ByHour:
    """A kind of week hour by hour, from a day before Monday 00:00 UTC."""

    week: int  # the number of the first week of this kind
    times: int  # weeks of the calendar that are of this kind
    is_sprint: bool
    busy: tuple[float, ...]  # share of the places that compute
    jobs: tuple[float, ...]  # that arrive
    waits: tuple[float | None, ...]  # their 95th percentile, all activities; minutes. None: none arrives
    targets: tuple[tuple[float | None, ...], ...]  # by target: its percentile of the jobs that it is about


@dataclass(frozen=True)
class Replication:
    """What one replication says."""

    jobs: int  # that were simulated
    waits: Mapping[str, Waits]  # by activity, and `all`
    targets: tuple[float, ...]  # minutes: what each target's percentile came to
    sessions: int  # of classes, in the whole calendar
    missed: tuple[int, ...]  # sessions in which each target of classes was missed
    tries_possible: float
    tries_made: float
    busy_minutes: float  # of all places, in the whole calendar
    overtime: float  # minutes of single cards outside the timetable in which they compute, in the whole calendar
    hours: tuple[ByHour, ...] = ()


def kinds(cohort: Cohort) -> list[Kind]:
    """The different weeks of the calendar, in the order in which they come first."""
    found: dict[object, calendar.Week] = {}
    times: Counter[object] = Counter()
    for number in range(1, cohort.calendar.total + 1):
        week = calendar.week(cohort, number)
        alike = (
            tuple((one.name, one.site, one.lab, one.start, one.end) for one in week.sessions),
            tuple(week.projects.items()),
            week.is_sprint,
            week.deadline if _is_near(cohort, week) else None,
        )
        found.setdefault(alike, week)
        times[alike] += 1
    return [Kind(week, times[alike]) for alike, week in found.items()]


def _is_near(cohort: Cohort, week: calendar.Week) -> bool:
    days = cohort.projects.deadline_days if cohort.projects else 0
    return week.deadline is not None and week.deadline - days * DAY < calendar.WEEK + DAY


def pool(hardware: Hardware, count: int) -> list[Unit]:
    """The units of so many cards, with the values of a replication."""
    speed = hardware.speed.value if hardware.speed else 1.0
    if hardware.sharing == "mig":
        slices = [hardware.card.slices[name] for name in hardware.slices or ()] if hardware.card else []
        of_card: list[Unit] = [
            Exclusive(part.memory, speed * hardware.speed_of(part.name).value, whole=False) for part in slices
        ]
        return of_card * count
    if hardware.sharing == "time-sliced":
        return [Shared(hardware.memory, hardware.slots_per_card or 2, speed)] * count
    return [Exclusive(hardware.memory, speed)] * count


def places_of(hardware: Hardware, count: int) -> int:
    """How many jobs can run at the same time on so many cards."""
    return sum(unit.most if isinstance(unit, Shared) else 1 for unit in pool(hardware, count))


def uses(given: Given, hardware: Hardware) -> bool:
    """Whether a job loads this hardware: what runs on the CPU leaves a GPU alone."""
    return given.gpu or hardware.device == "cpu"


def work_of(given: Given, scv: float) -> Work:
    """A job of a settled cohort, whose minutes and memory are known."""
    assert given.minutes is not None
    memory = round(given.memory_gb.high * GB) if given.memory_gb else 0
    return Work(given.name, given.minutes.value, memory, given.gang, scv)


def replicate(
    cohort: Cohort, place: int, count: int, weeks: Sequence[Kind], number: int, *, by_hour: bool = False
) -> Replication:
    """Simulate one replication of a settled cohort on so many cards of its hardware at this place.

    The same seed and number give the same people on every hardware.
    """
    known = uncertain.in_replication(cohort, number)
    option = known.hardware[place], pool(known.hardware[place], count)
    randoms = partial(draw.person_random, known.seed, number)
    with _uncollected():
        results = [
            _Week(known, option, kind, map(randoms, counting(index << 20))).run(by_hour)
            for index, kind in enumerate(weeks)
        ]
    return _joined(known, results)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for garbage in the block: a hundred thousand people who live on are not worth looking through."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Week:
    """One week of a replication."""

    def __init__(
        self, cohort: Cohort, option: tuple[Hardware, Sequence[Unit]], kind: Kind, randoms: Iterator[Random]
    ) -> None:
        self.cohort, self.kind, self.randoms = cohort, kind, randoms
        self.hardware, self.units = option
        self.practices: list[Practice] = []

    def run(self, by_hour: bool) -> _Result:
        people = list(self.people())
        reserved = [
            Reserved(practice.start, practice.end, self.hardware.reserve_for_class)
            for practice in self.practices
            if self.hardware.reserve_for_class
        ]
        trace = engine.run(self.units, people, reserved)
        result = _Result(self.kind, trace, self.units, self.practices, self.cohort.targets if by_hour else ())
        if not is_always_paid(self.hardware):
            result.overtime = _overtime(trace, len(self.hardware.slices or (1,)), calendar.open_spans(self.kind.week))
        return result

    def people(self) -> Iterator[tuple[float, Person]]:
        fastest = max(unit.speed for unit in self.units)
        labs = {lab.name: lab for lab in self.cohort.labs}
        classes = {given.name: given for given in self.cohort.classes}
        for session in self.kind.week.sessions:
            lab, given = labs[session.lab], classes[session.name]
            if not uses(lab, self.hardware):
                continue
            tries = given.tries or lab.tries
            practice = Practice(
                start=session.start + EARLY,
                end=session.end + EARLY,
                work=work_of(lab, lab.scv.value),
                tries=tries.value if tries else 1.0,
                window=given.start_window_minutes.value,
                think=given.think_minutes.value,
                residents=session.residents,
                attendance=self.cohort.people.attendance.value,
                tag=len(self.practices),
            )
            self.practices.append(practice)
            yield from class_of(practice, self.randoms, fastest)
        yield from self.graded()
        yield from self.projects()

    def graded(self) -> Iterator[tuple[float, Person]]:
        grading = self.cohort.grading
        if grading is None or not (grading.gpu or self.hardware.device == "cpu"):
            return
        work = Work("grading", grading.minutes_per_submission.value, round(grading.memory_gb.high * GB), 1, GRADING_SCV)
        for session in self.kind.week.sessions:
            size = self.cohort.people.team_size if grading.per == "team" else 1
            for _ in range(-(-session.residents // size)):
                yield session.end + EARLY + 60.0 * grading.hours_after_class, submission(work, next(self.randoms))

    def projects(self) -> Iterator[tuple[float, Person]]:
        projects = self.cohort.projects
        if projects is None:
            return
        used = [job for job in projects.jobs if uses(job, self.hardware)]
        if not used:
            return
        failures = self.cohort.failures
        mix = Mix(
            [work_of(job, job.scv.value) for job in used],
            [job.share for job in used],
            failures.share.value if failures else 0.0,
            failures.reached.value if failures else 0.5,
        )
        for site in self.cohort.places:
            spans = self.kind.week.projects[site.name]
            open_minutes = sum(end - start for start, end in spans)
            if not open_minutes:
                continue
            present = min(1.0, 60.0 * projects.hours_per_week / open_minutes)
            hours = [
                (start + EARLY, end + EARLY, projects.think_minutes.value / (present * self.surge(start)))
                for start, end in spans
            ]
            for _ in range(site.residents):
                random = next(self.randoms)
                yield hours[0][0], researcher(hours, mix, random)

    def surge(self, start: float) -> float:
        """Times as many jobs as in a plain week."""
        projects, week = self.cohort.projects, self.kind.week
        assert projects is not None
        if week.deadline is not None and week.deadline - projects.deadline_days * DAY <= start <= week.deadline:
            return projects.deadline_surge.value
        return projects.surge.value if week.is_sprint else 1.0


class _Result:
    """What one simulated week left behind."""

    def __init__(
        self,
        kind: Kind,
        trace: engine.Trace,
        units: Sequence[Unit],
        practices: Sequence[Practice],
        by_hour_for: Sequence[Target],
    ) -> None:
        self.overtime = 0.0  # minutes of cards, where only the timetable is paid
        self.kind, self.practices, self.jobs = kind, practices, len(trace)
        self.activity = np.frombuffer(trace.activity, np.int32) if self.jobs else np.zeros(0, np.int32)
        self.tag = np.array(trace.tag, np.int64)
        arrival, start, end, service = (
            np.array(column) for column in (trace.arrival, trace.start, trace.end, trace.service)
        )
        speeds = np.array([unit.speed for unit in units])
        shared = np.array([isinstance(unit, Shared) for unit in units])
        unit = np.array(trace.unit, np.int64)
        # On a shared card a job starts at once and runs slowly: what the others cost it is waiting, too.
        slowed = np.maximum(0.0, end - arrival - service / speeds[unit])
        self.wait: Floats = np.where(shared[unit], slowed, start - arrival)
        self.result: Floats = end - arrival
        self.gangs = np.ones(self.jobs)
        for row, members in trace.gangs.items():
            self.gangs[row] = len(members)
        # A shared card's place computes at the card's speed divided by its jobs: count what it did, not how long.
        self.used: Floats = self.gangs * np.where(shared[unit], service / speeds[unit], end - start)
        self.busy = float(self.used.sum())
        self.hours = (_by_hour(self, (arrival, start, end), len(units), by_hour_for),) if by_hour_for else ()


def _overtime(trace: engine.Trace, slices: int, open_spans: Sequence[calendar.Span]) -> float:
    """Minutes outside these spans in which cards run at least one job; `slices` are the units of a card."""
    row = np.arange(len(trace))
    unit, start, end = np.array(trace.unit, np.int64), np.array(trace.start), np.array(trace.end)
    for place, members in trace.gangs.items():
        row = np.append(row, [place] * (len(members) - 1))
        unit = np.append(unit, members[1:])
    card, start, end = unit // slices, start[row], end[row]
    order = np.lexsort((start, card))
    card, start, end = card[order], start[order], end[order]
    # A card's busy spans: a job begins a new one if it starts after all earlier jobs of the card have ended.
    shift = card * (end.max(initial=0.0) + 1.0)  # one card after the other on one axis
    reached = np.maximum.accumulate(end + shift)
    first = np.append(True, start[1:] + shift[1:] > reached[:-1]) if len(row) else np.zeros(0, bool)
    begins, last = start[first], np.append(np.flatnonzero(first)[1:] - 1, len(row) - 1)
    ends = (reached[last] - shift[last]) if len(row) else start
    edges = EARLY + np.array([edge for span in open_spans for edge in span] or [0.0])
    length = np.zeros(len(edges))
    length[1::2] = edges[1::2] - edges[::2][: len(edges[1::2])]
    inside = np.interp(ends, edges, length.cumsum()) - np.interp(begins, edges, length.cumsum())
    return float((ends - begins - inside).sum())


def _by_hour(result: _Result, times: tuple[Floats, Floats, Floats], units: int, targets: Sequence[Target]) -> ByHour:
    """Share in use and waits of each hour; `times` are arrivals, starts and ends."""
    arrival, start, end = times
    edges: Floats = 60.0 * np.arange(HOURS + 1, dtype=np.float64)
    rate = np.divide(result.used, end - start, out=np.zeros_like(end), where=end > start)
    # Work done before each edge: the difference of neighbours is the work of an hour.
    before: Floats = np.subtract(_since(start, rate, edges), _since(end, rate, edges))
    order = np.argsort(arrival, kind="stable")
    cuts = np.searchsorted(arrival[order], edges[1:-1])
    wait, activity = np.split(result.wait[order], cuts), np.split(result.activity[order], cuts)

    def percentiles(share: float, of: str) -> tuple[float | None, ...]:
        chosen = [
            waits if of == "all" else waits[acts == ACTIVITIES.index(of)]
            for waits, acts in zip(wait, activity, strict=True)
        ]
        return tuple(quantile(found, None, share) if len(found) else None for found in chosen)

    return ByHour(
        week=result.kind.week.number,
        times=result.kind.times,
        is_sprint=result.kind.week.is_sprint,
        busy=tuple(max(0.0, float(share)) for share in np.diff(before) / (60.0 * units)),
        jobs=tuple(float(len(found)) for found in wait),
        waits=percentiles(0.95, "all"),
        targets=tuple(percentiles(target.percentile / 100, target.of) for target in targets),
    )


def _since(begun: Floats, rate: Floats, edges: Floats) -> Floats:
    """What these rates add up to from their beginnings to each edge."""
    order = np.argsort(begun, kind="stable")
    rates = np.concatenate([[0.0], np.cumsum(rate[order])])
    moments = np.concatenate([[0.0], np.cumsum(rate[order] * begun[order])])
    places = np.searchsorted(begun[order], edges)
    found: Floats = edges * rates[places] - moments[places]
    return found


def mean_hours(found: Sequence[ByHour]) -> ByHour:
    """The mean of several replications of a kind of week; a wait is that of the replications in which jobs arrive."""
    first = found[0]
    return ByHour(
        week=first.week,
        times=first.times,
        is_sprint=first.is_sprint,
        busy=tuple(np.mean([one.busy for one in found], axis=0).tolist()),
        jobs=tuple(np.mean([one.jobs for one in found], axis=0).tolist()),
        waits=_means([one.waits for one in found]),
        targets=tuple(_means([one.targets[place] for one in found]) for place in range(len(first.targets))),
    )


def _means(found: Sequence[Sequence[float | None]]) -> tuple[float | None, ...]:
    """The mean of what is known of each hour."""
    known = ([value for value in values if value is not None] for values in zip(*found, strict=True))
    return tuple(sum(values) / len(values) if values else None for values in known)


def _joined(cohort: Cohort, results: Sequence[_Result]) -> Replication:
    activity = np.concatenate([result.activity for result in results])
    wait = np.concatenate([result.wait for result in results])
    took = np.concatenate([result.result for result in results])
    weight = np.concatenate([np.full(result.jobs, float(result.kind.times)) for result in results])
    parts = {name: activity == place for place, name in enumerate(ACTIVITIES)} | {"all": np.ones(len(wait), bool)}
    waits = {name: _waits(wait[part], took[part], weight[part]) for name, part in parts.items() if part.any()}
    targets = tuple(
        quantile(wait[parts[target.of]], weight[parts[target.of]], target.percentile / 100) for target in cohort.targets
    )
    sessions = [(result, practice) for result in results for practice in result.practices]
    return Replication(
        jobs=len(wait),
        waits=waits,
        targets=targets,
        sessions=sum(result.kind.times for result, _ in sessions),
        missed=tuple(_missed(target, sessions) for target in cohort.targets),
        tries_possible=float(sum(result.kind.times * practice.tally.possible for result, practice in sessions)),
        tries_made=float(sum(result.kind.times * practice.tally.made for result, practice in sessions)),
        busy_minutes=float(sum(result.kind.times * result.busy for result in results)),
        overtime=float(sum(result.kind.times * result.overtime for result in results)),
        hours=tuple(hour for result in results for hour in result.hours),
    )


def _missed(target: Target, sessions: Sequence[tuple[_Result, Practice]]) -> int:
    """Sessions in which the target was missed, if it is one of classes."""
    if target.of != "class":
        return 0
    missed = 0
    for result, practice in sessions:
        mine = result.wait[(result.activity == CLASS) & (result.tag == practice.tag)]
        missed += result.kind.times * (quantile(mine, None, target.percentile / 100) > target.wait_minutes)
    return missed


def _waits(wait: Floats, took: Floats, weight: Floats) -> Waits:
    p50, p95, p99 = _quantiles(wait, weight, (0.5, 0.95, 0.99))
    result_p50, result_p95 = _quantiles(took, weight, (0.5, 0.95))
    return Waits(
        jobs=float(weight.sum()),
        mean=float(np.average(wait, weights=weight)),
        p50=p50,
        p95=p95,
        p99=p99,
        result_p50=result_p50,
        result_p95=result_p95,
    )


def quantile(values: Floats, weights: Floats | None, share: float) -> float:
    """The smallest value that is reached by at least this share of the weight; 0 of nothing."""
    if not len(values):
        return 0.0
    return _quantiles(values, weights, (share,))[0]


def _quantiles(values: Floats, weights: Floats | None, shares: Sequence[float]) -> list[float]:
    """Several quantiles for one sort; of at least one value."""
    found: list[float] = np.quantile(values, shares, weights=weights, method="inverted_cdf").tolist()
    return found
