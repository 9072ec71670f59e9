"""Estimates and verdicts: from samples of several processes to a ratio with an interval.

The unit of replication is the process. Repeats inside one process look precise and are not: two fresh processes
running the same code differ by some 8 % (pure Python) or 4 % (two-threaded native code) on a small quiet machine, by
15 % on a shared one where each is timed but a few times, and however often each repeats. So a ratio is taken inside
each replicate, whose samples took turns, and its spread between them.

    estimate   per replicate the median over its rounds of the log of the ratio; the mean of these
    interval   Student's t on the replicates
    verdict    from the 99 % interval against a margin

On simulated process effects, drift and bursts this covers 94 to 97 % from five replicates on. A percentile bootstrap
of five replicates covers 85 %; one that resamples rounds inside the replicates counts their spread twice and covers
99 to 100 %, at twice the width. The bootstrap of rounds is used for what it is good at, the spread inside a process:
with fewer than five replicates the spread between them is hardly known, so what is known of such work on a machine as
busy as this one was meanwhile (`Conditions`) is pooled with theirs as `KNOWN_WEIGHT` further degrees of freedom: a
single process never looks precise.

The ratio is taken inside each round, whose samples stood next to each other. A processor that changes its clock by a
tenth for a second or two, as shared ones do, moves both of them; the ratio of the two medians it moves by as much as
there are more of one side's samples than of the other's on its slow side of the change. On such a machine the spread
between pairs of processes was 1.2 % by rounds and 3 to 4 % by medians, quiet and with bursty processes beside it.

Who looks often enough sees what is not there, so several looks share the error of one (`shares`):

  - a run that looks whether it knows enough and stops when it does, at each of its `LOOKS` looks at most, after 1, 2, 4
    and 8 times the replicates asked for; or one that is given more replicates because it told nothing;
  - a row whose baseline was chosen as the fastest of several: as many shares as there are implementations that might
    have become its baseline. A row that could be the baseline itself has all others of these as rivals, one that could
    not (on a GPU) all of them. Whichever was chosen, the interval of the row over it is one of so many, so it misses
    no more often than it says. Simulated with five processes that differ by 3 %: of four identical implementations
    7.4 % of the 95 % intervals over the fastest missed 1 before, 2.5 % do now (of eight 10.4 and 1.6 %), and in 1.8 %
    of reports some row had a verdict, now in 0.8 % (of eight in 5.3 and 0.7 %).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from residency.harness.student import quantile

RESAMPLES = 2_000
ENOUGH_REPLICATES = 5
# Standard deviation of the log ratio between pairs of fresh processes. The root mean square of 21 pairs of committed
# runs is 0.148; half of them are below 0.09, the widest is 0.29. What takes milliseconds, quiet, has spread by 0.08.
KNOWN_SPREAD = 0.15
KNOWN_WEIGHT = 4
# Standard deviation of the log ratio in one round where the work stands in line for a core all the time, and in
# proportion where it does for a part of it: `tests/trials/busy_machine.py fit`. Threads that wait for each other wait
# for the one that waits longest.
WAITING_ALONE = 1.5  # work on one thread
WAITING_TOGETHER = 3.6  # on several
BURST_SECONDS = 1.0  # other work comes and goes so fast, or faster: of longer samples it hits all alike,
LONG_SHARE = 0.25  # down to this part of the variance, for some other work lasts longer
BUSY = 0.1  # part of its time in line: there work on several threads says nothing from `LEAST_WHEN_BUSY` - 1 processes
LEAST_WHEN_BUSY = 2
MOST_NEEDED = 200  # processes: who would need more is told that it is too close to tell
MARGIN = 0.01
LOOKS = 4  # at most; each after twice the replicates of the one before

VerdictName = Literal["faster", "slower", "equivalent", "inconclusive"]
Replicates = Sequence[Sequence[float]]
"""Seconds: one inner sequence a process, in the order of its rounds."""


@dataclass(frozen=True)
class Conditions:
    """What is known beforehand of how far fresh processes lie apart: what kind of work it was, and how busy it was.

    `waiting` is the part of its time that the work stood in line for a core while it was timed, 0 to 1; `seconds` is
    what a sample lasts. Seen on two cores beside two to ten other processes, from one process to the next, as standard
    deviations of the log ratio:

        work          in line    lasting    one round    median of 8
        one thread    4 %        5 ms       0.19         0.05
        one thread    41 %       9 ms       0.44         0.19
        one thread    74 %       19 ms      0.46         0.13
        two threads   2 %        4 ms       0.23         0.08
        two threads   42 %       4 ms       1.01         0.27
        two threads   55 %       28 ms      1.62         0.72
        two threads   67 %       59 ms      1.68         0.72
        two threads   75 %       2.5 s      0.98         0.36

    So it is taken as proportional to the time in line, its square as inverse to the rounds, and less for long samples.
    """

    threads: int = 1
    waiting: float = 0.0
    seconds: float = 0.0

    def variance(self, rounds: float) -> float:
        """Of the log ratio of two processes by the median of so many rounds, beside that of a quiet machine."""
        whole = WAITING_TOGETHER if self.threads > 1 else WAITING_ALONE
        long = max(LONG_SHARE, BURST_SECONDS / max(self.seconds, BURST_SECONDS))
        return (whole * self.waiting) ** 2 * long / rounds

    @property
    def least(self) -> int:
        """Processes below which nothing is said of a ratio."""
        return LEAST_WHEN_BUSY if self.threads > 1 and self.waiting > BUSY else 1


QUIET = Conditions()


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate(Interval):
    """A positive value with its 95 % interval, and the 99 % one that verdicts are judged by."""

    low99: float
    high99: float
    samples: int
    replicates: int
    spread: float = 0.0  # standard deviation between replicates, of the log, as seen or assumed
    least: int = 1  # replicates below which nothing is said


def median_time(seconds: Replicates, shares: int = 1, conditions: Conditions = QUIET) -> Estimate:
    """The median time of an implementation, in seconds, with its interval."""
    logs = [np.log(np.asarray(one, dtype=np.float64)) for one in seconds if len(one)]
    return _estimate(logs, shares, conditions, sides=1)


def speed_ratio(baseline: Replicates, other: Replicates, shares: int = 1, conditions: Conditions = QUIET) -> Estimate:
    """How many times faster `other` is than `baseline`: baseline's time / other's time.

    Both hold one sequence a replicate, in the same order; samples of one round stand at the same place, since in a
    round each had its turn. Replicates in which either has no sample are left out. The error is that of one of
    `shares` looks and choices.
    """
    return _estimate(log_ratios(baseline, other), shares, conditions)


def log_ratios(baseline: Replicates, other: Replicates) -> list[NDArray[np.float64]]:
    """The log of baseline's time / other's time in each round, a vector a replicate that holds samples of both."""
    found = []
    for a, b in zip(baseline, other, strict=True):
        if rounds := min(len(a), len(b)):
            found.append(np.log(np.asarray(a[:rounds], np.float64)) - np.log(np.asarray(b[:rounds], np.float64)))
    if not found:
        raise ValueError("no replicate holds samples of both")
    return found


@dataclass(frozen=True)
class Change:
    """How much slower one run is than another, as a log ratio with its standard error and degrees of freedom."""

    log_ratio: float
    error: float
    freedom: float
    replicates: int

    def interval(self, t: float) -> tuple[float, float]:
        """The ratio's interval at a quantile of Student's t for its degrees of freedom."""
        return float(np.exp(self.log_ratio - t * self.error)), float(np.exp(self.log_ratio + t * self.error))


def change(
    baseline: Replicates, current: Replicates, conditions: tuple[Conditions, Conditions] = (QUIET, QUIET)
) -> Change:
    """The current time / the baseline's, of two runs that did not take turns: Welch's comparison of their processes.

    `conditions` are those of either run.
    """
    sides = [[np.log(np.asarray(one, dtype=np.float64)) for one in side if len(one)] for side in (baseline, current)]
    if not all(sides):
        raise ValueError("both runs must hold samples")
    means, variances, freedoms = zip(*(map(_side, sides, conditions)), strict=True)
    total = sum(variances)
    spread = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    freedom = total**2 / spread if spread > 0 else float(min(freedoms))
    return Change(means[1] - means[0], total**0.5, max(1.0, freedom), min(len(side) for side in sides))


def _side(logs: list[NDArray[np.float64]], conditions: Conditions) -> tuple[float, float, float]:
    """Mean of the replicates' medians, its variance, and the degrees of freedom of that."""
    each = np.array([np.median(one) for one in logs])
    count, freedom = len(each), float(len(each) - 1)
    variance = float(each.var(ddof=1)) / count if count > 1 else 0.0
    if count < ENOUGH_REPLICATES:
        known = (KNOWN_SPREAD**2 / 2 + _inside(logs, conditions, sides=1)) / count  # that known is of a ratio of two
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    return float(each.mean()), variance, freedom


def verdict(ratio: Estimate, margin: float = MARGIN) -> VerdictName:
    """What a ratio of speeds says at 99 % against a margin, a fraction."""
    if ratio.replicates < ratio.least:
        return "inconclusive"
    if ratio.low99 > 1.0 + margin:
        return "faster"
    if ratio.high99 < 1.0 / (1.0 + margin):
        return "slower"
    if 1.0 / (1.0 + margin) <= ratio.low99 and ratio.high99 <= 1.0 + margin:
        return "equivalent"
    return "inconclusive"


def processes_needed(ratio: Estimate, shares: int = 1, margin: float = MARGIN) -> int | None:
    """About how many processes would tell what an inconclusive ratio is, did it stay as it is; None above MOST_NEEDED.

    They will be another look at the same samples, which has its share of the error: `shares` counts it.
    """
    centre, limit = abs(math.log(ratio.value)), math.log1p(margin)
    room = abs(centre - limit)  # it will be beyond the margin, or all within it
    for count in range(max(ENOUGH_REPLICATES, ratio.replicates + 1, ratio.least), MOST_NEEDED + 1):
        if student(0.01, count - 1, shares) * ratio.spread / math.sqrt(count) < room:
            return count
    return None


def geometric_mean(ratios: Sequence[float]) -> Estimate:
    """The geometric mean of ratios of at least two tasks, with the interval that the spread between tasks gives."""
    if len(ratios) < 2:
        raise ValueError("a mean over tasks needs at least two")
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    spread = float(logs.std(ddof=1) / np.sqrt(len(logs)))
    return _interval(float(logs.mean()), spread, len(logs) - 1, (len(logs), len(logs)))


def _estimate(logs: list[NDArray[np.float64]], shares: int, conditions: Conditions, sides: int = 2) -> Estimate:
    """From logs of times or of ratios, which have two sides that wait, a vector a replicate."""
    count = len(logs)
    each = np.array([np.median(one) for one in logs])
    variance = float(each.var(ddof=1)) / count if count > 1 else 0.0
    freedom = count - 1
    if count < ENOUGH_REPLICATES:
        known = (KNOWN_SPREAD**2 + _inside(logs, conditions, sides)) / count
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    samples = sum(len(one) for one in logs)
    found = _interval(float(each.mean()), variance**0.5, freedom, (samples, count), shares)
    return replace(found, spread=(variance * count) ** 0.5, least=conditions.least)


def _inside(logs: list[NDArray[np.float64]], conditions: Conditions, sides: int) -> float:
    """The variance of a replicate's median, by its rounds or by what they are known to do, whichever is more.

    A single round shows no spread at all, and few show too little where most are spared and one is hit.
    """
    seen = float(np.mean([_variance_of_median(one) for one in logs]))
    return max(seen, conditions.variance(float(np.mean([len(one) for one in logs]))) * sides / 2)


def _variance_of_median(values: NDArray[np.float64]) -> float:
    """The variance of a median, by a bootstrap with a fixed seed: the same samples always give the same interval."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    return float(np.median(values[drawn], axis=1).var())


def student(error: float, freedom: float, shares: int = 1) -> float:
    """Student's t for a two-sided interval whose error is one of equal shares of `error`."""
    return quantile(error / shares, freedom)


def _interval(centre: float, spread: float, freedom: int, counts: tuple[int, int], shares: int = 1) -> Estimate:
    """Counts are those of samples and of replicates."""
    narrow, wide = (student(error, freedom, shares) for error in (0.05, 0.01))
    bounds = [np.exp(centre + step * spread) for step in (0.0, -narrow, narrow, -wide, wide)]
    value, low, high, low99, high99 = (float(bound) for bound in bounds)
    return Estimate(value, low, high, low99, high99, *counts)
