"""Estimates and verdicts: from samples of several processes to a ratio with an interval.

The unit of replication is the process. Repeats inside one process look more precise than they are: two fresh processes
that run the same code differ by about 8 % (pure Python) or 4 % (two-threaded native code) on a small quiet machine, and
by 15 % on a shared one if each is timed only a few times. More repeats do not remove this difference. So a ratio is
computed inside each replicate, whose samples took turns, and its spread is computed between the replicates.

    estimate   for each replicate the median of the log ratio over its rounds; then the mean of these medians
    interval   Student's t on the replicates
    verdict    the 99 % interval against a margin

On simulated process effects, drift and bursts, the 95 % interval covers 94 to 97 % from five replicates on. A
percentile bootstrap of five replicates covers 85 %. A bootstrap that also resamples rounds inside the replicates counts
their spread twice: it covers 99 to 100 %, at twice the width. The bootstrap of rounds estimates the spread inside a
process well, so it is used for that. Fewer than five replicates hardly show the spread between them. So it is pooled,
as `KNOWN_WEIGHT` further degrees of freedom, with what is known about such work on an equally busy machine
(`Conditions`): a single process never looks precise.

The ratio is computed inside each round, whose samples were taken one after the other. A shared processor may change its
clock by a tenth for a second or two. That changes both samples of a round alike. It changes the ratio of the two
medians, if one side has more samples at the slow clock than the other. On such a machine the spread between pairs of
processes was 1.2 % by rounds and 3 to 4 % by medians, both quiet and beside bursty processes.

Several looks at the data produce false positives, so they share the error of one look (`shares`):

  - A run may stop when it knows enough. It looks at most `LOOKS` times, after 1, 2, 4 and 8 times the replicates asked
    for. A run that gets more replicates because it was inconclusive is also looked at again.
  - A row's baseline is chosen because it was the fastest of several. The row has as many shares as implementations
    could have become its baseline. If the row itself could have been the baseline, these are all the others; if not
    (on a GPU), all of them. Whichever is chosen, the interval is one of these, so it misses 1 no more often than it
    says. Simulated with five processes that differ by 3 %, of four identical implementations: without the correction
    7.4 % of the 95 % intervals over the fastest missed 1, with it 2.5 % (of eight: 10.4 and 1.6 %). Without it, 1.8 %
    of the reports had a row with a verdict, with it 0.8 % (of eight: 5.3 and 0.7 %).
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
# Standard deviation of the log ratio between pairs of fresh processes. Its root mean square is 0.148 in 21 pairs of the
# earlier committed runs, and 0.129 in 43 pairs with the later, quieter ones; half of these are below 0.08, one is
# 0.29. The wider value stays. Calls of milliseconds on a quiet machine: 0.08.
KNOWN_SPREAD = 0.15
KNOWN_WEIGHT = 4
# Standard deviation of the log ratio in one round if the work waits for a core all the time; if it waits for a part of
# its time, in proportion: `tests/trials/busy_machine.py fit`. Threads that work together all wait for the last of them.
WAITING_ALONE = 1.5  # work on one thread
WAITING_TOGETHER = 3.6  # work on several threads
BURST_SECONDS = 1.0  # bursts of other work are this short, so they hit all longer samples alike: their variance falls,
LONG_SHARE = 0.25  # down to this fraction, because some other work lasts longer
BUSY = 0.1  # share of its time that work waits for a core: from here on, work on several threads needs more processes
LEAST_WHEN_BUSY = 2  # processes
MOST_NEEDED = 200  # processes; beyond this, the ratio is too close to the margin to tell
MARGIN = 0.01
LOOKS = 4  # at most; each after twice the replicates of the one before

VerdictName = Literal["faster", "slower", "equivalent", "inconclusive"]
Replicates = Sequence[Sequence[float]]
"""Seconds: one inner sequence for each process, in the order of its rounds."""


@dataclass(frozen=True)
class Conditions:
    """The kind of work, and how busy the machine was. They tell beforehand how far apart fresh processes are.

    `waiting` is the share of its time that the work waited for a core while it was timed, 0 to 1. `seconds` is the time
    of one sample. Standard deviations of the log ratio between processes, on two cores beside two to ten other
    processes:

        work          waiting    seconds    one round    median of 8
        one thread    4 %        5 ms       0.19         0.05
        one thread    41 %       9 ms       0.44         0.19
        one thread    74 %       19 ms      0.46         0.13
        two threads   2 %        4 ms       0.23         0.08
        two threads   42 %       4 ms       1.01         0.27
        two threads   55 %       28 ms      1.62         0.72
        two threads   67 %       59 ms      1.68         0.72
        two threads   75 %       2.5 s      0.98         0.36

    So the standard deviation is taken as proportional to the time waited, and smaller for long samples; its square is
    inversely proportional to the number of rounds.
    """

    threads: int = 1
    waiting: float = 0.0
    seconds: float = 0.0

    def variance(self, rounds: float) -> float:
        """The variance of the log ratio of two processes by the median of `rounds`, beyond that of a quiet machine."""
        whole = WAITING_TOGETHER if self.threads > 1 else WAITING_ALONE
        long = max(LONG_SHARE, BURST_SECONDS / max(self.seconds, BURST_SECONDS))
        return (whole * self.waiting) ** 2 * long / rounds

    @property
    def least(self) -> int:
        """The fewest processes that give a verdict on a ratio."""
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
    """A positive value with its 95 % interval, and its 99 % interval, which decides verdicts."""

    low99: float
    high99: float
    samples: int
    replicates: int
    spread: float = 0.0  # standard deviation of the log between replicates, measured or assumed
    least: int = 1  # fewest replicates that give a verdict


def median_time(seconds: Replicates, shares: int = 1, conditions: Conditions = QUIET) -> Estimate:
    """The median time of an implementation, in seconds, with its interval."""
    return _estimate(_logs(seconds), shares, conditions, sides=1)


def median_time_so_far(seconds: Replicates) -> float:
    """The time that `median_time` estimates, without the work for its interval: for use while others are measured."""
    return float(np.exp(_medians(_logs(seconds)).mean()))


def _logs(seconds: Replicates) -> list[NDArray[np.float64]]:
    return [np.log(np.asarray(process, dtype=np.float64)) for process in seconds if len(process)]


def _medians(logs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.array([np.median(replicate) for replicate in logs])


def speed_ratio(baseline: Replicates, other: Replicates, shares: int = 1, conditions: Conditions = QUIET) -> Estimate:
    """How many times faster `other` is than `baseline`: baseline's time / other's time.

    Both hold one sequence for each replicate, in the same order. In it, samples of one round have the same index, since
    each implementation had its turn in every round. Replicates in which one side has no sample are left out. The error
    is divided among `shares` looks and choices.
    """
    return _estimate(log_ratios(baseline, other), shares, conditions)


def log_ratios(baseline: Replicates, other: Replicates) -> list[NDArray[np.float64]]:
    """The log of baseline's time / other's time in each round: one vector for each replicate with samples of both."""
    ratios = []
    for a, b in zip(baseline, other, strict=True):
        if rounds := min(len(a), len(b)):
            ratios.append(np.log(np.asarray(a[:rounds], np.float64)) - np.log(np.asarray(b[:rounds], np.float64)))
    if not ratios:
        raise ValueError("no replicate holds samples of both")
    return ratios


@dataclass(frozen=True)
class Change:
    """How much slower one run is than another, as a log ratio with its standard error and degrees of freedom."""

    log_ratio: float
    error: float
    freedom: float
    replicates: int

    def interval(self, t: float) -> tuple[float, float]:
        """The ratio's interval for a given quantile `t` of Student's t at its degrees of freedom."""
        return float(np.exp(self.log_ratio - t * self.error)), float(np.exp(self.log_ratio + t * self.error))


def change(
    baseline: Replicates, current: Replicates, conditions: tuple[Conditions, Conditions] = (QUIET, QUIET)
) -> Change:
    """The current run's time / the baseline's, for two runs that did not take turns: Welch's comparison of processes.

    `conditions` are those of the two runs.
    """
    sides = [
        [np.log(np.asarray(process, dtype=np.float64)) for process in side if len(process)]
        for side in (baseline, current)
    ]
    if not all(sides):
        raise ValueError("both runs must hold samples")
    means, variances, freedoms = zip(*(map(_side, sides, conditions)), strict=True)
    total = sum(variances)
    spread = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    freedom = total**2 / spread if spread > 0 else float(min(freedoms))
    return Change(means[1] - means[0], total**0.5, max(1.0, freedom), min(len(side) for side in sides))


def _side(logs: list[NDArray[np.float64]], conditions: Conditions) -> tuple[float, float, float]:
    """The mean of the replicates' medians, its variance, and the degrees of freedom of that variance."""
    medians = _medians(logs)
    count, freedom = len(medians), float(len(medians) - 1)
    variance = float(medians.var(ddof=1)) / count if count > 1 else 0.0
    if count < ENOUGH_REPLICATES:
        known = (KNOWN_SPREAD**2 / 2 + _inside(logs, conditions, sides=1)) / count  # half: the constant is of a ratio
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    return float(medians.mean()), variance, freedom


def verdict(ratio: Estimate, margin: float = MARGIN) -> VerdictName:
    """The verdict on a ratio of speeds at 99 %, against a margin (a fraction)."""
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
    """About how many processes would decide an inconclusive ratio that stays as it is; None above `MOST_NEEDED`.

    They will be another look at the same samples, which needs a share of the error: `shares` includes it.
    """
    centre, limit = abs(math.log(ratio.value)), math.log1p(margin)
    room = abs(centre - limit)  # the interval must end up beyond the margin, or wholly within it
    for count in range(max(ENOUGH_REPLICATES, ratio.replicates + 1, ratio.least), MOST_NEEDED + 1):
        if student(0.01, count - 1, shares) * ratio.spread / math.sqrt(count) < room:
            return count
    return None


def geometric_mean(ratios: Sequence[Interval]) -> Interval:
    """The geometric mean of the ratios of one or more tasks, with its 95 % interval.

    The tasks count as a sample of such tasks: the interval says where the mean over all tasks of this kind probably is.
    So it comes from the spread between the tasks, by Student's t. A few tasks may agree by chance, so it is never
    narrower than these tasks alone allow (`of_these`). A single ratio keeps its own interval.

    Simulated with 2 to 12 tasks of five processes: where the tasks differ much more than their own errors, it covers
    the mean over all such tasks in 95 to 96 % of the cases; where the errors are larger than the differences, in 99 %
    or more, because the interval of a ratio from few processes is wide. It covers the mean of these tasks in 99 %.
    """
    these = of_these(ratios)
    if len(ratios) < 2:
        return these
    logs = np.log([ratio.value for ratio in ratios])
    spread = float(logs.std(ddof=1) / np.sqrt(len(logs)))
    similar = _interval(float(logs.mean()), spread, len(logs) - 1, (len(logs), len(logs)))
    return Interval(these.value, min(these.low, similar.low), max(these.high, similar.high))


def of_these(ratios: Sequence[Interval]) -> Interval:
    """The geometric mean of exactly these ratios, with the 95 % interval that their own intervals give.

    The errors of the ratios are independent, so the distances from the values to the bounds, as logs, add up in
    quadrature (Zou and Donner 2008). A bound may be 0 or infinite. Raises `ValueError` if there is no ratio.
    """
    if not ratios:
        raise ValueError("a mean needs at least one ratio")
    if len(ratios) == 1:
        return Interval(ratios[0].value, ratios[0].low, ratios[0].high)
    with np.errstate(divide="ignore", over="ignore"):
        logs = np.log([[ratio.value, ratio.low, ratio.high] for ratio in ratios])
        centre = logs[:, 0].mean()
        below, above = (float(np.hypot.reduce(logs[:, side] - logs[:, 0])) / len(logs) for side in (1, 2))
        value, low, high = (float(np.exp(log)) for log in (centre, centre - below, centre + above))
    return Interval(value, low, high)


def _estimate(logs: list[NDArray[np.float64]], shares: int, conditions: Conditions, sides: int = 2) -> Estimate:
    """Estimate from logs of times (one side) or of ratios (two sides, which both wait): a vector for each replicate."""
    count = len(logs)
    medians = _medians(logs)
    variance = float(medians.var(ddof=1)) / count if count > 1 else 0.0
    freedom = count - 1
    if count < ENOUGH_REPLICATES:
        known = (KNOWN_SPREAD**2 + _inside(logs, conditions, sides)) / count
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    samples = sum(len(replicate) for replicate in logs)
    estimate = _interval(float(medians.mean()), variance**0.5, freedom, (samples, count), shares)
    return replace(estimate, spread=(variance * count) ** 0.5, least=conditions.least)


def _inside(logs: list[NDArray[np.float64]], conditions: Conditions, sides: int) -> float:
    """The variance of a replicate's median: measured from its rounds or known from the conditions, whichever is larger.

    A single round shows no spread at all. A few rounds show too little if other work slowed only one of them.
    """
    measured = float(np.mean([_variance_of_median(replicate) for replicate in logs]))
    return max(measured, conditions.variance(float(np.mean([len(replicate) for replicate in logs]))) * sides / 2)


def _variance_of_median(values: NDArray[np.float64]) -> float:
    """The variance of a median, by a bootstrap with a fixed seed: the same samples always give the same interval."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    return float(np.median(values[drawn], axis=1).var())


def student(error: float, freedom: float, shares: int = 1) -> float:
    """Student's t for a two-sided interval whose error is `error` divided into equal `shares`."""
    return quantile(error / shares, freedom)


def _interval(centre: float, spread: float, freedom: int, counts: tuple[int, int], shares: int = 1) -> Estimate:
    """`counts` are the numbers of samples and of replicates."""
    narrow, wide = (student(error, freedom, shares) for error in (0.05, 0.01))
    with np.errstate(over="ignore", under="ignore"):  # a bound of a very wide interval is 0 or infinite
        bounds = [np.exp(centre + step * spread) for step in (0.0, -narrow, narrow, -wide, wide)]
    value, low, high, low99, high99 = (float(bound) for bound in bounds)
    return Estimate(value, low, high, low99, high99, *counts)
