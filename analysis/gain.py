"""What a run says about GPUs as a whole: the geometric means of the gains over all tasks, losses included.

There are two: end to end, and with the data resident. A mean over other tasks would not be comparable, so the resident
mean comes with the end-to-end mean over the same tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from residency.analysis.doubt import is_on_gpu
from residency.analysis.rest import Rest, less_computing, rest
from residency.analysis.roofline import TOPIC
from residency.analysis.row import Group, Resident, Row, Speedup
from residency.harness import statistics
from residency.harness.statistics import Interval


@dataclass(frozen=True)
class Mean:
    """A geometric mean over tasks, and its extremes."""

    tasks: int
    mean: Interval
    least: float
    most: float
    slower: int  # tasks in which the GPU lost; a lower bound does not tell that


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
    by_task: dict[str, list[float]] = {}
    for (task, *_), (_, ratio) in chosen.items():
        by_task.setdefault(task, []).append(ratio.value)
    ratios = {task: prod(of_task) ** (1 / len(of_task)) for task, of_task in by_task.items()}
    if len(ratios) < least or not ratios:
        return None
    bounds = _bounds(chosen.values())
    slower = sum(ratio < 1 and task not in bounds for task, ratio in ratios.items())
    interval = _interval(ratios, chosen)
    return Mean(len(ratios), interval, min(ratios.values()), max(ratios.values()), slower)


def _interval(ratios: Mapping[str, float], chosen: Mapping[Group, Chosen]) -> Interval:
    """The geometric mean over tasks; of a single task over its datasets; of a single ratio that ratio itself."""
    values = list(ratios.values()) if len(ratios) > 1 else [ratio.value for _, ratio in chosen.values()]
    if len(values) > 1:
        mean = statistics.geometric_mean(values)
        return Interval(mean.value, mean.low, mean.high)
    ((_, only),) = chosen.values()
    return Interval(only.value, only.low, only.high)


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
