"""Verdicts where nothing differs: the baseline chosen as the fastest of several, a busy machine, few processes."""

from __future__ import annotations

import os
import subprocess
import sys
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.harness import statistics, student
from residency.harness.busy import busy
from residency.harness.execute import waited_seconds
from residency.harness.statistics import Conditions

BUSY_TOGETHER = Conditions(threads=2, waiting=0.5)


def sides(logs: Any) -> list[list[list[float]]]:
    """From logs of seconds by copy, process and round."""
    return [[list(np.exp(process)) for process in copy] for copy in logs]


def over_the_fastest(
    copies: list[list[list[float]]], rivals: int, conditions: Conditions = statistics.QUIET
) -> list[statistics.Estimate]:
    """Every copy's ratio to the fastest of them, as a report has it."""
    middle = [statistics.median_time(copy).value for copy in copies]
    fastest = copies[int(np.argmin(middle))]
    return [statistics.speed_ratio(fastest, one, rivals, conditions) for one in copies if one is not fastest]


def judged(found: list[statistics.Estimate]) -> tuple[float, float]:
    """The part of the intervals that hold 1, and that of the verdicts which say that something differs."""
    held = np.mean([one.low <= 1.0 <= one.high for one in found])
    return float(held), float(np.mean([statistics.verdict(one) in {"faster", "slower"} for one in found]))


@pytest.mark.parametrize("error", [0.05, 0.01, 0.01 / 12, 1e-4, 1e-5])
def test_students_t_is_scipys_for_any_error_and_degrees_of_freedom(error: float) -> None:
    from scipy.stats import t

    freedoms = [*range(1, 21), 2.37, 35, 50, 77.7, 100, 150, 200]
    ours = [student.quantile(error, freedom) for freedom in freedoms]
    assert ours == pytest.approx(t.isf(error / 2, freedoms), rel=1e-6)


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_interval_knows_that_the_baseline_was_chosen(count: int) -> None:
    generator = np.random.default_rng(count)
    trials = [sides(generator.normal(0, 0.03, (count, 5, 1))) for _ in range(800 // count)]
    held, false = judged([one for trial in trials for one in over_the_fastest(trial, count - 1)])
    assert held >= 0.94
    assert false <= 0.01
    if count > 2:  # what it was without
        assert judged([one for trial in trials for one in over_the_fastest(trial, 1)])[0] < held - 0.02


def test_one_that_could_not_be_the_baseline_has_all_that_could_as_rivals() -> None:
    """Four on the CPU and one on a GPU, all alike."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(300):
        *on_cpu, on_gpu = sides(generator.normal(0, 0.03, (5, 5, 1)))
        fastest = min(on_cpu, key=lambda side: statistics.median_time(side).value)
        found.append(statistics.speed_ratio(fastest, on_gpu, len(on_cpu)))
    held, false = judged(found)
    assert held >= 0.94
    assert false <= 0.01


@pytest.mark.parametrize("tails", [2.0, 3.0])
def test_bursts_that_hit_some_processes_hard_make_no_verdicts(tails: float) -> None:
    """The log ratio of a process is heavy-tailed: most are spared, some are times as slow."""
    generator = np.random.default_rng(int(tails))
    trials = [sides(0.1 * generator.standard_t(tails, (4, 5, 1))) for _ in range(250)]
    held, false = judged([one for trial in trials for one in over_the_fastest(trial, 3)])
    assert held >= 0.95
    assert false <= 0.01


@pytest.mark.parametrize("rounds", [1, 8])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_few_processes_are_believed_as_far_as_the_machine_was_quiet(processes: int, rounds: int) -> None:
    """Work on several threads that waited for a core for half of its time: a round differs by e to the 1.8."""
    generator = np.random.default_rng(processes)
    spread = BUSY_TOGETHER.variance(1) ** 0.5 / 2**0.5
    trials = [sides(generator.normal(0, spread, (4, processes, rounds))) for _ in range(40)]
    held, false = judged([one for trial in trials for one in over_the_fastest(trial, 3, BUSY_TOGETHER)])
    assert held >= 0.95
    assert false <= 0.01
    if processes == rounds == 1:  # what is assumed of a quiet machine is not so here
        assert judged([one for trial in trials for one in over_the_fastest(trial, 3)])[0] < 0.8


def test_one_process_each_says_nothing_of_threads_that_waited() -> None:
    far = [[[1000.0] * 8], [[1.0] * 8]]
    assert statistics.verdict(statistics.speed_ratio(*far)) == "faster"
    assert statistics.verdict(statistics.speed_ratio(*far, 1, Conditions(1, 0.5))) == "faster"
    assert statistics.verdict(statistics.speed_ratio(*far, 1, BUSY_TOGETHER)) == "inconclusive"
    assert statistics.verdict(statistics.speed_ratio(*(2 * side for side in far), 1, BUSY_TOGETHER)) == "faster"


def test_long_samples_are_hit_by_bursts_alike() -> None:
    short, long, longest = (Conditions(2, 0.5, seconds).variance(1) for seconds in (0.1, 2.0, 60.0))
    assert short == pytest.approx(2 * long) == pytest.approx(4 * longest)


def test_as_many_processes_as_are_said_to_be_needed_do_tell() -> None:
    generator = np.random.default_rng(0)
    logs = generator.normal(0.08, 0.1, 5)
    few = statistics.speed_ratio([[float(np.exp(one))] for one in logs], [[1.0]] * 5)
    assert statistics.verdict(few) == "inconclusive"
    needed = statistics.processes_needed(few, 2)
    assert needed is not None
    told = []
    for _ in range(100):
        drawn = np.exp(generator.normal(np.log(few.value), few.spread, 2 * needed))
        told.append(statistics.verdict(statistics.speed_ratio([[one] for one in drawn], [[1.0]] * len(drawn), 2)))
    assert np.mean([one == "faster" for one in told]) >= 0.9
    same = statistics.speed_ratio([[1.0], [1.1], [0.9], [1.2], [0.85]], [[1.0]] * 5)
    assert statistics.processes_needed(same, 2) is None


def test_two_runs_on_a_busy_machine_are_compared_as_such() -> None:
    one = [[1.0, 1.1, 0.9]]
    quiet, noisy = (statistics.change(one, one, (now, now)) for now in (statistics.QUIET, BUSY_TOGETHER))
    assert noisy.error > 3 * quiet.error


def sample(**said: Any) -> Any:
    plain = {"phase": "timed", "threads": 2, "seconds": 0.01, "calls": 1, "cpu_seconds": 0.01, "waited_seconds": None}
    return SimpleNamespace(**{**plain, "other_cpu_seconds": None, **said})


def test_how_busy_the_machine_was() -> None:
    assert busy([]).waiting(2) == 0.0
    told = busy([sample(waited_seconds=0.01, calls=2), sample(waited_seconds=0.0, cpu_seconds=0.06)])
    assert told.waiting(2) == pytest.approx(0.02 / 0.1)
    assert told.other_cores is None
    assert busy([sample(phase="cold", waited_seconds=1.0)]).waiting(2) == 0.0
    slept = busy([sample(seconds=1.0, waited_seconds=0.01)])
    assert slept.waiting(2) == pytest.approx(0.01)
    before = busy([sample(seconds=1.0, other_cpu_seconds=1.0), sample(other_cpu_seconds=9.0)])  # too short to tell
    assert before.other_cores == pytest.approx(1.0)
    assert before.waiting(2) == pytest.approx(1 / 3)
    assert before.waiting(8) == 0.0


def test_who_shares_a_core_waits_for_it() -> None:
    """Two processes on one core for a tenth of a second: each stands in line while the other runs."""
    cores = os.sched_getaffinity(0)
    spin = f"import os\nos.sched_setaffinity(0, {{{min(cores)}}})\nwhile os.getppid() == {os.getpid()}: pass"
    other = subprocess.Popen([sys.executable, "-c", spin])
    try:
        before = waited_seconds()
        os.sched_setaffinity(0, {min(cores)})
        end = perf_counter() + 10.0
        while (now := waited_seconds()) == before and perf_counter() < end:
            sum(range(100_000))
    finally:
        os.sched_setaffinity(0, cores)
        other.kill()
        other.wait()
    assert before is None or (now is not None and now > before)
