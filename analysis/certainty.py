"""How far a run can be trusted: whether the machine was busy, and how many processes would decide what is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from residency.analysis.doubt import in_doubt
from residency.analysis.row import Row
from residency.harness.busy import Busy, busy
from residency.harness.records import Records
from residency.harness.statistics import BUSY, ENOUGH_REPLICATES

MORE = 4  # times as many processes: half the width


@dataclass(frozen=True)
class BusyMachine:
    """How busy a machine was while something was measured on it."""

    tasks: list[str]  # whose work it disturbed; empty where it was that of the whole run
    cores: int  # of the machine
    threads: int  # of the work
    waited: float | None  # the part of its time that the work waited for a core; None where Linux did not tell
    other_cores: float | None  # that other processes kept busy; None where little is known of it
    replicates: int  # that would make up for it


@dataclass(frozen=True)
class Undecided:
    """Implementations whose ratio is inconclusive."""

    processes: dict[str, int] = field(default_factory=dict)  # that would probably decide, the fewest first
    close: list[str] = field(default_factory=list)  # too close to the baseline for any number of processes


def busy_machine(records: Records, rows: Sequence[Row]) -> BusyMachine | None:
    """How busy the machine was; None if it was quiet."""
    cores = records.info.machine.get("cores_in_machine") or 1
    told, disturbed = busy(records.samples), list[str]()
    if told.waiting(cores) <= BUSY:
        by_task: dict[str, Busy] = {}
        for sample in records.samples:
            by_task.setdefault(sample.cell.task, Busy()).add(sample)
        tasks = {task: of_task for task, of_task in by_task.items() if of_task.waiting(cores) > BUSY}
        if not tasks:
            return None
        told = max(tasks.values(), key=lambda of_task: of_task.waiting(cores))
        disturbed = list(tasks)
    others = told.other_cores if told.tells_others or not told.measured else None
    replicates = max((row.measured.seconds.replicates for row in rows if row.measured), default=ENOUGH_REPLICATES)
    return BusyMachine(
        tasks=disturbed,
        cores=cores,
        threads=told.threads,
        waited=told.waiting(cores) if told.measured else None,
        other_cores=None if others is None else min(others, cores),
        replicates=MORE * max(replicates, ENOUGH_REPLICATES),
    )


def undecided(group: Sequence[Row]) -> Undecided:
    """The rows that are inconclusive, with about how many processes would decide each; no number settles a doubt."""
    told = [row for row in group if not in_doubt(row)]
    ratios = {row.cell.implementation: row.compared.speedup for row in told if row.compared.speedup is not None}
    needed = {name: ratio.processes_needed for name, ratio in ratios.items() if ratio.verdict == "inconclusive"}
    known = sorted((count, name) for name, count in needed.items() if count is not None)
    return Undecided({name: count for count, name in known}, [name for name, count in needed.items() if count is None])
