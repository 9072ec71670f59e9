"""How long replicates took, and how long the next one is expected to take: for a proof that must end in time.

The time of a replicate has three parts. The start of processes takes equally long for all data. Executions grow with
the rows, as smaller sizes show. Work off the clock (making and loading data, judging) grows in proportion to the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from residency.analysis.growth import expected
from residency.analysis.row import Row
from residency.harness.records import OutcomeRecord, Sample
from residency.harness.task import Implementation
from residency.runners.plan import Group, unavailable

EXECUTIONS = 5  # of an implementation in a replicate, at least: cold, two to warm up, two timed

Key = tuple[str, str, str]
"""Task, dataset and size."""


def key_of(group: Group) -> Key:
    """The task, dataset and size that a group's rows and records carry."""
    return group.task.path, group.dataset.name, group.size


def is_of(record: Sample | OutcomeRecord, group: Group) -> bool:
    """Whether a record belongs to the group."""
    return (record.cell.task, record.cell.dataset, record.cell.size) == key_of(group)


def same_task(row: Row, group: Group) -> bool:
    """Whether a row is of the group's task on its dataset, at any size."""
    return row.group[:2] == key_of(group)[:2]


@dataclass
class Costs:
    """Seconds by group: its last replicate, the part of its first that was off the clock, and a process's start."""

    took: dict[Key, float] = field(default_factory=dict)
    aside: dict[Key, float] = field(default_factory=dict)
    start: dict[Key, float] = field(default_factory=dict)

    def note(self, group: Group, seconds: float, samples: Sequence[Sample]) -> None:
        """A replicate is over, and left these samples.

        If something went wrong, nothing can be learned from how long it took.
        """
        mine = [sample for sample in samples if is_of(sample, group)]
        if not mine:
            return
        first = key_of(group) not in self.took
        self.took[key_of(group)] = seconds
        processes = {sample.cell.implementation for sample in mine}
        if first and processes >= {one.id for one in group.implementations if unavailable(one) is None}:
            executing = sum(sample.seconds * sample.calls for sample in mine)
            self.aside[key_of(group)] = sum(sample.aside_seconds or 0.0 for sample in mine)
            rest = max(0.0, seconds - executing - self.aside[key_of(group)])
            self.start[key_of(group)] = rest / (1 + len(processes))  # one process makes the data

    def expected(self, group: Group, known: Sequence[Row]) -> float:
        """Expected seconds of a replicate: as the last one took, else by smaller sizes; 0 if there are none."""
        if (took := self.took.get(key_of(group))) is not None:
            return took
        below = max((row for row in known if same_task(row, group)), key=_rows, default=None)
        if below is None:
            return 0.0
        more = (group.request.rows or 0) / (below.cell.rows or 1)
        each = sum(cold(one, group, known) + EXECUTIONS * execution(one, group, known) for one in group.implementations)
        starts = self.start.get(below.group, max(self.start.values(), default=0.0)) * (1 + len(group.implementations))
        return starts + self.aside.get(below.group, 0.0) * more + each


def execution(implementation: Implementation, group: Group, known: Sequence[Row]) -> float:
    """Seconds that an execution is expected to take, by those at smaller sizes; 0 if there are none."""
    mine = _rows_of(implementation, group, known)
    times = {row.cell.rows: row.median for row in mine if row.cell.rows and row.measured}
    return expected(times, group.request.rows) if times and group.request.rows else 0.0


def cold(implementation: Implementation, group: Group, known: Sequence[Row]) -> float:
    """Seconds that its cold execution took at the largest smaller size."""
    measured = [row.measured for row in _rows_of(implementation, group, known) if row.measured]
    times = [of_row.cold_seconds for of_row in measured if of_row.cold_seconds]
    return times[-1] if times else 0.0


def _rows_of(implementation: Implementation, group: Group, known: Sequence[Row]) -> list[Row]:
    mine = [row for row in known if same_task(row, group) and row.cell.implementation == implementation.id]
    return sorted(mine, key=_rows)


def _rows(row: Row) -> int:
    return row.cell.rows or 0
