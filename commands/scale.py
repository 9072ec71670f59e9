"""`residency scale`: does the task get faster with more workers?"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from residency.analysis.rows import document
from residency.analysis.scaling import Ratio, Scaling, headline, scaling
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.dataset import DEFAULT_SEED
from residency.harness.errors import UsageError
from residency.harness.task import SIZES, Task
from residency.reports import screen, words
from residency.runners import machine
from residency.runners.plan import Group, Selection, plan
from residency.runners.settings import ROUNDS, Settings
from residency.studies.measuring import info_of, measure
from residency.studies.parting import parting

EPILOG = """
Examples:  [bold]residency scale tabular/etl[/]   [bold]residency scale tabular/ridge --workers 1,2,4 --size lecture[/]

Strong scaling gives all workers together the size's rows, weak scaling each worker its share of them. Exit status: 0
measured; 1 something that could run did not; 2 asked for something that does not exist; 130 interrupted.
"""


def scale(
    task: Annotated[str, typer.Argument(metavar="TOPIC/TASK")],
    workers: options.Workers = "",
    size: Annotated[str, typer.Option(help="smoke, lab, lecture, production, or a number of rows.")] = "lab",
    devices: options.Devices = "cpu,gpu",
    implementations: Annotated[str, typer.Option(help="Of those on a cluster: names, with commas between.")] = "",
    weak: Annotated[bool, typer.Option("--weak/--no-weak", help="Weak scaling too.")] = True,
    replicates: options.Replicates = 5,
    rounds: options.PlainRounds = ROUNDS,
    budget: options.PlainBudget = None,
    timeout: options.Timeout = None,
    memory: options.Memory = None,
    results: options.Results = common.RESULTS,
    json: options.Json = False,
) -> None:
    """Measure a task on clusters of several sizes: efficiency, what takes the rest, and the law behind it."""
    found = common.one_task(task)
    counts = sorted(options.workers_of(workers) or _doubling())
    wanted = Selection(
        tasks=(found.path,),
        sizes=(size,),
        devices=options.split(devices),
        implementations=options.split(implementations),
        runners=("cluster",),
        workers=counts,
        seed=DEFAULT_SEED,
    )
    groups = _groups(found, wanted, size, counts, weak)
    limit = int(memory * 2**30) if memory else None
    threads = max(1, machine.cores() // counts[-1])
    settings = Settings(replicates, rounds, budget, timeout=timeout, memory_limit=limit, worker_threads=threads)
    info = info_of(groups, settings, wanted)
    folder = results / info.id
    kept = f"Saved to {folder}. View it with: residency report {folder}"
    with parting(folder, kept, "interrupted: this is what was measured until then"):
        interrupted = measure(groups, settings, info, folder, None)
        measured = records.read(folder)
        told = scaling(measured)
        if json:
            common.print_json({**document(measured), "scaling": [_document(one) for one in told]})
        else:
            for one in told:
                _show(one, screen.output())
    if interrupted:
        raise typer.Exit(interrupts.status())
    raise typer.Exit(0 if any(strong.row.seconds for one in told for strong in one.strong) else 1)


def _doubling() -> list[int]:
    """1, 2, 4, ... up to the cores of this machine, two at least."""
    most = max(2, machine.cores())
    return [2**power for power in range(most.bit_length()) if 2**power <= most]


def _groups(task: Task, wanted: Selection, size: str, counts: list[int], weak: bool) -> list[Group]:
    """The whole size on every count of workers and in a single process, and each count's share of it."""
    if not any(one.runner == "cluster" for one in task.implementations):
        raise UsageError(f"{task.path} has no implementation on a cluster; `residency list` shows which tasks have")
    alone = replace(wanted, implementations=(), runners=("local",))
    (clusters,), (single,) = plan(common.catalogue(), wanted), plan(common.catalogue(), alone)
    groups = [replace(clusters, implementations=single.implementations + clusters.implementations)]
    rows = task.sizes[size] if size in SIZES else int(size)
    for count in counts[:-1] if weak else ():
        share = str(max(1, rows * count // counts[-1]))
        groups += plan(common.catalogue(), replace(wanted, sizes=(share,), workers=(count,)))
    return groups


def _document(found: Scaling) -> dict[str, Any]:
    return {
        "headline": headline(found),
        "task": found.task,
        "implementation": found.implementation,
        "single_process": found.single.implementation if found.single else None,
        "strong": [
            {
                "workers": one.workers,
                "over_one": asdict(one.over_one) if one.over_one else None,
                "over_single_process": asdict(one.over_single) if one.over_single else None,
                "efficiency": one.efficiency,
                "spent": one.row.cluster,
            }
            for one in found.strong
        ],
        "weak": [
            {
                "workers": one.workers,
                "rows": one.row.rows,
                "efficiency": asdict(one.efficiency) if one.efficiency else None,
            }
            for one in found.weak
        ],
        "law": asdict(found.law) if found.law else None,
    }


def _show(found: Scaling, out: Console) -> None:
    out.print()
    out.print(f"[bold]{escape(headline(found))}[/]", highlight=False)
    _show_strong(found, out)
    if found.weak:
        _show_weak(found, out)
    if found.law is not None:
        _show_law(found, out)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _show_strong(found: Scaling, out: Console) -> None:
    single = found.single.implementation if found.single else "a single process"
    table = _table(
        "Strong scaling: the same rows on more workers",
        *("workers", "time [95 %]", "× one worker", "efficiency", f"× {single}"),
        *("in tasks", "fetching", "spilling", "without a task"),
    )
    for one in found.strong:
        row = one.row
        if row.seconds is None:
            table.add_row(str(one.workers), row.outcome, escape(row.reason), *[""] * 6, style="red")
            continue
        efficiency = f"{one.efficiency:.0%}" if one.efficiency is not None else "-"
        times = (words.interval(row.seconds), _ratio(one.over_one), efficiency, _ratio(one.over_single))
        table.add_row(str(one.workers), *times, *_spent(one.row.cluster, row.seconds.median * (row.threads or 1)))
    out.print(table)
    if found.single is not None and found.single.seconds is not None:
        time = words.interval(found.single.seconds)
        out.print(f"{found.single.implementation}, the fastest single process: {time}", style="dim", highlight=False)


def _spent(spent: dict[str, float], whole: float) -> list[str]:
    """Shares of the workers' time: in tasks, fetching, spilling, without a task."""
    tasks, *others = (spent.get(f"{name}_seconds", 0.0) / whole for name in ("task", "fetch", "spill"))
    return [f"{share:.1%}" for share in (tasks, *others, max(0.0, 1.0 - tasks))]


def _show_weak(found: Scaling, out: Console) -> None:
    unit = found.weak[0].row.unit
    table = _table(f"Weak scaling: as many {unit} for each worker", "workers", unit, "time [95 %]", "efficiency")
    for one in found.weak:
        time = words.interval(one.row.seconds) if one.row.seconds else one.row.outcome
        rows = words.count(one.row.rows) if one.row.rows is not None else "-"
        table.add_row(str(one.workers), rows, time, _share(one.efficiency))
    out.print(table)


def _show_law(found: Scaling, out: Console) -> None:
    law = found.law
    if law is None:
        return
    text = f"Universal Scalability Law: contention {_share(law.contention)}"
    if law.coherence is not None:
        text += f", coherence {_share(law.coherence)}"
    else:
        text += " (coherence cannot be told from two counts of workers)"
    ahead = ", ".join(f"{count} workers {_ratio(ratio)}" for count, ratio in law.predicted.items())
    ahead = f"If it goes on like this: {ahead}; beyond, nothing is said" if ahead else "Nothing is said of more workers"
    out.print(f"{text}. {ahead}.", highlight=False)


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.low != ratio.high else f"{ratio.value:.2f}"


def _share(ratio: Ratio | None) -> str:
    if ratio is None:
        return "-"
    return f"{ratio.value:.1%} [{ratio.low:.1%}, {ratio.high:.1%}]" if ratio.low != ratio.high else f"{ratio.value:.1%}"
