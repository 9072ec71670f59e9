"""Student's t for any error and any degrees of freedom; importing SciPy for that takes half a second."""

from __future__ import annotations

import functools
import math

TINY = 1e-300
CLOSE = 1e-12  # of a term to one: when a continued fraction has ended, and of an interval to its middle


@functools.lru_cache(maxsize=4096)
def quantile(error: float, freedom: float) -> float:
    """What |t| exceeds with a probability of `error`: the half-width of a two-sided interval, in standard errors."""
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > error:
        low, high = high, 2.0 * high
    while high - low > CLOSE * high:
        middle = (low + high) / 2.0
        if middle in {low, high}:
            break
        low, high = (middle, high) if two_sided(middle, freedom) > error else (low, middle)
    return (low + high) / 2.0


def two_sided(t: float, freedom: float) -> float:
    """The probability that |t| or more comes about by chance."""
    if math.isinf(freedom):
        return math.erfc(t / math.sqrt(2.0))
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5)


def above(t: float, freedom: float) -> float:
    """The probability that t or more comes about by chance."""
    tail = two_sided(abs(t), freedom) / 2.0
    return tail if t >= 0 else 1.0 - tail


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction on the side where that ends soon."""
    if x <= 0.0 or x >= 1.0:
        return min(1.0, max(0.0, x))
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(1.0 - x, b, a)
    logs = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logs) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the continued fraction 1 + d1 / (1 + d2 / (1 + ...)) of the incomplete beta function."""
    value, up, down = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        half = step // 2
        if step % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        up, down = 1.0 + term / up or TINY, 1.0 / (1.0 + term * down or TINY)
        value *= up * down
        if abs(up * down - 1.0) < CLOSE:
            break
    return value
