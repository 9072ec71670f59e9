"""The interval of a mean over replications, by Student's t: for the planner's answers and for its self-test alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from residency.harness.statistics import Interval, student

REPLICATIONS = 20  # the fewest that an answer rests on


def of_mean(values: Sequence[float], error: float = 0.05, shares: int = 1) -> Interval:
    """The mean of independent replications, with its interval; at least two values.

    The interval misses the true mean with probability `error`, divided among `shares` intervals that shall all hold.
    """
    if len(values) < 2:
        raise ValueError("an interval needs two replications or more")
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = student(error, len(values) - 1, shares) * math.sqrt(variance / len(values))
    return Interval(mean, mean - half, mean + half)
