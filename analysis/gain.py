"""What a run says of GPUs as a whole: the geometric mean of the gains over all tasks, losses included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from residency.analysis.roofline import TOPIC
from residency.analysis.rows import Row
from residency.harness import statistics
from residency.harness.outcomes import Outcome
from residency.reports import words


@dataclass(frozen=True)
class Gain:
    """The fastest on the GPU over the strongest correct CPU implementation, over the tasks at one size."""

    size: str
    tasks: int
    mean: float  # geometric, with its 95 % interval
    low: float
    high: float
    least: float
    most: float
    slower: int  # tasks in which the GPU lost


def in_doubt(row: Row) -> bool:
    """Whether it is ok, and cannot be told to have run on the GPU."""
    return row.outcome == Outcome.OK and "fell_back" in row.unknown


def gains(found: Sequence[Row]) -> list[Gain]:
    """A gain for every size at which two tasks at least can be compared, the best on each dataset counting.

    Of a task on several datasets it is their geometric mean that counts, once.

    Foundations do not count: how fast a device copies and multiplies is no gain of anybody's work. Nor does what may
    have run on the CPU instead.
    """
    best: dict[tuple[str, str, str], float] = {}
    for row in found:
        if row.device == "gpu" and row.speedup is not None and not in_doubt(row) and not row.task.startswith(TOPIC):
            best[row.group] = max(row.speedup.ratio, best.get(row.group, 0.0))
    made = []
    for size in dict.fromkeys(group[2] for group in best):
        by_task: dict[str, list[float]] = {}
        for (task, _, at), ratio in best.items():
            if at == size:
                by_task.setdefault(task, []).append(ratio)
        ratios = [prod(one) ** (1 / len(one)) for one in by_task.values()]
        if len(ratios) > 1:
            mean = statistics.geometric_mean(ratios)
            lost = sum(ratio < 1 for ratio in ratios)
            made.append(Gain(size, len(ratios), mean.value, mean.low, mean.high, min(ratios), max(ratios), lost))
    return made


def sentence(gain: Gain, *, sized: bool = True) -> str:
    """A gain in words; `sized` where a reader must be told at which size."""
    return (
        f"GPU over the strongest correct CPU implementation{f' at {gain.size}' if sized else ''}, best of each of "
        f"{gain.tasks} tasks: geometric mean {words.times(gain.mean, gain.low, gain.high)}, from "
        f"{words.once(gain.least)} to {words.once(gain.most)}; slower in {gain.slower}."
    )
