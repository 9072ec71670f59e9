"""A cache of constants, and `lru_cache` on a helper."""

from functools import cache, lru_cache

import numpy as np


@cache
def prices():
    return 3.0, 1.9, 0.4


@lru_cache(maxsize=8)
def factors():
    return np.array([1.0, 1.25])


def fares(kilometres, minutes, night):
    start, per_km, per_minute = prices()
    fare = start + per_km * kilometres + per_minute * minutes
    return np.maximum(factors()[night.astype(int)] * fare, 6.0)
