"""What all tasks of a run share: a reduced clock slows all of them, a change to one task's code does not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from residency.harness import statistics
from residency.harness.statistics import Interval

CHANCE = 0.05
LEAST_TASKS = 6  # all on one side by chance: 2 × 0.5^6 = 3 %, and with five tasks 6 %


@dataclass(frozen=True)
class Shift:
    """The median of the tasks' ratios of times, current / baseline."""

    tasks: int
    ratio: Interval


def shift(ratios: Sequence[tuple[str, float]]) -> Shift | None:
    """Whether all tasks became slower, or faster, in the same way; None if that cannot be decided.

    `ratios` are pairs of a task's name and a ratio of times. The sample consists of tasks, because implementations that
    share code count as one. The interval is that of the sign test for their median. It needs at least six tasks, and
    must lie outside the margin within which no report sees a difference. A few tasks that really changed move neither
    bound.
    """
    by_task: dict[str, list[float]] = {}
    for task, ratio in ratios:
        by_task.setdefault(task, []).append(math.log(ratio))
    logs = [median(of_task) for of_task in by_task.values()]
    if len(logs) < LEAST_TASKS:
        return None
    from scipy.stats import quantile_test  # half a second to import

    low, high = quantile_test(logs).confidence_interval(1.0 - CHANCE)
    least = math.log1p(statistics.MARGIN)
    if math.isnan(low) or math.isnan(high) or (low <= least and high >= -least):
        return None
    return Shift(len(logs), Interval(math.exp(median(logs)), math.exp(low), math.exp(high)))
