"""Descriptive statistics of an implementation's samples, as other benchmark tools report them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Described:
    """Times in seconds, from the shortest on."""

    times: list[float]
    total: float
    mean: float
    deviation: float
    q1: float
    median: float
    q3: float
    inside: tuple[float, float]  # the shortest and the longest within Tukey's fences
    beyond_fences: int
    beyond_deviation: int  # further from the mean than one deviation


def described(seconds: Sequence[float]) -> Described:
    """The statistics of at least one sample."""
    times = np.sort(np.array(seconds))
    q1, median, q3 = (float(value) for value in np.percentile(times, (25, 50, 75)))
    mean, deviation = float(times.mean()), float(times.std(ddof=1)) if len(times) > 1 else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = times[(times >= low) & (times <= high)]
    return Described(
        times=[float(time) for time in times],
        total=float(times.sum()),
        mean=mean,
        deviation=deviation,
        q1=q1,
        median=median,
        q3=q3,
        inside=(float(inside[0]), float(inside[-1])),
        beyond_fences=int(len(times) - len(inside)),
        beyond_deviation=int((abs(times - mean) > deviation).sum()) if deviation else 0,
    )
