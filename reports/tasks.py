"""The list of tasks, and the card of one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from residency.harness.errors import typed
from residency.harness.mistakes import shown
from residency.harness.outcomes import Ending
from residency.harness.task import Task
from residency.harness.task_info import WAYS, TaskInfo
from residency.reports import words
from residency.reports.tables import by_reason

MEANT = (
    "Ways to use a GPU: a plain port is the CPU's program with another import; with zero code change, an accelerator "
    "runs the CPU's program; the best code was written for a GPU. Lines of code count the function and what it "
    "uses from the suites' files; what several share counts for each."
)
DIFFERENT = 1.25  # times the least need: beyond, both are shown


def show_all(tasks: Sequence[Task], out: Console) -> None:
    """Print one line for each task."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in ("task", "what it is", "implementations"):
        table.add_column(column, no_wrap=column == "task", overflow="fold")
    for task in tasks:
        names = dict.fromkeys(implementation.id for implementation in task.implementations)
        table.add_row(task.path, escape(task.title) + _ways(task), ", ".join(names))
    out.print(table)
    topics = len({task.path.rpartition("/")[0] for task in tasks})
    count = f"{len(tasks)} task{'s' * (len(tasks) > 1)} in {topics} topic{'s' * (topics > 1)}"
    out.print(
        f"{count}. To see one of them in full: residency list {typed(tasks[0].path)}", highlight=False, markup=False
    )


def _ways(task: Task) -> str:
    """The ways in which a task uses a GPU, with the lines of code of each; nothing if there are not two."""
    info = TaskInfo.of(task)
    named = {way: [info.lines_of(name) for name, own in info.ways.items() if own == way] for way in WAYS}
    found = {way: [lines for lines in known if lines is not None] for way, known in named.items()}
    told = [f"{words.WAYS[way]} {_range(lines)}" for way, lines in found.items() if lines]
    return f"\n[dim]Lines of code for a GPU: {', '.join(told)}[/]" if len(told) > 1 else ""


def _range(lines: Sequence[int]) -> str:
    least, most = min(lines), max(lines)
    return str(most) if least == most else f"{least} to {most}"


def show(task: Task, unavailable: Mapping[str, Ending], forecasts: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Print a task's card, data, implementations and the memory that they need.

    `unavailable` says by id which cannot run here, and why. `forecasts` are those of `runners/forecast.py`, by size.
    """
    out.print(f"[bold]{task.path}[/]\n")
    _show_card(task.card, out)
    out.print(f"\nQuality: {task.quality.name}, {task.quality.better} is better, tolerance {task.tolerance:g}")
    out.print(
        "Sizes: " + ", ".join(f"{size} {words.count(rows)}" for size, rows in task.sizes.items()) + f" {task.unit}"
    )
    out.print("Datasets:")
    for dataset in task.datasets:
        out.print(f"  {dataset.name} ({dataset.kind}): {escape(dataset.title)}", highlight=False)
    out.print("Implementations:")
    info = TaskInfo.of(task)
    for implementation in task.implementations:
        own = implementation.file in task.own_files
        can = implementation.id not in unavailable
        state = "[green]can run here[/]" if can else "[yellow]cannot run here[/]"
        place = " on a cluster" if implementation.runner == "cluster" else ""
        whose = f", yours: {escape(shown(implementation.file))}:{implementation.line}" if own else ""
        way, lines = info.way_of(implementation.id), info.lines_of(implementation.id)
        code = ", ".join([*([words.WAYS[way]] if way else []), *([f"{lines} lines of code"] if lines else [])])
        named = f"{implementation.id} ({implementation.library}{place}{whose})"
        out.print(f"  {named}: {state}{f'; {code}' if code else ''}", highlight=False)
    if len(set(info.ways.values())) > 1:
        out.print(MEANT)
    for missing in by_reason((name, why.reason) for name, why in unavailable.items()):
        out.print(f"[yellow]Cannot run here: {', '.join(missing.names)}: {escape(missing.reason)}[/]", highlight=False)
        for reason in missing.further:
            out.print(f"  [yellow]and {escape(reason)}[/]", highlight=False)
    if forecasts:
        _show_memory(forecasts, out)


def _show_card(card: str, out: Console) -> None:
    """The card as wide as the terminal. Its indented lines go on with the paragraph above them."""
    for paragraph in re.sub(r"\n[ \t]+(?=\S)", " ", card).split("\n"):
        label = re.match(r"\S+ {2,}", paragraph)
        hanging = " " * (len(label[0]) if label else 0)
        out.print(Text("\n".join(textwrap.wrap(paragraph, max(20, out.width), subsequent_indent=hanging))))


def _show_memory(forecasts: Sequence[Mapping[str, Any]], out: Console) -> None:
    """What each size needs in memory, and which cards have it."""
    cards: Mapping[str, bool] = next((one["fits"] for one in forecasts[0]["implementations"] if one["fits"]), {})
    out.print("Memory, by forecast; `host` and `GPU` are the most that an implementation in one process needs:")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for column in ("size", "data decoded", "host", *(["GPU"] if cards else []), *cards):
        left = column in {"size", *cards}
        table.add_column(column, justify="left" if left else "right", no_wrap=column == "size", overflow="fold")
    for forecast in forecasts:
        local = [one for one in forecast["implementations"] if "@N" not in one["implementation"]]
        needs = [one["device_bytes"] for one in local if one["fits"]]
        cells = [words.gigabytes(forecast["decoded_bytes"])]
        cells.append(words.gigabytes(max(one["host_bytes"] for one in local or forecast["implementations"])))
        seen = " measured" if any(one["measured"] for one in local) else ""
        cells += [f"{_least_and_most(needs)}{seen}"] if cards else []
        cells += [_fits(forecast["implementations"], card) for card in cards]
        table.add_row(forecast["size"], *cells)
    out.print(table)
    for names, where in _misfits(forecasts, cards).items():
        out.print(f"`not all`: {names} cannot run at {', '.join(where)}.", highlight=False)
    if cards:
        out.print("A card of 24 GB is counted as 24 x 10^9 bytes, of which nine tenths may be used.", highlight=False)
        if any("(" in _fits(forecast["implementations"], card) for forecast in forecasts for card in cards):
            out.print("`(N)`: with --runner cluster, N such cards would do.", highlight=False)
        if not any(one["measured"] for forecast in forecasts for one in forecast["implementations"]):
            out.print("Not yet seen on a real GPU: what it needs there is estimated.", highlight=False)


def _least_and_most(needs: Sequence[float]) -> str:
    """`1.40 to 3.10 GB` if implementations differ, else the most."""
    if not needs:
        return "-"
    least, most = words.gigabytes(min(needs)), words.gigabytes(max(needs))
    if max(needs) <= DIFFERENT * min(needs):
        return most
    unit = most.rpartition(" ")[2]
    return f"{least.removesuffix(f' {unit}')} to {most}"


def _misfits(forecasts: Sequence[Mapping[str, Any]], cards: Iterable[str]) -> dict[str, list[str]]:
    """The names for which a card is too small though it is large enough for others, with sizes and cards."""
    where: dict[str, list[str]] = {}
    for card in cards:
        for forecast in forecasts:
            alone, without = _alone(forecast["implementations"], card)
            if without and len(without) < len(alone):
                where.setdefault(", ".join(without), []).append(f"{forecast['size']} on {card}")
    return where


def _fits(implementations: Sequence[Mapping[str, Any]], card: str) -> str:
    """`yes`, `no` or `not all`; and with how many workers a cluster of such cards would do."""
    alone, without = _alone(implementations, card)
    if not without:
        return "yes" if alone else "-"
    counts = [one["workers"][card] for one in implementations if one["fits"] and one.get("workers", {}).get(card)]
    cluster = f" ({min(counts)})" if counts else ""
    return f"{'no' if len(without) == len(alone) else 'not all'}{cluster}"


def _alone(implementations: Sequence[Mapping[str, Any]], card: str) -> tuple[list[str], list[str]]:
    """Those that run on one card, and those of them that do not fit on it."""
    alone = [one for one in implementations if one["fits"] and "workers" not in one]
    names = {one["implementation"].partition("@")[0]: one["fits"][card] for one in alone}
    return list(names), [name for name, fit in names.items() if not fit]
