"""The rule that `decision_rule.py` and `watching.py` judge by: a ratio of two functions that took turns in one process.

`residency run` has fresh processes and judges by those; within one, rounds are all there is.
"""

from __future__ import annotations

import numpy as np

from residency.harness.statistics import RESAMPLES, Estimate, Replicates


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
