"""The event simulation, against small cases worked out by hand, a slow simulation that is plainly right, and SimPy."""

from __future__ import annotations

import math

import pytest

from residency.harness.errors import UsageError
from residency.planner.engine import Exclusive, Job, Reserved, Shared, Trace, fits, misfit, run


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
