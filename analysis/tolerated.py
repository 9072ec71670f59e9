"""Which qualities count as right, of every group of a run: from the exact solution's, or from the best of the run.

How much chance in the judged items explains comes on top (`harness/judgement.py`), so this is the narrowest such band.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from residency.analysis.row import Group, Row
from residency.harness.outcomes import Outcome
from residency.harness.task_info import TaskInfo

Basis = Literal["exact solution", "best of the run"]


@dataclass(frozen=True)
class Tolerated:
    """The qualities that count as right in one group."""

    task: str
    dataset: str
    size: str
    metric: str
    better: str
    basis: Basis
    wanted: float  # the exact solution's quality, or the best of the run
    worst: float  # that the tolerance allows


def tolerated(rows: Sequence[Row], tasks: Mapping[str, TaskInfo]) -> list[Tolerated]:
    """The band of every group, in the order of the rows, as far as it is known.

    It is not known on the user's own data, for which the tolerance depends on what the best result learned.
    """
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    known = ((group, tasks.get(group[0])) for group in groups)
    bands = [_of(groups[group], task) for group, task in known if task and task.datasets.get(group[1]) != "own"]
    return [band for band in bands if band is not None]


def _of(group: Sequence[Row], task: TaskInfo) -> Tolerated | None:
    cell = group[0].cell
    exact = next((row.result.reference for row in group if row.result.reference is not None), None)
    right = [
        row.result.quality
        for row in group
        if row.result.outcome == Outcome.OK
        and row.result.quality is not None
        and row.cell.implementation not in task.beside
    ]
    best = (max if task.better == "higher" else min)(right, default=None)
    wanted = best if exact is None else exact
    if wanted is None:
        return None
    short = task.tolerance * abs(wanted) if task.relative else task.tolerance
    return Tolerated(
        task=cell.task,
        dataset=cell.dataset,
        size=cell.size,
        metric=task.metric,
        better=task.better,
        basis="best of the run" if exact is None else "exact solution",
        wanted=wanted,
        worst=wanted - short if task.better == "higher" else wanted + short,
    )
