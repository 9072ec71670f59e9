"""`residency crossover`: from which size on does it win?"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from residency.analysis.crossover import Crossover, Point, crossover, next_size, points, sentence
from residency.analysis.rows import document
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.errors import UsageError, unknown
from residency.harness.task import SIZES, Task
from residency.harness.task_info import TaskInfo
from residency.reports import screen
from residency.runners.plan import Group, Selection, plan, unavailable
from residency.runners.settings import ROUNDS, Settings
from residency.studies.measuring import info_of, measure
from residency.studies.parting import parting

MOST_SIZES = 10
EPILOG = """
Examples:  [bold]residency crossover tabular/ridge[/]   (any GPU implementation over any on the CPU)
[bold]residency crossover tabular/etl --of cluster --over local --workers 2[/]
[bold]residency crossover tabular/etl --of lazy_frame@cpu --over data_frame@cpu --up-to 1000000[/]

Exit status: 0 there is an answer, `never` among them; 1 there is none; 2 asked for something that does not exist.
"""
Side = Annotated[str, typer.Option(metavar="SIDE", help="gpu, cpu, cluster, local, or an implementation.")]


def find_crossover(
    task: Annotated[str, typer.Argument(metavar="TOPIC/TASK")],
    of: Side = "gpu",
    over: Side = "cpu",
    smallest: Annotated[str, typer.Option("--from", metavar="SIZE", help="A name or a number of rows.")] = "smoke",
    largest: Annotated[str, typer.Option("--up-to", metavar="SIZE", help="A name or a number of rows.")] = "lab",
    precision: Annotated[
        float, typer.Option(min=0.01, help="Until the answer lies between sizes that differ by this fraction.")
    ] = 0.25,
    workers: options.Workers = "",
    replicates: options.Replicates = 5,
    rounds: options.PlainRounds = ROUNDS,
    budget: Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="For each size.")] = None,
    timeout: options.Timeout = None,
    results: options.Results = common.RESULTS,
    json: options.Json = False,
) -> None:
    """Search the size from which one side overtakes another, with its interval; `never, up to N` is an answer."""
    found = common.one_task(task)
    chosen = Selection(
        tasks=(found.path,), sizes=(largest,), runners=("local", "cluster"), workers=options.workers_of(workers)
    )
    (whole,) = plan(common.catalogue(), chosen)
    challenger, champion = _side(whole, of), _side(whole, over)
    if challenger & champion:
        raise UsageError(f"--of {of} and --over {over} share {', '.join(sorted(challenger & champion))}")
    _check(whole, challenger, of)
    settings = Settings(replicates, rounds, budget, timeout=timeout)
    search = _Search(whole, chosen, settings, challenger, champion, results)
    kept = f"Saved to {search.folder}. View it with: residency report {search.folder}"
    with parting(search.folder, kept, "interrupted: this is what was measured until then"):
        for end in (smallest, largest):
            search.measure(_rows(found, end))
        while len(search.known) < MOST_SIZES and (size := next_size(search.known, precision)) is not None:
            search.measure(size)
        answer = crossover(search.known)
        said = sentence(found.path, found.unit, answer)
        if json:
            common.print_json({**document(records.read(search.folder)), "crossover": {"said": said, **asdict(answer)}})
        else:
            _show(said, answer, found.unit, screen.output())
    raise typer.Exit(0 if answer.answer in {"crosses", "always", "never"} else 1)


class _Search:
    """A run that goes on size by size."""

    def __init__(
        self,
        whole: Group,
        selection: Selection,
        settings: Settings,
        challenger: set[str],
        champion: set[str],
        results: Path,
    ) -> None:
        self._selection, self._settings = selection, settings
        self._sides = (sorted(challenger), sorted(champion))
        self._implementations = tuple(one for one in whole.implementations if one.id in challenger | champion)
        self._info = info_of([], settings, selection)
        self._info.tasks[whole.task.path] = TaskInfo.of(whole.task)
        self.folder = results / self._info.id
        self.known: list[Point] = []

    def measure(self, size: int) -> None:
        (group,) = plan(common.catalogue(), replace(self._selection, sizes=(str(size),)))
        group = replace(group, implementations=self._implementations)
        before = records.read(self.folder) if self.folder.exists() else None
        if measure([group], self._settings, self._info, self.folder, before, resumed=False):
            raise typer.Exit(interrupts.status())
        self.known = points(records.read(self.folder), *self._sides)


def _rows(task: Task, size: str) -> int:
    return task.sizes[size] if size in SIZES else int(size)


def _side(whole: Group, name: str) -> set[str]:
    """The ids that a side's name means."""
    mine = whole.implementations
    meant = {
        "gpu": [one for one in mine if one.device == "gpu" and one.runner == "local"],
        "cpu": [one for one in mine if one.device == "cpu" and one.runner == "local"],
        "local": [one for one in mine if one.runner == "local"],
        "cluster": [one for one in mine if one.runner == "cluster"],
    }.get(name)
    if meant is None:
        meant = [one for one in mine if name in {one.id, one.name}]
    if not meant:
        raise unknown(f"side of {whole.task.path}", name, ["gpu", "cpu", "local", "cluster", *(one.id for one in mine)])
    return {one.id for one in meant}


def _check(whole: Group, side: set[str], name: str) -> None:
    """Raise where nothing of a side can run here."""
    reasons = {one.id: unavailable(one) for one in whole.implementations if one.id in side}
    if reasons and all(reasons.values()):
        why = next(ending.reason for ending in reasons.values() if ending is not None)
        raise UsageError(f"{name} cannot run here: {why}")


def _show(said: str, found: Crossover, unit: str, out: Console) -> None:
    out.print(f"\n[bold]{said}[/]", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in (unit, "fastest of one side", "fastest of the other", "times as fast [95 %]", "verdict"):
        table.add_column(column, justify="right" if column == unit else "left")
    for point in found.points:
        ratio = f"{point.value:.3g} [{point.low:.3g}, {point.high:.3g}]"
        table.add_row(f"{point.rows:,}", point.challenger, point.champion, ratio, point.verdict)
    out.print(table)
