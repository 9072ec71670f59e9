"""What an A/A control says about a machine: false alarms, power, and the smallest effect that it can detect."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residency.analysis.ratios import Times, of_times
from residency.analysis.row import Ratio
from residency.analysis.rows import timed_samples
from residency.harness import statistics
from residency.harness.records import Records
from residency.harness.statistics import Estimate

TASK, DATASET, SIZE = "_selftest/control", "answered", "smoke"
WORKS = {"python": "pure Python", "native": "compiled, one thread"}
TOGETHER = {"together": "compiled, all cores"}
COPIES = ("", "_again", "_third", "_fourth")  # of the same work, as far as there are
DRAWS = 400  # of so many replicates out of those measured
EFFECT = 0.05
OFTEN = 0.8  # of trials: what counts as being able to see an effect
MOST = 500  # processes to look for


@dataclass(frozen=True)
class Control:
    """The control of one kind of work. Shares are of trials drawn from the measured processes."""

    work: str
    threads: int
    beside: int  # bursty processes that came and went meanwhile
    copies: int  # identical, of which the fastest is the baseline of the others
    spread: float  # standard deviation of the log ratio between pairs of fresh processes
    false_alarms: float  # of A against itself, at `replicates`
    held: float  # of the 95 % intervals of A against itself
    power: float  # of seeing A + 5 %
    smallest: float  # effect seen four times in five, as a fraction, at `replicates`
    needed: int  # replicates for seeing 5 % four times in five, up to 500
    replicates: int
    processes: int
    again: Ratio  # A's time against itself, by all processes: 1 if there were no noise
    more: Ratio  # the time of A + 5 % against A's, by all processes


def controls(records: Records, replicates: int = statistics.ENOUGH_REPLICATES, beside: int = 0) -> list[Control]:
    """The A/A control of every kind of work in a run of the self-test, beside this number of bursty processes."""
    times = timed_samples(records)
    planned = {cell.implementation for cell in records.info.cells}
    found = []
    for work, label in {**WORKS, **TOGETHER}.items():
        names = [f"{work}{copy}@cpu" for copy in COPIES if f"{work}{copy}@cpu" in planned]
        if names:
            sides = [times[TASK, DATASET, SIZE, name] for name in (*names, f"{work}_slower@cpu")]
            about = (label, int(records.info.settings["threads"]), beside)
            found.append(_control(about, sides, replicates))
    return found


def _control(about: tuple[str, int, int], measured: Sequence[Times], count: int) -> Control:
    """`about` is the work, its threads and how many processes ran beside it; the last side is the slower one."""
    *copies, more = measured
    shared = sorted(set.intersection(*(set(side) for side in measured)))  # replicates
    generator = np.random.default_rng(0)
    size = min(count, len(shared))
    drawn = [generator.choice(len(shared), size, replace=False).tolist() for _ in range(DRAWS)]
    trials = [[shared[place] for place in trial] for trial in drawn]
    against = [ratio for trial in trials for ratio in _with_the_fastest(copies, trial)]
    ratios = [of_times(copies[0], copies[1], trial) for trial in trials]
    slow = [of_times(copies[0], more, trial) for trial in trials]
    caught = float(np.mean([statistics.verdict(ratio) == "slower" for ratio in slow]))
    # What an effect must lift beyond the margin, the lower bound of none: by A on either side, and by A + 5 % less 5 %.
    bounds = [bound for ratio in ratios for bound in (ratio.low99, 1.0 / ratio.high99)]
    bounds += [1.0 / (1.0 + EFFECT) / ratio.high99 for ratio in slow for _ in range(2)]
    return Control(
        *about,
        copies=len(copies),
        spread=float(np.std(_logs(copies[0], copies[1], shared), ddof=1)),
        false_alarms=float(np.mean([statistics.verdict(ratio) in {"faster", "slower"} for ratio in against])),
        held=float(np.mean([ratio.low <= 1.0 <= ratio.high for ratio in against])),
        power=caught,
        smallest=float((1.0 + statistics.MARGIN) / np.quantile(bounds, 1.0 - OFTEN)) - 1.0,
        needed=count if caught >= OFTEN else processes_needed(_logs(copies[0], more, shared), count + 1),
        replicates=count,
        processes=len(shared),
        again=_times_as_long(copies[1], copies[0], shared),
        more=_times_as_long(more, copies[0], shared),
    )


def _times_as_long(side: Times, base: Times, replicates: Sequence[int]) -> Ratio:
    """A side's time divided by the base's, and whether the side is slower or faster."""
    found = of_times(base, side, replicates)
    return Ratio(1 / found.value, 1 / found.high, 1 / found.low, statistics.verdict(found))


def _with_the_fastest(copies: list[Times], trial: Sequence[int]) -> list[Estimate]:
    """Every copy against the fastest in these replicates, as in a report, where the choice shares the error."""
    middle = [float(np.mean([np.median(np.log(side[replicate])) for replicate in trial])) for side in copies]
    fastest = copies[int(np.argmin(middle))]
    return [of_times(fastest, side, trial, len(copies) - 1) for side in copies if side is not fastest]


def processes_needed(logs: Sequence[float], least: int) -> int:
    """How many processes, at least `least`, give the verdict "slower" four times in five.

    `logs` are processes' log ratios of the plain work's time to the slower one's, of which trials are drawn.
    """
    generator = np.random.default_rng(0)

    def often(size: int) -> bool:
        """By Student's interval, as `statistics` uses it from five processes on; for all trials at once."""
        drawn = generator.choice(logs, (DRAWS, size))
        above = statistics.student(0.01, size - 1) * drawn.std(axis=1, ddof=1) / size**0.5
        return float(np.mean(drawn.mean(axis=1) + above < -np.log1p(statistics.MARGIN))) >= OFTEN

    return least + bisect_left(range(least, MOST), True, key=often)  # seen more often, the more there are


def _logs(first: Times, second: Times, replicates: Sequence[int]) -> list[float]:
    """The log ratio of every process."""
    sides = ([side[replicate] for replicate in replicates] for side in (first, second))
    return [float(np.median(rounds)) for rounds in statistics.log_ratios(*sides)]
