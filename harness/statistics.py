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
with fewer than five replicates the spread between them is hardly known, so `KNOWN_SPREAD`, what the committed runs
showed of such spreads, is pooled with theirs as `KNOWN_WEIGHT` further degrees of freedom: a single process never
looks precise. On a machine that is noisier than those, fewer than five cover less than they claim.

The ratio is taken inside each round, whose samples stood next to each other. A processor that changes its clock by a
tenth for a second or two, as shared ones do, moves both of them; the ratio of the two medians it moves by as much as
there are more of one side's samples than of the other's on its slow side of the change. On such a machine the spread
between pairs of processes was 1.2 % by rounds and 3 to 4 % by medians, quiet and with bursty processes beside it.

A run that looks several times whether it knows enough, and stops when it does, would be wrong more often than it
says: each of its `LOOKS` looks, after 1, 2, 4 and 8 times the replicates asked for, gets a quarter of the error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
ENOUGH_REPLICATES = 5
# Standard deviation of the log ratio between pairs of fresh processes. The root mean square of 21 pairs of committed
# runs is 0.148; half of them are below 0.09, the widest is 0.29. What takes milliseconds, quiet, has spread by 0.08.
KNOWN_SPREAD = 0.15
KNOWN_WEIGHT = 4
MARGIN = 0.01
LOOKS = 4  # at most; each after twice the replicates of the one before

VerdictName = Literal["faster", "slower", "equivalent", "inconclusive"]
Replicates = Sequence[Sequence[float]]
"""Seconds: one inner sequence a process, in the order of its rounds."""

# By error and looks: the normal quantile, then Student's t for 1 to 10 degrees of freedom.
_QUANTILES: Mapping[tuple[float, int], tuple[float, ...]] = {
    (0.05, 1): (1.95996, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    (0.01, 1): (2.57583, 63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169),
    (0.05, LOOKS): (2.49771, 50.923, 8.860, 5.392, 4.315, 3.810, 3.521, 3.335, 3.206, 3.111, 3.038),
    (0.01, LOOKS): (3.02334, 254.647, 19.962, 9.465, 6.758, 5.604, 4.981, 4.595, 4.334, 4.146, 4.005),
}


@dataclass(frozen=True)
class Estimate:
    """A positive value with its 95 % interval, and the 99 % one that verdicts are judged by."""

    value: float
    low: float
    high: float
    low99: float
    high99: float
    samples: int
    replicates: int


def median_time(seconds: Replicates, looks: int = 1) -> Estimate:
    """The median time of an implementation, in seconds, with its interval."""
    logs = [np.log(np.asarray(one, dtype=np.float64)) for one in seconds if len(one)]
    return _estimate(logs, looks)


def speed_ratio(baseline: Replicates, other: Replicates, looks: int = 1) -> Estimate:
    """How many times faster `other` is than `baseline`: baseline's time / other's time.

    Both hold one sequence a replicate, in the same order; samples of one round stand at the same place, since in a
    round each had its turn. Replicates in which either has no sample are left out. `looks` is 1, or
    `LOOKS` for a run that was stopped by what it saw.
    """
    return _estimate(log_ratios(baseline, other), looks)


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


def change(baseline: Replicates, current: Replicates) -> Change:
    """The current time / the baseline's, of two runs that did not take turns: Welch's comparison of their processes."""
    sides = [[np.log(np.asarray(one, dtype=np.float64)) for one in side if len(one)] for side in (baseline, current)]
    if not all(sides):
        raise ValueError("both runs must hold samples")
    means, variances, freedoms = zip(*(_side(side) for side in sides), strict=True)
    total = sum(variances)
    spread = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    freedom = total**2 / spread if spread > 0 else float(min(freedoms))
    return Change(means[1] - means[0], total**0.5, max(1.0, freedom), min(len(side) for side in sides))


def _side(logs: list[NDArray[np.float64]]) -> tuple[float, float, float]:
    """Mean of the replicates' medians, its variance, and the degrees of freedom of that."""
    each = np.array([np.median(one) for one in logs])
    count, freedom = len(each), float(len(each) - 1)
    variance = float(each.var(ddof=1)) / count if count > 1 else 0.0
    if count < ENOUGH_REPLICATES:
        inside = float(np.mean([_variance_of_median(one) for one in logs]))
        known = (KNOWN_SPREAD**2 / 2 + inside) / count  # half: the known spread is that of a ratio of two
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    return float(each.mean()), variance, freedom


def ratio_in_one_process(baseline: Replicates, other: Replicates) -> Estimate:
    """How many times faster `other` is, of two functions that took turns inside one process.

    Both hold one sequence a round, as `A B B A` gives two samples of each. In each round the faster samples are
    compared, which bursts of other work seldom spoil both of, and the median over the rounds is taken: a processor
    that changes its clock for a second or two changes both sides of a round. Rounds are what the bootstrap resamples.
    """
    if len(baseline) < 2 or len(baseline) != len(other):
        raise ValueError("both sides must hold the same rounds, two at least")
    each = np.log([min(one) for one in baseline]) - np.log([min(one) for one in other])
    drawn = np.random.default_rng(0).integers(len(each), size=(RESAMPLES, len(each)))
    low, high, low99, high99 = np.exp(np.percentile(np.median(each[drawn], axis=1), (2.5, 97.5, 0.5, 99.5)))
    samples = sum(len(one) for one in other)
    return Estimate(float(np.exp(np.median(each))), float(low), float(high), float(low99), float(high99), samples, 1)


def verdict(ratio: Estimate, margin: float = MARGIN) -> VerdictName:
    """What a ratio of speeds says at 99 % against a margin, a fraction."""
    if ratio.low99 > 1.0 + margin:
        return "faster"
    if ratio.high99 < 1.0 / (1.0 + margin):
        return "slower"
    if 1.0 / (1.0 + margin) <= ratio.low99 and ratio.high99 <= 1.0 + margin:
        return "equivalent"
    return "inconclusive"


def geometric_mean(ratios: Sequence[float]) -> Estimate:
    """The geometric mean of ratios of at least two tasks, with the interval that the spread between tasks gives."""
    if len(ratios) < 2:
        raise ValueError("a mean over tasks needs at least two")
    logs = np.log(np.asarray(ratios, dtype=np.float64))
    spread = float(logs.std(ddof=1) / np.sqrt(len(logs)))
    return _interval(float(logs.mean()), spread, len(logs) - 1, (len(logs), len(logs)))


def _estimate(logs: list[NDArray[np.float64]], looks: int) -> Estimate:
    """From logs of times or of ratios, a vector a replicate."""
    count = len(logs)
    each = np.array([np.median(one) for one in logs])
    variance = float(each.var(ddof=1)) / count if count > 1 else 0.0
    freedom = count - 1
    if count < ENOUGH_REPLICATES:
        known = (KNOWN_SPREAD**2 + float(np.mean([_variance_of_median(one) for one in logs]))) / count
        variance = (KNOWN_WEIGHT * known + freedom * variance) / (KNOWN_WEIGHT + freedom)
        freedom += KNOWN_WEIGHT
    samples = sum(len(one) for one in logs)
    return _interval(float(each.mean()), variance**0.5, freedom, (samples, count), looks)


def _variance_of_median(values: NDArray[np.float64]) -> float:
    """The variance of a median, by a bootstrap with a fixed seed: the same samples always give the same interval."""
    drawn = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    return float(np.median(values[drawn], axis=1).var())


def student(error: float, freedom: int, looks: int = 1) -> float:
    """Student's t for a two-sided interval with an error of 0.05 or 0.01, shared by 1 or `LOOKS` looks."""
    normal, *few = _QUANTILES[error, looks]
    if freedom <= len(few):
        return few[freedom - 1]
    first = (normal**3 + normal) / (4 * freedom)  # Fisher's expansion around the normal quantile
    second = (5 * normal**5 + 16 * normal**3 + 3 * normal) / (96 * freedom**2)
    third = (3 * normal**7 + 19 * normal**5 + 17 * normal**3 - 15 * normal) / (384 * freedom**3)
    return normal + first + second + third


def _interval(centre: float, spread: float, freedom: int, counts: tuple[int, int], looks: int = 1) -> Estimate:
    """Counts are those of samples and of replicates."""
    narrow, wide = (student(error, freedom, looks) for error in (0.05, 0.01))
    bounds = [np.exp(centre + step * spread) for step in (0.0, -narrow, narrow, -wide, wide)]
    value, low, high, low99, high99 = (float(bound) for bound in bounds)
    return Estimate(value, low, high, low99, high99, *counts)
