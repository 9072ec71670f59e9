"""How far a run may be believed: what disturbed or slowed it, and how many processes would tell what these did not."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Sequence

from residency.harness.busy import Busy, busy
from residency.harness.environment import slowed_in
from residency.harness.records import Records, RunInfo
from residency.harness.statistics import BUSY, ENOUGH_REPLICATES, MOST_NEEDED
from residency.reports.summary import Row
from residency.runners import machine

MORE = 4  # times as many processes: half the width


def warning(records: Records, found: Sequence[Row]) -> str | None:
    """That the machine was busy, and what of its environment slowed a library; None where neither is known.

    Said before anything else, with remedies.
    """
    slowing = [f"{one}, and measure again." for one in slowed_in(records.info)]
    return " ".join(filter(None, [_busy(records, found), *slowing])) or None


def _busy(records: Records, found: Sequence[Row]) -> str | None:
    """That the machine was busy, in figures, and what to do; None where it was quiet."""
    cores = records.info.machine.get("cores_in_machine") or 1
    told, whose = busy(records.samples), "the work"
    if told.waiting(cores) <= BUSY:
        by_task: dict[str, Busy] = {}
        for sample in records.samples:
            by_task.setdefault(sample.cell.task, Busy()).add(sample)
        tasks = {task: one for task, one in by_task.items() if one.waiting(cores) > BUSY}
        if not tasks:
            return None
        told = max(tasks.values(), key=lambda one: one.waiting(cores))
        whose = f"the work of {', '.join(tasks)}"
    figures = []
    if told.measured:
        figures.append(f"{whose} waited for a core {told.waiting(cores):.0%} of its time")
    if told.other_cores is not None and (told.tells_others or not told.measured):
        figures.append(f"other processes kept {min(told.other_cores, cores):.1f} of {cores} cores busy")
    replicates = max((row.seconds.replicates for row in found if row.seconds), default=ENOUGH_REPLICATES)
    remedies = ["at another time", *(["with --threads 1"] if told.threads > 1 else [])]
    remedies.append(f"with --replicates {MORE * max(replicates, ENOUGH_REPLICATES)}")
    return f"The machine was busy: {', '.join(figures)}. So intervals are wide. To know more, measure {_or(remedies)}."


def _or(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]])


def undecided(group: Sequence[Row], records: Records) -> list[str]:
    """Of the rows that are inconclusive: about how many processes would tell, and the command for it."""
    rows = [row for row in group if row.speedup is not None and row.speedup.verdict == "inconclusive"]
    needed = {row.implementation: row.speedup.processes_needed for row in rows if row.speedup is not None}
    few = sorted((count, name) for name, count in needed.items() if count is not None)
    notes = []
    if few:
        said = ", ".join(f"{name} {count}" for count, name in few)
        notes.append(f"inconclusive; processes that would probably decide: {said}{_command(few[-1][0], records)}")
    if close := [name for name, count in needed.items() if count is None]:
        notes.append(f"inconclusive, and {MOST_NEEDED} processes would not decide: {', '.join(close)}")
    return notes


def _command(count: int, records: Records) -> str:
    """What measures as many on the machine of the run; elsewhere its samples could not be gone on with."""
    if not _here(records.info) or records.info.settings.get("precision"):
        return ""
    return f"; residency run --resume {shlex.quote(str(records.folder))} --replicates {count}"


def _here(info: RunInfo) -> bool:
    return (info.machine.get("host"), info.machine.get("cpu")) == (socket.gethostname(), machine.cpu_model())
