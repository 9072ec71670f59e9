"""Measuring a comparison's suspects again, in fresh processes: what `compare --confirm` does."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from residency.analysis.compare import Comparison, Kind
from residency.harness import interrupts, records
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.reports import screen
from residency.runners import machine
from residency.runners.plan import Group, plan
from residency.runners.resume import key_of
from residency.runners.settings import Settings
from residency.studies.measuring import as_before, info_of, measure
from residency.studies.parting import parting


def measured_again(found: Comparison, current: records.Records, catalogue: Catalogue) -> Path:
    """The folder of a new run of every group that holds a suspect, by the current run's settings.

    It lies inside the current run's folder, so that nobody takes it for a run of its own, or for the newest one.
    All implementations of a group run again, not the suspects alone: their neighbours are part of the conditions.
    Raises `UsageError` where this checkout is not what the current run measured.
    """
    if not os.access(current.folder, os.W_OK):
        raise UsageError(
            f"--confirm writes into {current.folder}, which cannot be written to; copy the run and compare that"
        )
    selection, settings = as_before(current.info)
    suspects = {(cell.task, cell.dataset, cell.size) for cell in found.cells if cell.kind is Kind.SLOWER}
    groups = [
        group
        for group in plan(catalogue, selection)
        if (group.task.path, group.dataset.name, group.size) in suspects
    ]
    _check_code(groups, settings, current)
    info = info_of(groups, settings, selection)
    folder = current.folder.resolve() / f"confirmation-{info.id}"
    screen.progress().print(f"measuring {len(groups)} suspected group{'s' * (len(groups) > 1)} again", style="dim")
    kept = f"measured again in {folder}"
    with parting(folder, kept, "interrupted: nothing is confirmed; compare with --confirm measures again"):
        if measure(groups, settings, info, folder, None):
            raise typer.Exit(interrupts.status())
    return folder


def _check_code(groups: list[Group], settings: Settings, current: records.Records) -> None:
    versions = machine.versions()
    for group in groups:
        keys = {
            one.key
            for one in current.samples
            if (one.cell.task, one.cell.dataset, one.cell.size) == (group.task.path, group.dataset.name, group.size)
        }
        if key_of(group, settings, versions) not in keys:
            raise UsageError(
                f"cannot confirm {group.title}: code, data or libraries here are not those that "
                f"{current.folder} was measured with; check out its commit ({current.info.commit or 'unknown'})"
            )
