"""All numbers of a run that its report shows, computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.certainty import BusyMachine, Undecided, busy_machine, undecided
from residency.analysis.cost import Shortfall, shortfall
from residency.analysis.gain import Gain, gains
from residency.analysis.naive import Unbeaten, naive_qualities, unbeaten
from residency.analysis.row import Group, Row
from residency.analysis.rows import rows
from residency.harness.environment import Slowed, slowed_in
from residency.harness.records import Records
from residency.harness.task_info import TaskInfo


@dataclass(frozen=True)
class GroupFindings:
    """What a run found of one task on one dataset at one size."""

    task: TaskInfo | None  # None where the run does not tell
    rows: list[Row]
    naive: dict[str, float]  # the quality of results without a model, by what they do
    unbeaten: Unbeaten | None
    undecided: Undecided
    count: int | None  # of the data, in the unit of its rows
    reference: float | None  # the exact solution's quality
    told: float  # the difference in quality that the task can tell, absolute; 0 where every digit counts

    @property
    def ranked(self) -> list[Row]:
        """The rows, the fastest first."""
        return _ranked(self.rows)


@dataclass(frozen=True)
class Findings:
    """What a run found."""

    records: Records
    rows: list[Row]
    groups: list[GroupFindings]
    gains: list[Gain]
    busy: BusyMachine | None
    slowed: list[Slowed]  # by the run's environment
    shortfall: Shortfall | None
    here: bool  # whether this is the run's machine, so that more can be measured into it


def findings(records: Records, *, here: bool = False) -> Findings:
    """What a run found; `here` says whether it was measured on this machine."""
    found = rows(records)
    groups: dict[Group, list[Row]] = {}
    for row in found:
        groups.setdefault(row.group, []).append(row)
    return Findings(
        records=records,
        rows=found,
        groups=[_group(group, records.info.tasks.get(task)) for (task, _, _), group in groups.items()],
        gains=gains(found),
        busy=busy_machine(records, found),
        slowed=slowed_in(records.info),
        shortfall=shortfall(records, found),
        here=here,
    )


def _group(group: list[Row], task: TaskInfo | None) -> GroupFindings:
    naive = naive_qualities(group, task)
    reference = next((row.result.reference for row in group if row.result.reference is not None), None)
    return GroupFindings(
        task=task,
        rows=group,
        naive=naive,
        unbeaten=unbeaten(group, task, naive),
        undecided=undecided(_ranked(group)),
        count=next((row.cell.rows for row in group if row.cell.rows is not None), None),
        reference=reference,
        told=_told(task, reference),
    )


def _told(task: TaskInfo | None, reference: float | None) -> float:
    if task is None:
        return 0.0
    return task.tolerance * abs(reference or 1.0) if task.relative else task.tolerance


def _ranked(group: Sequence[Row]) -> list[Row]:
    return sorted(group, key=lambda row: (row.median, row.result.outcome))
