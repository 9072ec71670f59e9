"""`residency list`: all tasks, or one of them in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from residency.analysis.peaks import Key, device_peaks
from residency.analysis.tiers import runs_in
from residency.commands import common, prove
from residency.commands.doctor import REFERENCE
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.task import Task
from residency.harness.task_info import TaskInfo
from residency.reports import screen, tasks
from residency.runners import forecast
from residency.runners.plan import unavailable

EPILOG = "Examples:  [bold]residency list[/]   [bold]residency list tabular/ridge[/]"


def list_tasks(
    name: Annotated[str | None, typer.Argument(metavar="[TOPIC[/TASK]]", help="Default: all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the tasks, or show one task: its question, data, sizes and implementations."""
    catalogue = common.catalogue()
    found, refused = _loaded(catalogue, catalogue.paths([name] if name else []))
    if json:
        measured = _measured()
        common.print_json([_document(task, measured) for task in found])
    elif name and name not in catalogue.topics and found:
        here = ((implementation.id, unavailable(implementation)) for implementation in found[0].implementations)
        unavailable_here = {name: why for name, why in here if why is not None}
        tasks.show(found[0], unavailable_here, forecast.of(found[0], _measured()), screen.output())
    elif found:
        tasks.show_all(found, screen.output())
    if refused:
        raise UsageError("\nresidency: ".join(map(str, refused)))


def _measured() -> dict[Key, int]:
    """The peaks of device memory in the runs and proofs of this folder, and on record."""
    return device_peaks(run for folder in (common.RESULTS, prove.REFERENCE, REFERENCE) for run in runs_in(folder))


def _loaded(catalogue: Catalogue, paths: list[str]) -> tuple[list[Task], list[UsageError]]:
    """The tasks that can be loaded, and the errors of those that cannot. A broken file does not hide the others."""
    loaded, refused = [], []
    for path in paths:
        try:
            loaded.append(catalogue.task(path))
        except UsageError as error:
            refused.append(error)
    return loaded, refused


def _document(task: Task, measured: Mapping[Key, int]) -> dict[str, Any]:
    info = TaskInfo.of(task)
    return {
        "task": task.path,
        "title": task.title,
        "card": task.card,
        "metric": task.quality.name,
        "tolerance": task.tolerance,
        "sizes": dict(task.sizes),
        "datasets": [{"name": dataset.name, "kind": dataset.kind, "title": dataset.title} for dataset in task.datasets],
        "implementations": [
            {
                "implementation": implementation.id,
                "library": implementation.library,
                "device": implementation.device,
                "runner": implementation.runner,
                "way": info.way_of(implementation.id),
                "lines": info.lines_of(implementation.id),
                "file": str(implementation.file),
                "line": implementation.line,
                "unavailable": why.reason if (why := unavailable(implementation)) else None,
            }
            for implementation in task.implementations
        ],
        "memory": forecast.of(task, measured),
    }
