"""The list of datasets, and the card of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from residency.harness.dataset import Dataset

GAP = 3  # characters between two columns
WHAT, ROOM = 2, 24  # the place of "what it is", and the characters that its sentences need


@dataclass(frozen=True)
class Listed:
    """A dataset, the tasks that use it, and why it is not on this machine (None if it is)."""

    dataset: Dataset
    tasks: list[str]
    absent: str | None


def show_all(found: Iterable[Listed], out: Console) -> None:
    """Print a table with a line for each dataset; where names or commands would break, a few lines for each."""
    columns = ("dataset", "kind", "what it is", "tasks", "here")
    rows = [(one.dataset.name, one.dataset.kind, one.dataset.title, ", ".join(one.tasks), _here(one)) for one in found]
    widths = [max(len(word) for row in rows for word in row[place].split()) for place in range(len(columns))]
    widths[WHAT] = ROOM
    if sum(widths) + GAP * len(columns) > out.width:
        for name, kind, title, tasks, here in rows:
            out.print(f"[bold]{name}[/] ({kind}): {escape(title)}", highlight=False)
            there = "here" if here == "yes" else f"to use: {here}"
            out.print(*(Padding(escape(line), (0, 0, 0, 2)) for line in (tasks, there)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(column, min_width=width)
    for row in rows:
        table.add_row(*map(escape, row))
    out.print(table)


def _here(listed: Listed) -> str:
    """`yes`, or the command that fetches it."""
    if listed.dataset.kind == "own":
        return "--data PATH"
    return listed.absent.partition(": ")[2] if listed.absent else "yes"


def show(listed: Listed, out: Console) -> None:
    """Print a dataset's card, its source, and whether it is on this machine."""
    dataset = listed.dataset
    out.print(f"[bold]{dataset.name}[/] ({dataset.kind}), for {', '.join(listed.tasks)}\n")
    out.print(escape(dataset.card), highlight=False)
    if dataset.source is not None:
        out.print(f"\nFrom {dataset.source.address}, {dataset.source.size}", highlight=False)
    out.print(f"\n{escape(listed.absent or 'here')}", highlight=False)
