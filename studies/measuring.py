"""Measuring into a folder with progress on the screen: what `run`, `selftest` and `compare --confirm` share."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residency.harness import own_suites, records
from residency.harness.environment import Slowed, slowed, unlike
from residency.harness.errors import UsageError
from residency.harness.task_info import TaskInfo
from residency.reports import screen
from residency.reports.live import Planned, Progress
from residency.runners import environments, forecast, machine
from residency.runners.budget import Expected, is_kept, seconds_for
from residency.runners.local import NOTHING_EXPECTED, looks, run_local
from residency.runners.plan import Group, Selection
from residency.runners.process import close_all
from residency.runners.settings import Settings
from residency.runners.speed import environment_of_workers, inherited_variables
from residency.studies import sources


class Interrupted(Exception):
    """The user stopped a study. What it measured is kept."""


def measure(
    groups: list[Group],
    settings: Settings,
    info: records.RunInfo,
    folder: Path,
    before: records.Records | None,
    *,
    resumed: bool = True,
    expected: Expected = NOTHING_EXPECTED,
) -> bool:
    """Measure into a folder and show progress; return whether it was interrupted.

    `before` is what the folder already holds: from a run that was interrupted and is `resumed`, or from this run so
    far. `expected` is as for `run_local`.
    """
    recorder = records.Recorder(folder, info if before is None else None)
    with recorder, Progress(screen.progress(), planned(groups, settings, expected.spent)) as listener:
        sources.keep(groups, folder)
        try:
            run_local(groups, settings, recorder, listener, before, resumed=resumed, expected=expected)
        except KeyboardInterrupt:
            return True
        finally:
            close_all()
    return False


def planned(groups: list[Group], settings: Settings, spent: float = 0.0) -> Planned:
    """What is to be measured, how many seconds there are for it, and how many were spent before."""
    elsewhere = settings.scheduler is not None
    cells = sum(forecast.startable(group, one, elsewhere) for group in groups for one in group.implementations)
    seconds = seconds_for((group.part for group in groups), settings) if settings.limit is None else settings.limit
    return Planned(cells, looks(settings)[-1], seconds, is_kept(settings) or settings.limit is not None, spent)


def info_of(groups: list[Group], settings: Settings, selection: Selection, name: str = "") -> records.RunInfo:
    """A run's `run.json`: the machine, the versions, what was asked for and what is planned.

    If a run has a name, its folder ends with the name, for people; only the name in `run.json` counts. Paths are
    absolute, so that the run can be continued from another folder; `command` has them as they were typed. A warning on
    stderr names what is known to slow a library here. Raises `UsageError` for a wrong `RESIDENCY_FORECAST`.
    """
    forecast.is_ignored()
    moment = datetime.now(UTC)
    host = re.sub(r"[^A-Za-z0-9.-]+", "-", socket.gethostname()) or "host"
    chosen = {**asdict(selection), "path": str(selection.path.absolute()) if selection.path else None}
    del chosen["left_out"]
    environment = environment_of_workers(settings.threads)
    warn([*_crowded(settings), *slowed(environment, settings.threads, bool(machine.gpus()[0]))])
    return records.RunInfo(
        id="-".join(filter(None, (f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z", host, name))),
        started=records.now(),
        command=["residency", *sys.argv[1:]],
        settings={**asdict(settings), **chosen, "suites": own_suites.folders()},
        machine=machine.facts(),
        versions=machine.versions(),
        commit=machine.commit(),
        environment=environment,
        tasks={group.task.path: TaskInfo.of(group.task) for group in groups},
        cells=[group.cell(implementation) for group in groups for implementation in group.implementations],
        name=name,
        environments=_environments(groups),
    )


def _environments(groups: Sequence[Group]) -> dict[str, dict[str, Any]]:
    """What the named environments that are used say of themselves, without those that cannot be used."""
    names = {name for group in groups for name in environments.of(group.implementations)}
    told = {name: environments.record(name) for name in sorted(names)}
    return {name: record for name, record in told.items() if record is not None}


def _crowded(settings: Settings) -> list[Slowed]:
    """The warning that there are more threads than cores, so that libraries differ in how many they start."""
    cores = machine.cores()
    if settings.scheduler is not None or settings.threads <= cores:
        return []
    start = f"{cores} core{'s' if cores > 1 else ''} can be used, so OpenBLAS starts no more threads than that"
    cause = f"{start}, and those of other libraries take turns"
    return [Slowed("--threads", str(settings.threads), cause, "leave it out")]


def warn(slowing: Sequence[Slowed]) -> None:
    """Warn on stderr of what slows libraries."""
    for one in slowing:
        text = f"warning: {one}"
        screen.progress().print(text, style="yellow", highlight=False, soft_wrap=True, markup=False)


def as_before(info: records.RunInfo) -> tuple[Selection, Settings]:
    """What a run was asked for, from its own `run.json`; raises `UsageError` if other variables were set then."""
    _check_variables(info)
    kept = info.settings
    selected = {entry.name: kept[entry.name] for entry in fields(Selection) if entry.name in kept}
    path = Path(kept["path"]) if kept.get("path") else None
    measured = {entry.name: kept[entry.name] for entry in fields(Settings) if entry.name in kept}
    return Selection(**{**selected, "path": path}), Settings(**measured)


def _check_variables(info: records.RunInfo) -> None:
    """Never mix or compare samples of unlike environments; older runs did not record theirs."""
    if not info.environment:
        return
    here = {"variables": inherited_variables()}
    found = unlike(info.environment, here, bool(info.machine.get("gpus")) and bool(machine.gpus()[0]))
    if found.forbids:
        raise UsageError(
            f"{info.id} was measured in another environment, which changes speed: "
            f"{'; '.join(map(str, found.forbids))}. Remedy: {found.remedy}"
        )
