"""Sentences about numbers that several reports tell."""

from __future__ import annotations

from collections.abc import Mapping

from residency.analysis.gain import Gain
from residency.analysis.naive import Unbeaten
from residency.harness.task_info import TaskInfo
from residency.reports import words


def gain(found: Gain, *, sized: bool = True) -> str:
    """What a run says of GPUs as a whole; `sized` where a reader must be told at which size."""
    return (
        f"GPU over the strongest correct CPU implementation{f' at {found.size}' if sized else ''}, best of each of "
        f"{found.tasks} tasks: geometric mean {words.times(found.mean)}, from "
        f"{words.once(found.least)} to {words.once(found.most)}; slower in {found.slower}."
    )


def without_a_model(task: TaskInfo | None, naive: Mapping[str, float]) -> list[str]:
    """`without a model: MASE 1.22 by repeating the last value, 0.94 by repeating the last season`."""
    if task is None or not naive:
        return []
    return [f"without a model: {task.metric} {', '.join(f'{value:.4g} by {name}' for name, value in naive.items())}"]


def unbeaten(task: TaskInfo | None, found: Unbeaten | None) -> str:
    """That no model is better than the best naive result; nothing where one is."""
    if task is None or found is None:
        return ""
    return f" No model beats {found.name}: {task.metric} {found.quality:.4g}, the best model's is {found.model:.4g}."
