"""Results that need no model, such as repeating the last value: their quality, and whether a model is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from residency.analysis.row import Row
from residency.harness.outcomes import Outcome
from residency.harness.task_info import TaskInfo


@dataclass(frozen=True)
class Unbeaten:
    """The best naive result of a group, if no model is better."""

    name: str  # what it does
    quality: float
    model: float  # the best model's quality


def naive_qualities(group: Sequence[Row], task: TaskInfo | None) -> dict[str, float]:
    """The quality of each naive result on the data of a group, by what it does, as far as it is recorded."""
    named = task.naive if task else {}
    measured = [row.measured.figures for row in group if row.measured]
    return {
        name: next(figures[figure] for figures in measured if figure in figures)
        for name, figure in named.items()
        if any(figure in figures for figures in measured)
    }


def own_figures(row: Row, task: TaskInfo | None) -> Mapping[str, float]:
    """A row's figures without those that are the same for all rows of its data."""
    shared = set(task.naive.values()) if task else set()
    figures = row.measured.figures if row.measured else {}
    return {name: value for name, value in figures.items() if name not in shared}


def unbeaten(group: Sequence[Row], task: TaskInfo | None, naive: Mapping[str, float]) -> Unbeaten | None:
    """The best naive result if no model is better; None if one is, or if no model's result is right."""
    right = [
        row for row in group if row.result.outcome == Outcome.OK and task and row.cell.implementation not in task.beside
    ]
    qualities = [row.result.quality for row in right if row.result.quality is not None]
    if task is None or not naive or not qualities:
        return None
    best, sign = (min, 1.0) if task.better == "lower" else (max, -1.0)
    model, name = best(qualities), best(naive, key=naive.__getitem__)
    return None if sign * model < sign * naive[name] else Unbeaten(name, naive[name], model)
