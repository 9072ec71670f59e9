"""How far the proof of each GPU implementation has come, from the runs of a folder. Derived, never stored.

A run on a GPU proves what ended `ok` there. A rehearsal proves what its tier says. A run on CPUs proves that the twin's
lines are right. The commit and the versions in every run show what has changed since then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from residency.analysis.doubt import is_untold
from residency.harness import records
from residency.harness.errors import RecordError
from residency.harness.judgement import judge_outcomes
from residency.harness.outcomes import OK, Outcome
from residency.harness.records import OutcomeRecord, RunInfo
from residency.harness.tiers import REHEARSAL, Tier

Key = tuple[str, str]
"""Task and implementation, a cluster's with `N` for its workers."""


@dataclass(frozen=True)
class Reached:
    """The best tier that a GPU implementation has reached."""

    tier: Tier
    run: str  # the folder that shows it
    started: str  # UTC
    commit: str | None
    machine: str  # the GPU's name, else the processor's


def runs_in(folder: Path) -> list[Path]:
    """The runs in a folder and in its folders. A folder inside a run, such as a confirmation, is part of that run."""
    if not folder.is_dir():
        return []
    found = {path.parent for path in folder.rglob(records.RUN_FILE)}
    return sorted(run for run in found if found.isdisjoint(run.parents))


def reached(folders: Iterable[Path], tell: Callable[[str], None]) -> dict[Key, Reached]:
    """The best tier of every GPU implementation in these runs; of several equal ones, the newest run.

    A run that cannot be read proves nothing; `tell` is given the reason.
    """
    found: dict[Key, Reached] = {}
    for folder in folders:
        try:
            run = records.read(folder, samples=False)
        except RecordError as error:
            tell(str(error))
            continue
        judgements = judge_outcomes(run.outcomes, run.info)
        ended = [outcome for outcome in run.outcomes if outcome.ending == OK]
        doubted = {outcome.cell for outcome in ended if is_untold(outcome.unknown)}
        for outcome in run.outcomes:
            final = judgements[replace(outcome.cell, rows=None)].ending
            tier = _tier(outcome, run.info.machine) if final == OK and outcome.cell not in doubted else Tier.NOTHING
            task, name = outcome.cell.task, outcome.cell.implementation
            if (on_gpu := name if outcome.cell.device == "gpu" else run.info.twin_of(task, name)) is None:
                continue
            key = key_of(task, on_gpu)
            best = found.get(key)
            if tier is not Tier.NOTHING and (best is None or (tier, run.info.started) >= (best.tier, best.started)):
                found[key] = _reached(tier, folder, run.info)
    return found


def key_of(task: str, implementation: str) -> Key:
    """A GPU implementation, whatever its number of workers."""
    return task, re.sub(r"@[0-9]+x", "@Nx", implementation)


def _tier(outcome: OutcomeRecord, machine: Mapping[str, Any]) -> Tier:
    if outcome.ending.outcome is not Outcome.OK:
        return Tier.NOTHING
    if outcome.cell.runner == REHEARSAL:
        return Tier(outcome.tier or 0)
    if outcome.cell.device == "gpu":
        return Tier.GPU if machine.get("gpus") else Tier.NOTHING
    return Tier.SAME_LINES


def _reached(tier: Tier, folder: Path, info: RunInfo) -> Reached:
    gpus = info.machine.get("gpus") or []
    name = gpus[0]["name"] if tier is Tier.GPU and gpus else info.machine.get("cpu", "unknown")
    return Reached(tier, str(folder), info.started, info.commit, str(name))
