"""The event simulation, against small cases worked out by hand, a slow simulation that is plainly right, and SimPy."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from random import Random

import pytest

from residency.harness.errors import UsageError
from residency.planner import draw
from residency.planner.engine import Exclusive, Job, Person, Reserved, Shared, Trace, Unit, fits, misfit, run


def once(*jobs: Job | float):
    """A person who does these jobs, or thinks, one after the other."""
    for job in jobs:
        _ = yield job


def starts(trace: Trace) -> list[tuple[int, float]]:
    return list(zip(trace.activity, trace.start, strict=True))


def test_a_burst_starts_in_turn() -> None:
    trace = run([Exclusive(0)] * 2, [(1.0, once(Job(person, 0, 3.0))) for person in range(5)])
    assert starts(trace) == [(0, 1.0), (1, 1.0), (2, 4.0), (3, 4.0), (4, 7.0)]
    assert (trace.busy, trace.stopped) == ([9.0, 6.0], 10.0)
    assert list(trace.end) == [4.0, 4.0, 7.0, 7.0, 10.0]


def test_priority_comes_before_arrival_and_stops_nobody() -> None:
    people = [(float(place), once(Job(place, priority, 10.0))) for place, priority in enumerate([2, 2, 1, 0])]
    assert starts(run([Exclusive(0)], people)) == [(0, 0.0), (3, 10.0), (2, 20.0), (1, 30.0)]


def test_a_person_learns_what_time_it_is() -> None:
    times = []

    def person():
        times.append((yield Job(0, 0, 2.0)))
        times.append((yield 1.0))
        times.append((yield Job(0, 0, 2.0)))

    run([Exclusive(0)], [(0.0, person()), (0.0, person())])
    assert times == [2.0, 3.0, 4.0, 5.0, 6.0, 8.0]


def test_a_job_takes_the_smallest_unit_that_it_fits() -> None:
    pool = [Exclusive(80, 2.0), Exclusive(20), Exclusive(40)]
    people = [(0.0, once(Job(place, 0, 8.0, memory))) for place, memory in enumerate([30, 10, 10, 10])]
    trace = run(pool, people)
    assert list(trace.unit) == [2, 1, 0, 0]
    assert list(trace.end) == [8.0, 8.0, 4.0, 8.0]


def test_jobs_on_a_shared_card_share_its_speed() -> None:
    """Two start together, a third at 2: by then each has done 1; of the other 3 they then do a third each."""
    people = [(0.0, once(Job(0, 0, 2.0))), (0.0, once(Job(1, 0, 4.0))), (2.0, once(Job(2, 0, 1.0)))]
    trace = run([Shared(0, most=3)], people)
    assert list(trace.end) == pytest.approx([5.0, 7.0, 5.0])
    slowed = run([Shared(0, most=3, speed=2.0, overhead=0.5)], [(0.0, once(Job(0, 0, 2.0))) for _ in range(2)])
    assert list(slowed.end) == pytest.approx([3.0, 3.0])


def test_a_shared_card_keeps_to_its_memory_and_places() -> None:
    jobs = [Job(0, 0, 1.0, 60), Job(1, 0, 1.0, 60), Job(2, 0, 1.0, 20), Job(3, 0, 1.0, 20), Job(4, 0, 1.0, 0)]
    trace = run([Shared(100, most=3)], [(0.0, once(job)) for job in jobs])
    assert [activity for activity, start in starts(trace) if start == 0.0] == [0, 2, 3]
    assert trace.busy == pytest.approx([5.0])


def test_shared_cards_are_filled_evenly() -> None:
    people = [(0.0, once(Job(0, 0, 1.0))) for _ in range(6)]
    assert list(run([Shared(0, 4), Shared(0, 4)], people).unit) == [0, 1, 0, 1, 0, 1]


def test_nobody_overtakes_a_gang_that_is_first_in_line() -> None:
    pool = [Exclusive(80), Exclusive(80)]
    jobs = [Job(0, 1, 1.0), Job(1, 1, 5.0), Job(2, 1, 2.0, gang=2), Job(3, 1, 1.0), Job(4, 0, 1.0)]
    trace = run(pool, [(0.0, once(job)) for job in jobs[:4]] + [(2.0, once(jobs[4]))])
    assert starts(trace) == [(0, 0.0), (1, 0.0), (4, 2.0), (2, 5.0), (3, 7.0)]
    assert trace.gangs == {3: (0, 1)}
    assert trace.busy == [5.0, 7.0]


def test_a_gang_that_starts_on_one_kind_frees_the_other() -> None:
    pool = [Exclusive(40), Exclusive(40), Exclusive(80), Exclusive(80)]
    jobs = [Job(0, 0, 2.0, 10), Job(1, 0, 9.0, 10), Job(2, 0, 3.0, 10), Job(3, 0, 4.0, 10)]
    later = [Job(4, 0, 1.0, gang=2), Job(5, 0, 1.0)]
    trace = run(pool, [(0.0, once(job)) for job in [*jobs, *later]])
    assert starts(trace)[4:] == [(4, 4.0), (5, 4.0)]  # card 0 is free from 2 on, and held for the gang
    jobs[1].service = 2.5
    trace = run(pool, [(0.0, once(job)) for job in [*jobs, *later]])
    assert starts(trace)[4:] == [(4, 2.5), (5, 3.0)]


def test_a_reservation_leaves_units_to_the_class() -> None:
    people = [(0.0, once(Job(0, 1, 10.0))), (0.0, once(Job(1, 1, 10.0))), (1.0, once(Job(2, 0, 10.0)))]
    assert starts(run([Exclusive(0)] * 2, people, [Reserved(0.0, 5.0, 1)])) == [(0, 0.0), (2, 1.0), (1, 10.0)]
    people = [(0.0, once(Job(0, 1, 10.0))), (0.0, once(Job(1, 1, 10.0)))]
    windows = [Reserved(0.0, 5.0, 1), Reserved(4.0, 6.0, 2)]
    assert starts(run([Exclusive(0)] * 2, people, windows)) == [(0, 0.0), (1, 6.0)]
    people = [(0.0, once(Job(place, 1, 10.0))) for place in range(3)]
    trace = run([Shared(0, 2), Shared(0, 2)], people, [Reserved(0.0, 5.0, 2)])
    assert starts(trace) == [(0, 0.0), (1, 0.0), (2, 5.0)]


def test_those_who_still_wait_are_kept() -> None:
    people = [(float(place), once(Job(place, 0, 10.0, tag=7))) for place in range(3)]
    trace = run([Exclusive(0)], people, until=12.0)
    assert list(trace.end) == [10.0, math.inf]
    assert [(waiting.activity, waiting.tag, waiting.arrival) for waiting in trace.unfinished] == [(2, 7, 2.0)]
    assert (trace.busy, trace.stopped) == ([12.0], 12.0)
    shared = run([Shared(0, 2)], [(0.0, once(Job(0, 0, 10.0))) for _ in range(3)], until=12.0)
    assert list(shared.end) == [math.inf, math.inf]
    assert (shared.busy, len(shared.unfinished)) == ([12.0], 1)


def test_what_can_never_run_is_refused_with_the_reason() -> None:
    slices = [Exclusive(18 * 10**9, 0.1, whole=False)] * 7
    assert fits(slices, 18 * 10**9)
    assert misfit(slices, 31 * 10**9) == "it needs 31 GB; the largest unit has 18 GB"
    assert misfit(slices, 0, 2) == "it needs 2 whole cards at once; MIG slices cannot run one job together"
    assert misfit([Shared(80, 4)] * 2, 0, 2).endswith("shared cards cannot run one job together")
    assert misfit([Exclusive(80), Exclusive(40)], 0, 2) == "it needs 2 equal whole cards at once; the pool has 1"
    assert misfit([], 0) == "there is no unit"
    with pytest.raises(UsageError, match="activity 3 can never run: it needs 31 GB"):
        run(slices, [(0.0, once(Job(3, 0, 1.0, 31 * 10**9)))])


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf, Job(0, 0, -1.0), Job(0, 0, math.nan), Job(0, -1, 1.0)])
def test_a_time_that_is_none_is_refused(wrong: float | Job) -> None:
    with pytest.raises(ValueError, match=r"minutes|priority"):
        run([Exclusive(0)], [(0.0, once(wrong))])


# Random small systems.


def people_of(seed: int, memories: list[int], most_gang: int, jobs: dict[int, Job] | None = None):
    """People of a random system: half start together, and all think and run jobs in turn. `jobs` gets them by tag."""

    def person(random: Random, number: int):
        for job in range(6):
            if random.random() < 0.7:
                yield draw.exponential(random, 3.0)
            gang = most_gang if random.random() < 0.2 else 1
            memory = memories[int(random.random() * len(memories))]
            service = draw.lognormal(random, 2.0, 2.0)
            needs = Job(number, int(random.random() * 3), service, memory, gang, tag=100 * number + job)
            if jobs is not None:
                jobs[needs.tag] = needs
            yield needs

    random = draw.person_random(seed, 0, 99)
    burst = draw.uniform(random, 0.0, 5.0)
    starts = [burst if number % 2 else draw.uniform(random, 0.0, 5.0) for number in range(12)]
    return [(start, person(draw.person_random(seed, 1, number), number)) for number, start in enumerate(starts)]


def system(seed: int):
    """A random pool, memories that jobs may need, gangs that it can run, and reservations."""
    random = draw.person_random(seed, 2, 0)
    kinds = [
        Exclusive(20, 0.5, whole=False),
        Exclusive(80),
        Exclusive(140, 1.5),
        Shared(80, 3, overhead=0.1),
        Shared(140, 4, speed=1.5),
    ]
    chosen = [kind for kind in kinds if random.random() < 0.5] or [kinds[seed % len(kinds)]]
    pool = [kind for kind in chosen for _ in range(1 + int(2 * random.random()))]
    random.shuffle(pool)
    memories = [memory for memory in (0, 10, 30, 50, 100) if fits(pool, memory)]
    gang = 2 if all(fits(pool, memory, 2) for memory in memories) else 1
    windows = [
        Reserved(start, start + 10 * random.random(), 1 + int(2 * random.random())) for start in (4.1, 11.3, 12.7)
    ]
    return pool, memories, gang, windows if random.random() < 0.5 else []


@dataclass
class Piece:
    """A job of the slow simulation."""

    job: Job
    person: Person
    arrival: float
    start: float = math.nan
    units: tuple[int, ...] = ()
    left: float = 0.0  # minutes of service


class Slow:
    """The rules as they are written, by looking at everything at every event."""

    def __init__(self, pool: list[Unit], people, reserved: list[Reserved]) -> None:
        self.pool, self.reserved = pool, reserved
        self.order = sorted(set(pool), key=lambda unit: (unit.memory, -unit.speed, isinstance(unit, Shared)))
        self.awake = [(start, number, person, None) for number, (start, person) in enumerate(people)]
        self.numbers = count(len(self.awake))
        self.line: list[Piece] = []  # by arrival
        self.running: list[Piece] = []
        self.ended: dict[int, tuple[Piece, float]] = {}  # by tag
        self.changes = count()
        self.changed = {unit: next(self.changes) for unit in range(len(pool))}  # order of the last change of its jobs
        self.now = 0.0

    def on(self, unit: int) -> list[Piece]:
        return [piece for piece in self.running if unit in piece.units]

    def rate(self, piece: Piece) -> float:
        model, jobs = self.pool[piece.units[0]], len(self.on(piece.units[0]))
        return model.speed / (jobs * (1 + model.overhead * (jobs - 1)) if isinstance(model, Shared) else 1)

    def place(self, job: Job, kind: Unit) -> tuple[int, ...]:
        """The units of this kind that a job would take now; none if it cannot start there."""
        of_kind = [unit for unit in range(len(self.pool)) if self.pool[unit] == kind]
        if not fits([kind] * len(of_kind), job.memory, job.gang):
            return ()
        if isinstance(kind, Exclusive):
            free = [unit for unit in of_kind if not self.on(unit)]
            return tuple(free[: job.gang]) if len(free) >= job.gang else ()
        used = {unit: job.memory + sum(piece.job.memory for piece in self.on(unit)) for unit in of_kind}
        room = [unit for unit in of_kind if len(self.on(unit)) < kind.most and used[unit] <= kind.memory]
        return tuple(sorted(room, key=lambda unit: (len(self.on(unit)), self.changed[unit]))[:1])

    def leaves_enough(self, job: Job) -> bool:
        least = max((window.units for window in self.reserved if window.start <= self.now < window.end), default=0)
        places = sum(unit.most if isinstance(unit, Shared) else 1 for unit in self.pool)
        taken = sum(len(piece.units) for piece in self.running)
        return job.priority == 0 or least == 0 or places - taken - job.gang >= least

    def start_one(self) -> bool:
        held: list[Unit] = []
        for piece in sorted(self.line, key=lambda piece: piece.job.priority):
            for kind in self.order:
                if kind not in held and (units := self.place(piece.job, kind)) and self.leaves_enough(piece.job):
                    piece.start, piece.units, piece.left = self.now, units, piece.job.service
                    self.line.remove(piece)
                    self.running.append(piece)
                    self.changed[units[0]] = next(self.changes)
                    return True
            if piece.job.gang > 1:
                needs = piece.job.memory, piece.job.gang
                held += [kind for kind in self.order if fits([unit for unit in self.pool if unit == kind], *needs)]
        return False

    def next_event(self) -> tuple[Person | None, float | None]:
        """Go on to the next event: who wakes up, and what they are told; or nobody, at the bound of a reservation."""
        bounds = (time for window in self.reserved for time in (window.start, window.end) if time > self.now)
        ends = [(self.now + piece.left / self.rate(piece), number) for number, piece in enumerate(self.running)]
        end, number = min(ends, default=(math.inf, 0))
        wake, bound = min(self.awake, default=(math.inf,)), min(bounds, default=math.inf)
        then = min(wake[0], end, bound)
        done = [(then - self.now) * self.rate(piece) for piece in self.running]
        for piece, minutes in zip(self.running, done, strict=True):
            piece.left -= minutes
        self.now = then
        if then == bound:
            return None, None
        if then == end:
            piece = self.running.pop(number)
            self.ended[piece.job.tag] = piece, then
            self.changed[piece.units[0]] = next(self.changes)
            return piece.person, piece.start - piece.arrival
        self.awake.remove(wake)
        return wake[2], wake[3]

    def run(self) -> dict[int, tuple[Piece, float]]:
        """Each job and its end, by its tag."""
        while self.awake or self.running or self.line:
            person, message = self.next_event()
            while self.start_one():
                pass
            request = next_request(person, message) if person else None
            if isinstance(request, Job):
                self.line.append(Piece(request, person, self.now))
            elif request is not None:
                self.awake.append((self.now + request, next(self.numbers), person, None))
            while self.start_one():
                pass
        return self.ended


def next_request(person: Person, message: float | None) -> float | Job | None:
    try:
        return person.send(message)
    except StopIteration:
        return None


def units_of(trace: Trace, row: int) -> tuple[int, ...]:
    return trace.gangs.get(row, (trace.unit[row],))


def test_random_systems_do_what_a_slow_and_plain_simulation_does() -> None:
    reserved = gangs = shared = 0
    for seed in range(100):
        pool, memories, gang, windows = system(seed)
        trace = run(pool, people_of(seed, memories, gang), windows)
        expected = Slow(pool, people_of(seed, memories, gang), windows).run()
        assert len(trace) == len(expected)
        for row, tag in enumerate(trace.tag):
            piece, end = expected[tag]
            times = trace.arrival[row], trace.start[row], trace.end[row]
            assert times == pytest.approx((piece.arrival, piece.start, end), abs=1e-6), (seed, tag)
            assert units_of(trace, row) == piece.units, (seed, tag)
        reserved += bool(windows)
        gangs += len(trace.gangs)
        shared += any(isinstance(unit, Shared) for unit in pool)
    assert min(reserved, gangs, shared) > 20  # the systems differ as they should


def test_random_systems_keep_the_rules() -> None:
    """Nobody is on a unit without room, in each line the first comes first, and no unit is free while one waits."""
    for seed in range(60):
        pool, memories, gang, windows = system(seed)
        jobs: dict[int, Job] = {}
        people = people_of(seed, memories, gang, jobs=jobs)
        trace = run(pool, people, windows)
        kept = [jobs[tag] for tag in trace.tag]
        rows = range(len(trace))
        for unit, model in enumerate(pool):
            here = [row for row in rows if unit in units_of(trace, row)]
            for row in here:
                beside = [other for other in here if trace.start[other] <= trace.start[row] < trace.end[other]]
                assert len(beside) <= (model.most if isinstance(model, Shared) else 1)
                assert sum(kept[other].memory for other in beside) <= model.memory
            if isinstance(model, Exclusive):
                assert trace.busy[unit] == pytest.approx(sum(kept[row].service / model.speed for row in here))
        lines: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
        for row, job in enumerate(kept):
            line = lines.setdefault((job.priority, job.memory, job.gang), [])
            line.append((trace.arrival[row], trace.start[row]))
        for line in lines.values():
            assert [start for _, start in sorted(line)] == sorted(start for _, start in line)
        if gang > 1 or windows:
            continue
        for row, job in enumerate(kept):  # the middle of each wait: every unit that fits is taken
            moment = (trace.arrival[row] + trace.start[row]) / 2
            if trace.start[row] - trace.arrival[row] > 1e-9:
                for unit, model in enumerate(pool):
                    on = [o for o in rows if trace.unit[o] == unit and trace.start[o] <= moment < trace.end[o]]
                    most, used = getattr(model, "most", 1), sum(kept[other].memory for other in on)
                    assert len(on) == most or used + job.memory > model.memory


# Other simulators. They get the same draws, so they must find the same waits, not only the same mean.


def thinker(random: Random, priority: int, waits: list[float]):
    """A person who thinks and runs jobs in turn; notes the waits."""
    for _ in range(40):
        arrival = yield draw.exponential(random, 6.0)
        service = draw.lognormal(random, 2.0, 4.0)
        waits.append((yield Job(0, priority, service)) - arrival - service)


def randoms(count: int) -> list[Random]:
    return [draw.person_random(5, 0, number) for number in range(count)]


def test_simpy_finds_the_same_waits_of_people_who_think_and_of_a_burst() -> None:
    simpy = pytest.importorskip("simpy", reason="the other simulator is not installed: pip install simpy")

    def simpys(waits: list[float], environment, units, random: Random, priority: int):
        for _ in range(40):
            yield environment.timeout(draw.exponential(random, 6.0))
            service, asked = draw.lognormal(random, 2.0, 4.0), environment.now
            with units.request(priority=priority) as request:
                yield request
                waits.append(environment.now - asked)
                yield environment.timeout(service)

    ours: list[list[float]] = [[] for _ in range(20)]
    run([Exclusive(0)] * 5, [(0.0, thinker(random, n % 3, ours[n])) for n, random in enumerate(randoms(20))])
    theirs: list[list[float]] = [[] for _ in range(20)]
    environment = simpy.Environment()
    units = simpy.PriorityResource(environment, capacity=5)
    for number, random in enumerate(randoms(20)):
        environment.process(simpys(theirs[number], environment, units, random, number % 3))
    environment.run()
    assert ours == [pytest.approx(waits) for waits in theirs]

    services = [draw.exponential(random, 5.0) for random in randoms(30)]
    trace = run([Exclusive(0)] * 8, [(0.0, once(Job(0, 0, service))) for service in services])
    environment, waits = simpy.Environment(), []
    units = simpy.PriorityResource(environment, capacity=8)

    def one(service: float):
        with units.request() as request:
            yield request
            waits.append(environment.now)
            yield environment.timeout(service)

    for service in services:
        environment.process(one(service))
    environment.run()
    assert list(trace.start) == pytest.approx(waits)


def test_ciw_finds_the_same_waits_of_two_priority_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(sys.prefix) / "aside")  # not where other packages are: it would hide `tests`
    ciw = pytest.importorskip("ciw", reason="needs: .venv/bin/python -m pip install --no-deps --target .venv/aside ciw")
    random, size = draw.person_random(6, 0, 0), 400
    gaps = [[draw.exponential(random, mean) for _ in range(size)] for mean in (3.0, 2.0)]
    services = [[draw.lognormal(random, 2.0, 2.0) for _ in range(size)] for _ in range(2)]
    people = [
        (arrival, once(Job(kind, kind, service)))
        for kind in range(2)
        for arrival, service in zip(accumulate(gaps[kind]), services[kind], strict=True)
    ]
    trace = run([Exclusive(0)] * 2, people)
    network = ciw.create_network(
        arrival_distributions={f"class {n}": [ciw.dists.Sequential([*gaps[n], math.inf])] for n in range(2)},
        service_distributions={f"class {n}": [ciw.dists.Sequential(services[n])] for n in range(2)},
        number_of_servers=[2],
        priority_classes={"class 0": 0, "class 1": 1},
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(2 * size, method="Finish")
    records = simulation.get_all_records()
    for kind in range(2):
        ours = sorted(zip(trace.arrival, trace.start, trace.activity, strict=True))
        waits = [start - arrival for arrival, start, activity in ours if activity == kind]
        theirs = sorted((r.arrival_date, r.waiting_time) for r in records if r.customer_class == f"class {kind}")
        assert waits == pytest.approx([wait for _, wait in theirs], abs=1e-9)


# The same everywhere.


def test_equal_seeds_give_equal_traces_on_every_machine() -> None:
    def trace(seed: int) -> Trace:
        pool = [Exclusive(20, 0.5, whole=False), Exclusive(80), Exclusive(80), Shared(140, 4, overhead=0.1)]
        return run(pool, people_of(seed, [0, 10, 50], 2), [Reserved(5.0, 9.0, 2)], until=60.0)

    assert trace(1).digest() == trace(1).digest() != trace(2).digest()
    assert trace(1).digest()[:16] == "d6433311382807ab"


def test_draws_have_their_means_and_spread() -> None:
    random, size = draw.person_random(3, 0, 0), 40_000
    cases = {
        (2.0, 1.0): lambda: draw.exponential(random, 2.0),
        (2.0, 3.0): lambda: draw.lognormal(random, 2.0, 3.0),
        (3.0, 1 / 27): lambda: draw.uniform(random, 2.0, 4.0),
        (4.0, 21 / 18 / 16): lambda: draw.triangular(random, 1.0, 5.0, 6.0),
    }
    for (mean, scv), one in cases.items():
        values = [one() for _ in range(size)]
        found = math.fsum(values) / size
        assert found == pytest.approx(mean, rel=0.03)
        assert math.fsum((value - found) ** 2 for value in values) / size / found**2 == pytest.approx(scv, rel=0.15)
    assert draw.lognormal(random, 2.0, 0.0) == 2.0
    with pytest.raises(ValueError, match="replication -1"):
        draw.person_random(0, -1, 0)
