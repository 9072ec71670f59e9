"""The list of datasets, and the card of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.harness.dataset import Dataset


@dataclass(frozen=True)
class Listed:
    """A dataset, the tasks that use it, and why it is not on this machine (None if it is)."""

    dataset: Dataset
    tasks: list[str]
    absent: str | None


def show_all(found: Iterable[Listed], out: Console) -> None:
    """Print one line for each dataset."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("dataset", "kind", "what it is", "tasks", "here"):
        table.add_column(column, overflow="fold")
    for listed in found:
        dataset = listed.dataset
        here = escape(listed.absent.partition(": ")[2]) if listed.absent else "yes"
        where = "--data PATH" if dataset.kind == "own" else here
        table.add_row(dataset.name, dataset.kind, escape(dataset.title), ", ".join(listed.tasks), where)
    out.print(table)


def show(listed: Listed, out: Console) -> None:
    """Print a dataset's card, its source, and whether it is on this machine."""
    dataset = listed.dataset
    out.print(f"[bold]{dataset.name}[/] ({dataset.kind}), for {', '.join(listed.tasks)}\n")
    out.print(escape(dataset.card), highlight=False)
    if dataset.source is not None:
        out.print(f"\nFrom {dataset.source.address}, {dataset.source.size}", highlight=False)
    out.print(f"\n{escape(listed.absent or 'here')}", highlight=False)
