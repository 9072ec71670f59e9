"""A time of a history against the time before it in its series: how sure the change is, and whether it is marked.

The comparison is that of `residency compare`: Welch's t-test of the processes' medians, against a margin. Two things
are added:

  - The noise from run to run. Fresh runs of the same code differ by more than the processes of one run tell, because
    each run meets the machine in another state. How much is estimated from the other steps of the same series. Steps of
    more than five times their usual size are left out, so that lasting changes do not count as noise. One of them is
    kept: the step just before or after that takes the change back. A single odd run is noise. A series with fewer than
    four other steps cannot tell its noise. 2 % a run is assumed for it: an assumption, which no trial has measured.
  - The error is shared. A history makes hundreds of comparisons, so a plain 99 % test would mark some of them although
    nothing changed. Holm's method (1979) shares the error of 5 % among all comparisons of the history. If the noise is
    normal, the chance of one false mark or more in the whole history is at most 5 %.

`results/trials/history.md` shows how often this marks what did not change, and what did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean, median
from typing import Literal

from residency.harness import student
from residency.harness.statistics import Change, Interval

ERROR = 0.05  # the chance of one false mark or more in a history
ASSUMED_NOISE = 0.02  # standard deviation of a run's log time, if its series has too few steps to tell
OTHER_STEPS = 4  # of a series, from which on they tell its noise from run to run
FAR = 5.0  # standard deviations, by the median: a step that is larger is a change, not noise
NORMAL_MEDIAN = 0.6745  # of the absolute value of a normal variable whose standard deviation is 1
INDEPENDENT = 2 / 3  # of the steps: neighbours share a run, so they tell less than as many independent values
LEFT = 0.5  # of a change, at most, that is left after a step that takes it back

Mark = Literal["slower", "faster", ""]


@dataclass(frozen=True)
class Step:
    """A time against the one before it in its series."""

    since: int  # the run with the time before
    ratio: Interval  # of the times, above 1 is slower
    chance: float  # p-value of "no change beyond the margin", before the error is shared
    error: float  # standard error of the log ratio, with the noise from run to run
    freedom: float  # degrees of freedom of that error
    visible: float = math.inf  # the smallest change that would have been marked, as a fraction
    mark: Mark = ""


def with_noise(change: Change, others: Sequence[Change], beside: Sequence[Change] = ()) -> Change:
    """The change with the noise from run to run that the other steps of its series show.

    `beside` are those of the `others` that are just before and just after it. The spread of the others is what they
    differ by from 0. What the processes of a run explain of it is not counted twice.
    """
    if len(others) < OTHER_STEPS:
        return _widened(change, 2 * ASSUMED_NOISE**2, math.inf)
    limit = FAR * median(abs(other.log_ratio) for other in others) / NORMAL_MEDIAN
    back = [other for other in beside if _takes_back(other, change)]
    sizes = [
        abs(other.log_ratio) for other in others if abs(other.log_ratio) <= limit or any(other is kept for kept in back)
    ]
    noise = max(0.0, mean(size**2 for size in sizes) - median(other.error**2 for other in others))
    return _widened(change, noise, INDEPENDENT * len(sizes))


def _widened(change: Change, noise: float, freedom: float) -> Change:
    """The change with this variance from run to run, which is known with so many degrees of freedom."""
    variance = change.error**2 + noise
    parts = change.error**4 / change.freedom + noise**2 / freedom
    if noise == 0.0:
        return change
    return replace(change, error=variance**0.5, freedom=max(1.0, variance**2 / parts) if parts else math.inf)


def _takes_back(other: Change, change: Change) -> bool:
    """Whether little is left of a change if another is added to it."""
    return abs(change.log_ratio + other.log_ratio) < LEFT * abs(change.log_ratio)


def step_of(since: int, change: Change, margin: float) -> Step:
    """A change since this run as a step, before it is decided whether it is marked."""
    return Step(since, ratio_of(change), _chance(change, math.log1p(margin)), change.error, change.freedom)


def ratio_of(change: Change) -> Interval:
    """The ratio of the times with its 95 % interval."""
    low, high = change.interval(student.quantile(0.05, change.freedom))
    return Interval(math.exp(change.log_ratio), low, high)


def _chance(change: Change, limit: float) -> float:
    """The chance of a step as large as this one or larger, in either direction, if the change is not beyond the limit.

    It is largest for a change that is just at the limit.
    """
    size = abs(change.log_ratio)
    if change.error == 0:
        return float(size <= limit)
    far, near = ((size + side * limit) / change.error for side in (1.0, -1.0))
    return min(1.0, student.above(near, change.freedom) + student.above(far, change.freedom))


def steps_marked(steps: Sequence[Step], margin: float) -> list[Step]:
    """All steps of a history, in their order, with their marks: Holm's step-down over all of them."""
    limit = -1.0  # the largest chance that is marked
    for rank, chance in enumerate(sorted(step.chance for step in steps)):
        if chance > ERROR / (len(steps) - rank):
            break
        limit = chance

    def decided(step: Step) -> Step:
        beyond = student.quantile(2 * ERROR / len(steps), step.freedom) * step.error  # twice: one side counts
        visible = math.expm1(math.log1p(margin) + beyond)
        mark: Mark = "" if step.chance > limit else "slower" if step.ratio.value > 1 else "faster"
        return replace(step, visible=visible, mark=mark)

    return [decided(step) for step in steps]
