"""Random numbers of the simulation: the same from the same seed on every machine and every version of Python.

Of `random.Random` only `random()` is used, since Python promises that its numbers never change. Every draw takes one of
them and inverts the distribution, so two plans that are compared see the same people.
"""

from __future__ import annotations

import math
from random import Random
from statistics import NormalDist

TINY = 2.0**-54  # in place of the 0.0 that `random()` returns once in 2^53 calls
STANDARD = NormalDist().inv_cdf


def person_random(seed: int, replication: int, person: int) -> Random:
    """The random numbers of one person in one replication; all three from 0, the last two below 2^32."""
    if seed < 0 or not 0 <= replication < 2**32 or not 0 <= person < 2**32:
        raise ValueError(f"seed {seed}, replication {replication}, person {person}: each must be 0 or more")
    return Random((seed << 64) | (replication << 32) | person)


def exponential(random: Random, mean: float) -> float:
    """An exponential time with this mean."""
    return -mean * math.log(random.random() or TINY)


def lognormal(random: Random, mean: float, scv: float) -> float:
    """A lognormal time with this mean and this squared coefficient of variation (variance / mean²)."""
    variance = math.log1p(scv)  # of its logarithm
    return mean * math.exp(math.sqrt(variance) * STANDARD(random.random() or TINY) - variance / 2.0)


def uniform(random: Random, low: float, high: float) -> float:
    """A time from `low` to `high`, each equally likely."""
    return low + (high - low) * random.random()


def triangular(random: Random, low: float, mode: float, high: float) -> float:
    """A time from `low` to `high`, most likely near `mode`."""
    share, width = random.random(), high - low
    if share * width < mode - low:
        return low + math.sqrt(share * width * (mode - low))
    return high - math.sqrt((1.0 - share) * width * (high - mode))
