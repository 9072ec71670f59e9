"""The closed forms, against figures that are known and against each other; the self-test that rests on them."""

from __future__ import annotations

import math
from statistics import fmean

import pytest

from residency.planner import draw, exact, interval, selftest
from residency.planner.engine import Exclusive, Job, run


@pytest.mark.parametrize(
    ("people", "servers", "service", "wait"),
    [(30, 8, 3.0, "0.477"), (30, 3, 1.0, "0.81"), (30, 4, 1.0, "0.19"), (40, 3, 1.0, "2.61"), (40, 4, 1.0, "0.66")],
)
def test_people_who_think_for_ten_minutes(people: int, servers: int, service: float, wait: str) -> None:
    source = exact.finite_source(people, servers, 10.0, service)
    assert f"{source.mean:.{len(wait) - 2}f}" == wait
    assert exact.little(source.rate, 10.0 + source.mean + service) == pytest.approx(people)


def test_a_finite_source_of_many_is_a_queue_with_arrivals_from_outside() -> None:
    source = exact.finite_source(20_000, 3, 10_000.0, 1.0)
    queue = exact.mmc(source.rate, 1.0, 3)
    assert (source.mean, source.waiting) == pytest.approx((queue.mean, queue.waiting), rel=1e-3)
    alone = exact.finite_source(1, 1, 10.0, 1.0)
    assert (alone.mean, alone.waiting, alone.rate) == pytest.approx((0.0, 0.0, 1 / 11))


def test_bursts() -> None:
    burst = exact.burst_exponential(30, 8, 5.0)
    assert (f"{burst.mean:.3f}", f"{burst.longest:.2f}") == ("5.271", "13.75")
    assert burst.beyond(burst.percentile(95)) == pytest.approx(0.05)
    assert burst.beyond(0.0) == pytest.approx(22 / 30)
    step = 0.1  # the integral of P(wait > t) is the mean
    assert math.fsum(step * burst.beyond(step * (n + 0.5)) for n in range(600)) == pytest.approx(burst.mean, rel=1e-4)
    equal = exact.burst_deterministic(30, 8, 5.0)
    assert (equal.mean, equal.longest, equal.beyond(10.0)) == (7.0, 15.0, 6 / 30)
    assert [equal.percentile(percent) for percent in (0, 26, 27, 53, 54, 80, 81, 100)] == [0, 0, 5, 5, 10, 10, 15, 15]
    for nobody in (exact.burst_exponential(3, 8, 5.0), exact.burst_deterministic(3, 8, 5.0)):
        assert (nobody.mean, nobody.longest, nobody.beyond(0.0), nobody.percentile(95)) == (0.0, 0.0, 0.0, 0.0)


def test_the_formulas_agree_where_they_meet() -> None:
    queue = exact.mmc(0.7, 1.0, 1)
    assert (queue.waiting, queue.mean) == pytest.approx((0.7, 0.7 / 0.3))  # M/M/1
    assert queue.mean == pytest.approx(exact.mg1(0.7, 1.0, 1.0))
    assert exact.processor_sharing(0.7, 1.0) == pytest.approx(queue.mean + 1.0)
    three = exact.mmc(2.25, 1.0, 3)
    assert three.beyond(three.percentile(95)) == pytest.approx(0.05)
    assert three.percentile(10) == 0.0
    first, second = exact.priorities([0.9, 1.35], 1.0, 3)
    assert first < three.mean < second
    assert (0.9 * first + 1.35 * second) / 2.25 == pytest.approx(three.mean)  # Kleinrock's conservation law
    # The hourly mean of a class of 30, three jobs of 2 minutes each an hour: it says that 5 units are enough.
    needed = next(units for units in range(4, 20) if exact.mmc(1.5, 2.0, units).percentile(95) <= 2.0)
    assert needed == 5


def test_what_has_no_steady_state_is_refused() -> None:
    for wrong in (
        lambda: exact.mmc(3.0, 1.0, 3),
        lambda: exact.mg1(1.0, 1.0, 1.0),
        lambda: exact.processor_sharing(2.0, 1.0),
        lambda: exact.priorities([0.5, 0.5], 1.0, 1),
    ):
        with pytest.raises(ValueError, match="the line grows for ever"):
            wrong()
    for wrong in (lambda: exact.finite_source(0, 1, 1.0, 1.0), lambda: exact.burst_exponential(3, 1, math.nan)):
        with pytest.raises(ValueError, match="must be positive"):
            wrong()


def test_a_class_needs_far_more_than_its_hourly_mean() -> None:
    """Three exercises an hour, jobs of 2 minutes, P95 wait at most 2, by how far apart 30 residents start."""

    def resident(random, window: float):
        clock = 0.0
        for exercise in range(3):
            start = max(clock, 20.0 * exercise + draw.uniform(random, 0.0, window))
            yield start - clock
            service = draw.lognormal(random, 2.0, 0.6)
            clock = yield Job(0, 0, service)

    def p95(units: int, window: float) -> float:
        waits = []
        for hour in range(60):
            people = [(0.0, resident(draw.person_random(2, hour, person), window)) for person in range(30)]
            trace = run([Exclusive(0)] * units, people)
            waits += [start - arrival for arrival, start in zip(trace.arrival, trace.start, strict=True)]
        return sorted(waits)[math.ceil(0.95 * len(waits)) - 1]

    assert p95(5, 3.0) == pytest.approx(8.1, abs=0.3)
    for window, units in ((1.0, 14), (3.0, 11), (10.0, 6)):
        assert p95(units, window) <= 2.0 < p95(units - 1, window)


def test_an_interval_of_a_mean() -> None:
    found = interval.of_mean([1.0, 2.0, 3.0, 4.0])
    assert (found.value, found.high - found.value) == pytest.approx((2.5, 3.182446 * (5 / 12) ** 0.5))
    together = interval.of_mean([1.0, 2.0, 3.0, 4.0], shares=10)
    assert together.low < found.low
    with pytest.raises(ValueError, match="two replications"):
        interval.of_mean([1.0])


@pytest.mark.slow
def test_every_check_of_the_self_test_holds() -> None:
    found = selftest.checks(1)
    assert not [check for check in found if not check.holds]
    assert len(found) > 20
    assert all(check.simulated.low <= check.simulated.value <= check.simulated.high for check in found)


def test_a_finite_source_starts_in_its_steady_state() -> None:
    """Those who arrive in the first minutes wait as long as those who arrive later."""
    source = exact.finite_source(30, 8, 10.0, 3.0)
    waits = []
    for replication in range(400):
        trace = selftest._closed(source, 5.0, draw.person_random(4, replication, 0))
        waits.append(fmean(selftest._waits(trace) or [0.0]))
    found = interval.of_mean(waits)
    assert found.low <= source.mean <= found.high
    assert found.high - found.low < source.mean / 2  # so an empty start, in which few wait at first, would be seen


@pytest.mark.slow
def test_intervals_of_random_cohorts_hold_the_exact_mean() -> None:
    found = selftest.coverage(1)
    assert found.cohorts == 1_000
    assert found.holds, found
