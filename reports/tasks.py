"""The tasks there are, and one of them in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.harness.mistakes import shown
from residency.harness.outcomes import Ending
from residency.harness.task import Task
from residency.reports import words


def show_all(tasks: Sequence[Task], out: Console) -> None:
    """Print a line a task."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "what it is", "implementations"):
        table.add_column(column, no_wrap=column == "task")
    for task in tasks:
        names = dict.fromkeys(implementation.id for implementation in task.implementations)
        table.add_row(task.path, escape(task.title), ", ".join(names))
    out.print(table)


def show(task: Task, unavailable: Mapping[str, Ending], out: Console) -> None:
    """Print a task's card, data and implementations; `unavailable` are those that cannot run here, by their ids."""
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
        why = unavailable.get(one.id)
        state = f"[yellow]{escape(why.reason)}[/]" if why else "[green]can run here[/]"
        place = " on a cluster" if one.runner == "cluster" else ""
        whose = f", yours: {escape(shown(one.file))}:{one.line}" if one.file in task.own_files else ""
        out.print(f"  {one.id} ({one.library}{place}{whose}): {state}", highlight=False)
