"""What a run says about GPUs as a whole: the geometric means of the gains over all tasks, losses included.

There are two: end to end, and with the data resident. A mean over other tasks would not be comparable, so the resident
mean comes with the end-to-end mean over the same tasks.

The tasks of a run stand for other tasks like them, so the interval of a mean comes from the spread between tasks. It is
never narrower than the intervals of these tasks allow (`statistics.geometric_mean`). A single task keeps its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from residency.analysis.doubt import is_on_gpu
from residency.analysis.rest import Rest, less_computing, rest
from residency.analysis.roofline import TOPIC
from residency.analysis.row import Group, Resident, Row, Speedup
from residency.harness import statistics
from residency.harness.statistics import Interval, VerdictName


@dataclass(frozen=True)
class Mean:
    """A geometric mean over tasks, its extremes, and the verdicts of its tasks.

    A task on several datasets has the verdict that they share; if they differ, it is inconclusive.
    """

    tasks: int
    mean: Interval
    least: float
    most: float
    slower: int  # tasks in which the GPU lost; a lower bound does not tell that
    faster: int
    equivalent: int
    inconclusive: int


@dataclass(frozen=True)
class ResidentMean(Mean):
    """With the data resident, over the tasks of which that is known."""

    end_to_end: Interval  # the mean end to end over the same tasks
    at_least: int  # tasks whose ratio is only a lower bound
    rest: Rest | None  # where both means are far apart


@dataclass(frozen=True)
class Gain(Mean):
    """The fastest on the GPU over the strongest correct CPU implementation, over the tasks at one size."""

    size: str
    resident: ResidentMean | None  # None if it is known of fewer than two tasks

    @property
    def is_decided(self) -> bool:
        """Whether the interval of the mean lies beyond 1."""
        return self.mean.low > 1 or self.mean.high < 1


def gains(found: Sequence[Row], least: int = 2) -> list[Gain]:
    """A gain for every size at which at least two tasks can be compared; the best on each dataset counts.

    The best may be another implementation end to end than with the data resident, as the CPU's may. A task on several
    datasets counts once, with their geometric mean.

    Foundations do not count, because the speed of a copy or a product is not a gain for a real task. An implementation
    that may have run on the CPU does not count either.
    """
    on_gpu = [row for row in found if is_on_gpu(row) and not row.cell.task.startswith(TOPIC)]
    best = _best((row, row.compared.speedup) for row in on_gpu)
    resident = _best((row, row.compared.resident) for row in on_gpu)
    opponents = {(row.group, row.cell.implementation): row for row in found if row.cell.device == "cpu"}
    made = []
    for size in dict.fromkeys(group[2] for group in best):
        here = {group: chosen for group, chosen in best.items() if group[2] == size}
        if (mean := _mean(here, least)) is not None:
            both = {group: (chosen, resident[group]) for group, chosen in here.items() if group in resident}
            made.append(Gain(**vars(mean), size=size, resident=_resident(both, opponents, least)))
    return made


def gains_of_topic(found: Sequence[Row], topic: str) -> list[Gain]:
    """The same for the tasks of one topic at each size, where a single task is enough: its own ratio is the answer."""
    return gains([row for row in found if row.cell.task.startswith(f"{topic}/")], least=1)


Chosen = tuple[Row, Speedup]
"""The row that is the best of its group, and its ratio."""


def _best(rows: Iterable[tuple[Row, Speedup | None]]) -> dict[Group, Chosen]:
    """The row with the highest ratio of each group."""
    best: dict[Group, Chosen] = {}
    for row, ratio in rows:
        if ratio is not None and (row.group not in best or ratio.value > best[row.group][1].value):
            best[row.group] = row, ratio
    return best


def _mean(chosen: Mapping[Group, Chosen], least: int) -> Mean | None:
    """The mean over the tasks of these groups; None if there are fewer than `least`."""
    by_task: dict[str, list[Speedup]] = {}
    for (task, *_), (_, ratio) in chosen.items():
        by_task.setdefault(task, []).append(ratio)
    if len(by_task) < least or not by_task:
        return None
    ratios = [statistics.of_these(of_task) for of_task in by_task.values()]
    only = next(iter(by_task.values()))  # a single task has the mean over its datasets
    values = [ratio.value for ratio in ratios]
    verdicts = Counter(map(_verdict, by_task.values()))
    return Mean(
        tasks=len(ratios),
        mean=statistics.geometric_mean(ratios if len(ratios) > 1 else only),
        least=min(values),
        most=max(values),
        slower=verdicts["slower"],
        faster=verdicts["faster"],
        equivalent=verdicts["equivalent"],
        inconclusive=verdicts["inconclusive"],
    )


def _verdict(ratios: Sequence[Speedup]) -> VerdictName:
    """The verdict that the ratios of a task share; inconclusive if they differ."""
    verdicts = {ratio.verdict for ratio in ratios}
    return verdicts.pop() if len(verdicts) == 1 else "inconclusive"


def _bounds(chosen: Iterable[Chosen]) -> set[str]:
    """The tasks whose ratio is only a lower bound."""
    return {row.cell.task for row, ratio in chosen if isinstance(ratio, Resident) and ratio.at_least}


def _resident(
    both: Mapping[Group, tuple[Chosen, Chosen]], opponents: Mapping[tuple[Group, str], Row], least: int
) -> ResidentMean | None:
    """The mean with the data resident, of groups whose best end to end and resident are both known."""
    whole = _mean({group: chosen for group, (chosen, _) in both.items()}, least)
    mean = _mean({group: chosen for group, (_, chosen) in both.items()}, least)
    if whole is None or mean is None:
        return None
    bounds = _bounds(there for _, there in both.values())
    on_gpu = [row for (row, _), _ in both.values()]
    on_cpu = [
        less_computing(*(opponents[group, ratio.baseline] for _, ratio in chosen)) for group, chosen in both.items()
    ]
    far = rest(whole.mean.value, mean.mean.value, on_gpu, on_cpu)
    return ResidentMean(**vars(mean), end_to_end=whole.mean, at_least=len(bounds), rest=far)
