"""What a run says about GPUs as a whole: the geometric mean of the gains over all tasks, losses included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from residency.analysis.roofline import TOPIC
from residency.analysis.row import Row
from residency.harness import statistics
from residency.harness.outcomes import Outcome
from residency.harness.statistics import Interval


@dataclass(frozen=True)
class Gain:
    """The fastest on the GPU over the strongest correct CPU implementation, over the tasks at one size."""

    size: str
    tasks: int
    mean: Interval  # geometric
    least: float
    most: float
    slower: int  # tasks in which the GPU lost


def in_doubt(row: Row) -> bool:
    """Whether its result is ok, but nobody can tell whether it ran on the GPU."""
    return row.result.outcome == Outcome.OK and "fell_back" in row.facts.unknown


def gains(found: Sequence[Row]) -> list[Gain]:
    """A gain for every size at which at least two tasks can be compared; the best on each dataset counts.

    A task on several datasets counts once, with their geometric mean.

    Foundations do not count, because the speed of a copy or a product is not a gain for a real task. An implementation
    that may have run on the CPU does not count either.
    """
    best: dict[tuple[str, str, str], float] = {}
    for row in found:
        over = row.compared.speedup
        if over is not None and row.cell.device == "gpu" and not in_doubt(row) and not row.cell.task.startswith(TOPIC):
            best[row.group] = max(over.value, best.get(row.group, 0.0))
    made = []
    for size in dict.fromkeys(group[2] for group in best):
        by_task: dict[str, list[float]] = {}
        for (task, _, at), ratio in best.items():
            if at == size:
                by_task.setdefault(task, []).append(ratio)
        ratios = [prod(of_task) ** (1 / len(of_task)) for of_task in by_task.values()]
        if len(ratios) > 1:
            mean = statistics.geometric_mean(ratios)
            lost = sum(ratio < 1 for ratio in ratios)
            interval = Interval(mean.value, mean.low, mean.high)
            made.append(Gain(size, len(ratios), interval, min(ratios), max(ratios), lost))
    return made
