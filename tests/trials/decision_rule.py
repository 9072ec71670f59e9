"""What decision rules do on a noisy machine: the same function against itself, and against one 5 % slower.

    python tests/trials/decision_rule.py > results/trials/decision_rule.md

One process; a pure-Python loop of about 0.85 ms; 30 samples a side in turns A B B A; 50 ms of warm-up; 200 trials;
quiet, and with two bursty processes beside it, each at random busy or asleep for 0.05 to 0.8 s. All rules judge the
same samples: Residency's, and those that pyperf, asv, google/benchmark and pytest-benchmark apply, restated here. These
tools do not take turns: a second table judges by their rules as many samples taken one side after the other.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from time import perf_counter

import numpy as np
from one_process import ratio_in_one_process
from scipy import stats

from residency.harness import statistics
from residency.runners.bursts import beside

ROUNDS = 15  # of A B B A: 30 samples a side
WARMUP_SECONDS = 0.05
TARGET_SECONDS = 0.00085
SLOWER = 1.05

Samples = np.ndarray  # (rounds, 2), seconds


def loop(count: int) -> int:
    """The work: pure Python, as long as `count` says."""
    total = 0
    for number in range(count):
        total += number & 7
    return total


def timed(count: int) -> float:
    start = perf_counter()
    loop(count)
    return perf_counter() - start


def trial(count: int, other: int) -> tuple[Samples, Samples]:
    """One trial's samples of both sides."""
    end = perf_counter() + WARMUP_SECONDS
    while perf_counter() < end:
        loop(count), loop(other)
    first, second = np.empty((ROUNDS, 2)), np.empty((ROUNDS, 2))
    for number in range(ROUNDS):
        first[number, 0] = timed(count)
        second[number, 0] = timed(other)
        second[number, 1] = timed(other)
        first[number, 1] = timed(count)
    return first, second


def in_blocks(count: int, other: int) -> tuple[Samples, Samples]:
    """As many samples of both sides, one side after the other."""
    end = perf_counter() + WARMUP_SECONDS
    while perf_counter() < end:
        loop(count), loop(other)
    first, second = (np.array([timed(one) for _ in range(2 * ROUNDS)]).reshape(ROUNDS, 2) for one in (count, other))
    return first, second


def residency(a: Samples, b: Samples) -> bool:
    return statistics.verdict(ratio_in_one_process(a, b)) in {"faster", "slower"}


def t_test(a: Samples, b: Samples) -> bool:
    return bool(stats.ttest_ind(a.ravel(), b.ravel()).pvalue < 0.05)


def mann_whitney(level: float) -> Callable[[Samples, Samples], bool]:
    return lambda a, b: bool(stats.mannwhitneyu(a.ravel(), b.ravel()).pvalue < level)


def mann_whitney_and_factor(a: Samples, b: Samples) -> bool:
    ratio = np.median(b) / np.median(a)
    return mann_whitney(0.002)(a, b) and bool(max(ratio, 1 / ratio) > 1.1)


def median_off(a: Samples, b: Samples) -> bool:
    return bool(abs(np.median(b) / np.median(a) - 1) > 0.05)


RULES: dict[str, Callable[[Samples, Samples], bool]] = {
    "t-test, p < .05 (pyperf)": t_test,
    "Mann-Whitney, p < .002 (asv)": mann_whitney(0.002),
    "the same and a factor of 1.1 (asv's default)": mann_whitney_and_factor,
    "Mann-Whitney, p < .05 (google/benchmark)": mann_whitney(0.05),
    "median off by more than 5 % (pytest-benchmark)": median_off,
    "**faster samples of each round, rounds bootstrapped, 99 % beyond 1 % (Residency)**": residency,
}


def calibrated() -> int:
    """How many turns of the loop take the target time, at best."""
    count = 1000
    best = min(timed(count) for _ in range(50))
    return round(count * TARGET_SECONDS / best)


def judged(sampling: Callable[[int, int], tuple[Samples, Samples]], trials: int, rules: list[str]) -> None:
    """Print a table of the rules on trials sampled this way."""
    count = calibrated()
    alarms: dict[str, list[float]] = {name: [] for name in rules}
    caught: dict[str, list[float]] = {name: [] for name in rules}
    for processes in (0, 2):
        with beside(processes):
            same = [sampling(count, count) for _ in range(trials)]
            slower = [sampling(count, round(count * SLOWER)) for _ in range(trials)]
        for name in rules:
            rule = RULES[name]
            alarms[name].append(np.mean([rule(*one) for one in same]))
            caught[name].append(np.mean([rule(*one) and np.median(one[1]) > np.median(one[0]) for one in slower]))
    print("| rule | false alarms, quiet / noisy | catches +5 %, quiet / noisy |\n|---|---|---|")
    for name in rules:
        cells = [f"{100 * quiet:.1f} / {100 * noisy:.1f} %" for quiet, noisy in (alarms[name], caught[name])]
        print(f"| {name} | {cells[0]} | {cells[1]} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    machine = f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores"
    print(f"# Decision rules on a noisy machine\n\n{trials} trials each, {machine}, `tests/trials/decision_rule.py`.\n")
    print("All rules on the same samples, taken in turns:\n")
    judged(trial, trials, list(RULES))
    print("\nThe tools' rules on as many samples, taken one side after the other, as they take them:\n")
    judged(in_blocks, trials, list(RULES)[:-1])


if __name__ == "__main__":
    main()
