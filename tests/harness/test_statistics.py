"""Estimates and verdicts on samples whose truth is known."""

from __future__ import annotations

import math
from itertools import chain, combinations
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from residency.analysis.rows import timed_samples
from residency.harness import records, statistics, student

REFERENCE = Path(__file__).parents[2] / "results" / "reference"

DRIFT, NOISE, BURST = 0.05, 0.03, 0.5


def remembering(generator: np.random.Generator, rounds: int):
    """Autocorrelated noise: each value is half of the one before, and a new part."""
    values = generator.normal(0, NOISE, rounds)
    for number in range(1, rounds):
        values[number] = 0.5 * values[number - 1] + 0.75**0.5 * values[number]
    return values


def simulate(generator: np.random.Generator, replicates: int, rounds: int, spread: float, slower: float = 0.0):
    """Two sides taking turns: process effects, a drift common to both, noise that remembers, bursts of one in ten."""
    first, second = [], []
    for _ in range(replicates):
        drift = np.cumsum(generator.normal(0, DRIFT / np.sqrt(rounds), rounds))
        for side, shift in ((first, 0.0), (second, slower)):
            noise = remembering(generator, rounds) + BURST * (generator.random(rounds) < 0.1)
            side.append(list(np.exp(shift + generator.normal(0, spread / np.sqrt(2)) + drift + noise)))
    return first, second


@pytest.mark.parametrize(("replicates", "spread"), [(5, 0.006), (5, 0.08), (8, 0.03), (12, 0.03)])
def test_the_interval_covers_the_truth_as_often_as_it_says(replicates: int, spread: float) -> None:
    generator = np.random.default_rng(replicates)
    found = [statistics.speed_ratio(*simulate(generator, replicates, 8, spread)) for _ in range(1500)]
    assert 0.93 <= np.mean([one.low <= 1.0 <= one.high for one in found]) <= 0.97


def test_a_run_that_looks_four_times_covers_as_often_as_it_says() -> None:
    """It stops where its interval is narrow enough, as `run --precision` does."""
    generator = np.random.default_rng(11)
    covered, stopped = [], []
    for _ in range(600):
        first, second = simulate(generator, 40, 8, 0.03)
        for count in (5, 10, 20, 40):
            found = statistics.speed_ratio(first[:count], second[:count], statistics.LOOKS)
            if (found.high / found.low) ** 0.5 - 1 <= 0.03:
                break
        covered.append(found.low <= 1.0 <= found.high)
        stopped.append(count)
    assert np.mean(covered) >= 0.95
    assert len(set(stopped)) > 2


@pytest.mark.parametrize(("error", "looks"), [(0.05, 1), (0.01, 1), (0.05, statistics.LOOKS), (0.01, statistics.LOOKS)])
def test_quantiles_are_those_of_students_t(error: float, looks: int) -> None:
    from scipy.stats import t

    for freedom in (1, 2, 4, 9, 10, 11, 15, 39, 500):
        exact = t.ppf(1 - error / looks / 2, freedom)
        assert statistics.student(error, freedom, looks) == pytest.approx(exact, rel=2e-3)
        for place in (-3.0, -0.2, 0.0, 0.5, 2.5, 40.0):
            assert student.above(place, freedom) == pytest.approx(t.sf(place, freedom), rel=1e-6)


def test_a_hundred_thousand_samples_are_judged_at_once() -> None:
    """One process of a hundred rounds each, a thousand times: 100,000 samples a side."""
    generator = np.random.default_rng(0)
    sides = np.exp(generator.normal(0, 0.02, (2, 1000, 100)))
    start = perf_counter()
    found = statistics.speed_ratio(sides[0], sides[1])
    assert perf_counter() - start < 5.0
    assert found.samples == 100_000
    assert statistics.verdict(found) == "equivalent"


@pytest.mark.parametrize("replicates", [1, 2, 3, 4])
def test_few_processes_never_look_precise(replicates: int) -> None:
    generator = np.random.default_rng(replicates)
    pairs = [simulate(generator, replicates, 8, statistics.KNOWN_SPREAD) for _ in range(300)]
    found = [statistics.speed_ratio(*pair) for pair in pairs]
    assert np.mean([one.low <= 1.0 <= one.high for one in found]) >= 0.95
    assert min(one.high / one.low for one in found) > 1.1


def test_committed_runs_spread_no_more_than_is_known_and_not_much_less() -> None:
    spreads = []
    for folder in sorted(one.parent for one in REFERENCE.glob("*/run.json")):
        groups: dict[tuple[str, ...], list[Any]] = {}
        for (*group, _), times in timed_samples(records.read(folder)).items():
            groups.setdefault(tuple(group), []).append(times)
        for first, second in chain.from_iterable(combinations(one, 2) for one in groups.values()):
            shared = sorted(first.keys() & second.keys())
            if len(shared) >= 3:
                logs = statistics.log_ratios([first[one] for one in shared], [second[one] for one in shared])
                spreads.append(np.std([np.median(one) for one in logs], ddof=1))
    assert len(spreads) >= 21
    shown = np.sqrt(np.mean(np.square(spreads)))
    assert statistics.KNOWN_SPREAD / 2 < shown < 1.1 * statistics.KNOWN_SPREAD, (len(spreads), shown)


def test_false_alarms_are_rare_and_a_large_effect_is_seen() -> None:
    generator = np.random.default_rng(0)
    same = [statistics.verdict(statistics.speed_ratio(*simulate(generator, 5, 8, 0.03))) for _ in range(1000)]
    assert np.mean([one in {"faster", "slower"} for one in same]) <= 0.01
    slow = [
        statistics.verdict(statistics.speed_ratio(*simulate(generator, 5, 8, 0.03, slower=0.4))) for _ in range(300)
    ]
    assert np.mean([one == "slower" for one in slow]) >= 0.95


def test_a_clock_that_changes_moves_both_samples_of_a_round() -> None:
    """The processor runs a tenth slower for about half of the rounds; the two sides are the same."""
    generator = np.random.default_rng(5)
    spread = []
    for _ in range(300):
        slow = 0.1 * (np.arange(32) >= generator.integers(12, 20))
        first, second = (np.exp(slow + generator.normal(0, 0.01, 32)) for _ in range(2))
        spread.append(np.log(statistics.speed_ratio([first] * 5, [second] * 5).value))
    assert np.std(spread) < 0.005


def test_the_ratio_is_that_of_the_rounds() -> None:
    found = statistics.speed_ratio([[2.0, 2.0, 9.0]] * 5, [[1.0, 1.0, 0.1]] * 5)
    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((2.0, 2.0))
    assert found.samples == 15
    assert found.replicates == 5


def test_one_disturbed_sample_does_not_move_the_estimate() -> None:
    quiet = [[1.0, 1.01, 0.99, 1.0, 1.0]] * 5
    disturbed = [[1.0, 1.01, 0.99, 1.0, 50.0]] * 5
    assert statistics.median_time(disturbed).value == pytest.approx(statistics.median_time(quiet).value, rel=0.01)


def test_the_same_samples_give_the_same_interval() -> None:
    sides = simulate(np.random.default_rng(3), 2, 8, 0.03)
    assert statistics.speed_ratio(*sides) == statistics.speed_ratio(*sides)


def test_replicates_without_samples_of_both_are_left_out() -> None:
    found = statistics.speed_ratio([[2.0], [2.0], []], [[1.0], [1.0], [1.0]])
    assert found.replicates == 2
    with pytest.raises(ValueError, match="no replicate holds samples of both"):
        statistics.speed_ratio([[1.0], []], [[], [1.0]])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.02, 1.5, "faster"),
        (1.005, 1.5, "inconclusive"),
        (0.5, 0.98, "slower"),
        (0.992, 1.008, "equivalent"),
        (0.9, 1.1, "inconclusive"),
    ],
)
def test_verdicts_are_judged_at_99_percent_against_the_margin(low: float, high: float, expected: str) -> None:
    ratio = statistics.Estimate(1.0, low, high, low, high, 10, 5)
    assert statistics.verdict(ratio) == expected


def test_the_geometric_mean_of_tasks() -> None:
    """By the spread between the tasks, and never narrower than their own intervals allow."""

    def ratio(value: float, width: float = 1.0) -> statistics.Interval:
        return statistics.Interval(value, value / width, value * width)

    found = statistics.geometric_mean([ratio(0.5), ratio(2.0), ratio(8.0)])
    assert found.value == pytest.approx(2.0)
    assert found.high == pytest.approx(2.0 * 4.0 ** (4.302653 / 3**0.5))  # Student's t with two degrees of freedom
    assert found.low == pytest.approx(4.0 / found.high)
    alike = statistics.geometric_mean([ratio(2.0, 3.0), ratio(2.0, 3.0)])
    assert (alike.low, alike.high) == pytest.approx((2.0 / 3.0 ** (0.5**0.5), 2.0 * 3.0 ** (0.5**0.5)))
    assert statistics.geometric_mean([ratio(3.0, 1.1)]) == ratio(3.0, 1.1)
    unknown = statistics.geometric_mean([ratio(2.0), statistics.Interval(2.0, 0.0, math.inf)])
    assert (unknown.value, unknown.low, unknown.high) == (pytest.approx(2.0), 0.0, math.inf)
    with pytest.raises(ValueError, match="at least one"):
        statistics.geometric_mean([])
