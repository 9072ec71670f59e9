"""`residency crossover`: a run that measures size after size, until it is known where one side overtakes the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from residency.analysis.crossover import SIDES, Crossover, Point, both, next_size, points
from residency.analysis.row import Row
from residency.analysis.rows import rows
from residency.harness import records
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, unknown
from residency.harness.task import SIZES, Task
from residency.harness.task_info import TaskInfo
from residency.runners.plan import Group, Selection, plan, unavailable
from residency.runners.settings import Settings
from residency.studies.measuring import Interrupted, info_of, measure

MOST_SIZES = 10


class Search:
    """The search of one task's crossover, into a run's folder."""

    def __init__(
        self,
        catalogue: Catalogue,
        task: Task,
        *,
        ends: tuple[str, str],
        sides: tuple[str, str],
        workers: tuple[int, ...],
        settings: Settings,
        results: Path,
    ) -> None:
        """Search between these `ends`, sizes or numbers of rows; `sides` names the challenger and the champion.

        Raises `UsageError` if a side does not exist, both share an implementation, or the challenger cannot run.
        """
        self._catalogue, self._task, self._ends, self._settings = catalogue, task, ends, settings
        self._selection = Selection(tasks=(task.path,), sizes=(ends[1],), runners=("local", "cluster"), workers=workers)
        (whole,) = plan(catalogue, self._selection)
        challenger, champion = (_side(whole, name) for name in sides)
        if challenger & champion:
            raise UsageError(f"--of {sides[0]} and --over {sides[1]} share {', '.join(sorted(challenger & champion))}")
        _check(whole, challenger, sides[0])
        self._sides = sorted(challenger), sorted(champion)
        self._implementations = tuple(one for one in whole.implementations if one.id in challenger | champion)
        self._info = info_of([], settings, self._selection)
        self._info.settings[SIDES] = {
            "challenger": self._sides[0],
            "champion": self._sides[1],
            "ends": [str(_rows(task, end)) for end in ends],
        }
        self._info.tasks[task.path] = TaskInfo.of(task)
        self.folder = results / self._info.id
        self.measured = records.Records(self.folder, self._info)
        self.rows: list[Row] = []
        self._known: list[Point] = []

    def run(self, precision: float) -> Crossover:
        """Measure both ends, then sizes between them; raises `Interrupted` when the user stops it."""
        for end in self._ends:
            self._measure(_rows(self._task, end))
        while len(self._known) < MOST_SIZES and (size := next_size(self._known, precision)) is not None:
            self._measure(size)
        return both(self.measured, self.rows, *self._sides)

    def _measure(self, size: int) -> None:
        (group,) = plan(self._catalogue, replace(self._selection, sizes=(str(size),)))
        group = replace(group, implementations=self._implementations)
        before = self.measured if self.folder.exists() else None
        if measure([group], self._settings, self._info, self.folder, before, resumed=False):
            raise Interrupted
        self.measured = records.read(self.folder)
        self.rows = rows(self.measured)
        self._known = points(self.measured, self.rows, *self._sides)


def _rows(task: Task, size: str) -> int:
    return task.sizes[size] if size in SIZES else int(size)


def _side(whole: Group, name: str) -> set[str]:
    """The ids of the implementations that a side's name stands for."""
    mine = whole.implementations
    meant = {
        "gpu": [one for one in mine if one.device == "gpu" and one.runner == "local"],
        "cpu": [one for one in mine if one.device == "cpu" and one.runner == "local"],
        "local": [one for one in mine if one.runner == "local"],
        "cluster": [one for one in mine if one.runner == "cluster"],
    }.get(name)
    if meant is None:
        meant = [one for one in mine if name in {one.id, one.name}]
    if not meant:
        raise unknown("side", name, ["gpu", "cpu", "local", "cluster", *(one.id for one in mine)], whole.task.path)
    return {one.id for one in meant}


def _check(whole: Group, side: set[str], name: str) -> None:
    """Raise `UsageError` if no implementation of a side can run here."""
    reasons = {one.id: unavailable(one) for one in whole.implementations if one.id in side}
    if reasons and all(reasons.values()):
        why = next(ending.reason for ending in reasons.values() if ending is not None)
        raise UsageError(f"{name} cannot run here: {why}")
