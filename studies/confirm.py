"""`residency compare --confirm`: measure again, now and here, what seems slower; judge by that alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from residency.analysis.compare import Comparison, Kind, compare, confirmed
from residency.harness import records
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.records import Records
from residency.reports import screen
from residency.runners import machine
from residency.runners.plan import Group, plan
from residency.runners.resume import key_of
from residency.runners.settings import Settings
from residency.studies.measuring import Interrupted, as_before, info_of, measure
from residency.studies.parting import parting


def confirm(
    found: Comparison,
    runs: tuple[Records, Records],
    margin: float,
    margins: Mapping[str, float],
    catalogue: Callable[[Sequence[str]], Catalogue],
) -> Comparison:
    """The comparison with its suspects judged by fresh samples; unchanged if it has no suspects.

    `runs` are the baseline and the current run. `catalogue` finds the tasks, the user's own in the folders it is given.
    Raises `Interrupted` when the user stops it.
    """
    if not any(cell.kind is Kind.SLOWER for cell in found.cells):
        return found
    again = _measured_again(found, runs[1], catalogue)
    screen.progress().print(f"measured again in {again}", style="dim", highlight=False, soft_wrap=True)
    return confirmed(found, compare(runs[0], records.read(again), margin, margins))


def _measured_again(found: Comparison, current: Records, catalogue: Callable[[Sequence[str]], Catalogue]) -> Path:
    """Run every group that holds a suspect again, with the current run's settings; return the new run's folder.

    It lies inside the current run's folder, so that no command takes it for a separate run or for the newest one. All
    implementations of a group run again, not only the suspects, because their neighbours are part of the conditions.
    Raises `UsageError` if this checkout is not the one that the current run measured.
    """
    if not os.access(current.folder, os.W_OK):
        raise UsageError(
            f"--confirm writes into {current.folder}, which cannot be written to; copy the run and compare that"
        )
    selection, settings = as_before(current.info)
    suspects = {cell.key[:3] for cell in found.cells if cell.kind is Kind.SLOWER}
    groups = [
        group
        for group in plan(catalogue(current.info.settings.get("suites", ())), selection)
        if (group.task.path, group.dataset.name, group.size) in suspects
    ]
    _check_code(groups, settings, current)
    info = info_of(groups, settings, selection)
    folder = current.folder.resolve() / f"confirmation-{info.id}"
    screen.progress().print(f"measuring {len(groups)} suspected group{'s' * (len(groups) > 1)} again", style="dim")
    kept = f"measured again in {folder}"
    with parting(folder, kept, "interrupted: nothing is confirmed; run compare with --confirm again"):
        if measure(groups, settings, info, folder, None):
            raise Interrupted
    return folder


def _check_code(groups: list[Group], settings: Settings, current: Records) -> None:
    versions = machine.versions()
    for group in groups:
        place = (group.task.path, group.dataset.name, group.size)
        keys = {
            sample.key
            for sample in current.samples
            if (sample.cell.task, sample.cell.dataset, sample.cell.size) == place
        }
        if key_of(group, settings, versions) not in keys:
            raise UsageError(
                f"cannot confirm {group.title}: code, data or libraries here are not those that "
                f"{current.folder} was measured with; check out its commit ({current.info.commit or 'unknown'})"
            )
