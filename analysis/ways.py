"""The ways in which a task uses a GPU: a plain port, the CPU's program unchanged, and the best code.

    plain       the CPU's program with another import
    unchanged   the CPU's program as it is, run by an accelerator
    best        what a practitioner writes for a GPU: every other GPU implementation

Of each way the fastest implementation counts, and of unchanged programs the fastest by each accelerator; one without a
time stands for its way where none has a time. A way tells what it gains and how many lines it took: that is the answer
to `which is worth the effort?`. Clusters have no way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from residency.analysis.row import Row
from residency.harness.task import MARK
from residency.harness.task_info import WAYS, Way


@dataclass(frozen=True)
class Taken:
    """A way that a group of implementations took, by its fastest one."""

    way: Way
    row: Row
    lines: int | None  # of code, in its function; None if the run did not record it
    moving: float | None  # share of its time in which data is read or copied


def ways(rows: Sequence[Row]) -> list[Taken]:
    """The ways of a group, in the order in which people try them; empty if there are not at least two."""
    found = []
    for way in WAYS:
        mine = [row for row in rows if row.facts.way == way and row.cell.runner == "local"]
        accelerators = dict.fromkeys(_accelerator(row) for row in mine)
        for accelerator in accelerators:
            own = [row for row in mine if _accelerator(row) == accelerator]
            found.append(_taken(way, min(own, key=lambda row: row.median)))
    return found if len({taken.way for taken in found}) > 1 else []


def _accelerator(row: Row) -> str:
    """What runs an unchanged program on the GPU, as its implementation's name has it; empty for the other ways."""
    return re.split(rf"[@{MARK}]", row.cell.implementation)[1] if row.facts.way == "unchanged" else ""


def _taken(way: Way, row: Row) -> Taken:
    if row.measured is None:
        return Taken(way, row, row.facts.lines, None)
    clocks = row.measured.clocks
    return Taken(way, row, row.facts.lines, (clocks.io + clocks.transfer) / row.measured.seconds.value)
