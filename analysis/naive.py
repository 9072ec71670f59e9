"""Results that need no model, such as the last value over again: their quality, and whether a model is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from residency.analysis.rows import Row
from residency.harness.outcomes import Outcome
from residency.harness.task_info import TaskInfo


def naive_qualities(group: Sequence[Row], task: TaskInfo | None) -> dict[str, float]:
    """The quality of each naive result on the data of a group, by what it does, as far as it is on record."""
    named = task.naive if task else {}
    return {
        name: next(row.figures[figure] for row in group if figure in row.figures)
        for name, figure in named.items()
        if any(figure in row.figures for row in group)
    }


def own_figures(row: Row, task: TaskInfo | None) -> Mapping[str, float]:
    """A row's figures without those that are the same for all rows of its data."""
    shared = set(task.naive.values()) if task else set()
    return {name: value for name, value in row.figures.items() if name not in shared}


def without_a_model(task: TaskInfo | None, naive: Mapping[str, float]) -> list[str]:
    """`without a model: MASE 1.22 by repeating the last value, 0.94 by repeating the last season`."""
    if task is None or not naive:
        return []
    return [f"without a model: {task.metric} {', '.join(f'{value:.4g} by {name}' for name, value in naive.items())}"]


def unbeaten(group: Sequence[Row], task: TaskInfo | None, naive: Mapping[str, float]) -> str:
    """That no model is better than the best naive result, as a sentence; nothing where one is, or none is right."""
    qualities = [
        row.quality
        for row in group
        if row.outcome == Outcome.OK and row.quality is not None and task and row.implementation not in task.beside
    ]
    if task is None or not naive or not qualities:
        return ""
    best, sign = (min, 1.0) if task.better == "lower" else (max, -1.0)
    model, name = best(qualities), best(naive, key=naive.__getitem__)
    if sign * model < sign * naive[name]:
        return ""
    return f" No model beats {name}: {task.metric} {naive[name]:.4g}, the best model's is {model:.4g}."
