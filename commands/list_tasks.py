"""`residency list`: the tasks, and one of them in full."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from residency.commands import common
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.mistakes import shown
from residency.harness.task import Task
from residency.reports import screen, words
from residency.runners.plan import unavailable

EPILOG = "Examples:  [bold]residency list[/]   [bold]residency list tabular/ridge[/]"


def list_tasks(
    name: Annotated[str | None, typer.Argument(metavar="[TOPIC[/TASK]]", help="Default: all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which tasks there are; a task's own name shows its question, data, sizes and implementations."""
    catalogue = common.catalogue()
    tasks, refused = _loaded(catalogue, catalogue.paths([name] if name else []))
    if json:
        common.print_json([_document(task) for task in tasks])
    elif name and name not in catalogue.topics and tasks:
        _show(tasks[0])
    elif tasks:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in ("task", "what it is", "implementations"):
            table.add_column(column, no_wrap=column == "task")
        for task in tasks:
            table.add_row(
                task.path, escape(task.title), ", ".join(dict.fromkeys(one.id for one in task.implementations))
            )
        screen.output().print(table)
    if refused:
        raise UsageError("\nresidency: ".join(map(str, refused)))


def _loaded(catalogue: Catalogue, paths: list[str]) -> tuple[list[Task], list[UsageError]]:
    """The tasks that can be loaded, and why others cannot: one broken file hides no other."""
    tasks, refused = [], []
    for path in paths:
        try:
            tasks.append(catalogue.task(path))
        except UsageError as error:
            refused.append(error)
    return tasks, refused


def _document(task: Task) -> dict[str, Any]:
    return {
        "task": task.path,
        "title": task.title,
        "card": task.card,
        "metric": task.quality.name,
        "tolerance": task.tolerance,
        "sizes": dict(task.sizes),
        "datasets": [{"name": one.name, "kind": one.kind, "title": one.title} for one in task.datasets],
        "implementations": [
            {
                "implementation": one.id,
                "library": one.library,
                "device": one.device,
                "runner": one.runner,
                "file": str(one.file),
                "line": one.line,
                "unavailable": why.reason if (why := unavailable(one)) else None,
            }
            for one in task.implementations
        ],
    }


def _show(task: Task) -> None:
    out = screen.output()
    out.print(f"[bold]{task.path}[/]\n")
    out.print(escape(task.card), highlight=False)
    out.print(f"\nQuality: {task.quality.name}, {task.quality.better} is better, tolerance {task.tolerance:g}")
    out.print(
        "Sizes: " + ", ".join(f"{size} {words.count(rows)}" for size, rows in task.sizes.items()) + f" {task.unit}"
    )
    out.print("Datasets:")
    for dataset in task.datasets:
        out.print(f"  {dataset.name} ({dataset.kind}): {escape(dataset.title)}", highlight=False)
    out.print("Implementations:")
    for one in task.implementations:
        why = unavailable(one)
        state = f"[yellow]{escape(why.reason)}[/]" if why else "[green]can run here[/]"
        place = " on a cluster" if one.runner == "cluster" else ""
        whose = f", yours: {escape(shown(one.file))}:{one.line}" if one.file in task.own_files else ""
        out.print(f"  {one.id} ({one.library}{place}{whose}): {state}", highlight=False)
