"""From times to points: full marks up to 1.2 x the solution's time, none from 10 x on, in five steps.

The steps are equally far from each other on a logarithmic scale: at 1.2, 2.04, 3.46, 5.89 and 10 x a fifth of the
points is lost. The lower end of the interval counts, so that doubt favours the resident, but by no more than a factor
of `MOST_DOUBT`.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from residency.harness import statistics

FULL, NONE, BANDS = 1.2, 10.0, 5
STEPS = tuple(FULL * (NONE / FULL) ** (step / (BANDS - 1)) for step in range(BANDS))
MOST_DOUBT = 1.25


@dataclass(frozen=True)
class Ratio:
    """The submission's time as a multiple of the solution's, with its 95 % interval."""

    ratio: float
    low: float
    high: float

    @property
    def counted(self) -> float:
        """What the points are given for."""
        return max(self.low, self.ratio / MOST_DOUBT)

    @property
    def straddles(self) -> bool:
        """Whether a step lies between what counts and the interval's other end: then it is measured again."""
        return band(self.counted) != band(min(self.high, self.ratio * MOST_DOUBT))


def band(ratio: float) -> int:
    """How many of the `BANDS` parts of the points a time is worth: all of them up to `FULL`, none from `NONE` on."""
    return max(0, BANDS - bisect.bisect_left(STEPS, ratio))


def points(found: Ratio, most: int) -> float:
    """The points for a time."""
    return most * band(found.counted) / BANDS


def ratio(submission: Sequence[Sequence[float]], solution: Sequence[Sequence[float]]) -> Ratio:
    """From the seconds of each round, one sequence for each pair of processes that took turns."""
    found = statistics.speed_ratio([list(times) for times in submission], [list(times) for times in solution])
    return Ratio(found.value, found.low, found.high)
