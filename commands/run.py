"""`residency run`: measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.commands import common
from residency.commands.measuring import as_before, info_of, measure
from residency.harness import records
from residency.harness.dataset import DEFAULT_SEED
from residency.harness.errors import UsageError
from residency.harness.libraries import is_installed, remedy
from residency.harness.outcomes import Outcome
from residency.reports import console
from residency.reports.summary import document, rows
from residency.runners import machine
from residency.runners.cluster import workers_at
from residency.runners.plan import Group, Selection, absent, plan
from residency.runners.settings import GATE_ROUNDS, ROUNDS, Settings
from residency.runners.turn import make

EPILOG = """
Examples:  [bold]residency run tabular/ridge[/]   [bold]residency run tabular --size lab --budget 900[/]
[bold]residency run tabular/gradient_boosting --data loans.csv --target default[/]
[bold]residency run tabular/etl --runner local,cluster --workers 2 --size lab[/]

Exit status: 0 all that could run is ok; 1 something went wrong, failed, or ran out of time or memory; 2 asked for
something that does not exist; 130 interrupted.
"""


Tasks = Annotated[list[str] | None, typer.Argument(metavar="[TOPIC[/TASK]]...", help="All where none is named.")]
Sizes = Annotated[
    list[str] | None,
    typer.Option(help="smoke, lab, lecture, production, or a number of rows; may be repeated."),
]
Datasets = Annotated[
    list[str] | None,
    typer.Option(
        help="A dataset, or all of a kind: generated, shipped, public; each task's first where none is named."
    ),
]
Data = Annotated[Path | None, typer.Option(metavar="PATH", help="Your own CSV or Parquet file.")]
Target = Annotated[str | None, typer.Option(metavar="COLUMN", help="The column of your file to predict.")]
Devices = Annotated[str, typer.Option(help="cpu, gpu or both, with a comma between.")]
Names = Annotated[str, typer.Option(help="Functions, libraries or ids (estimator@gpu), with commas between.")]
Runners = Annotated[str, typer.Option("--runner", help="local, cluster or both, with a comma between.")]
Workers = Annotated[
    str,
    typer.Option(
        metavar="N[,N]...",
        help="Workers of a cluster that is started here. By default one for each GPU, or for four cores; two at least.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="A Dask scheduler that runs already, as tcp://10.0.0.1:8786: all its workers."
    ),
]
Dashboard = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="Serve Dask's dashboard there while a cluster runs; off by default."),
]
Replicates = Annotated[int, typer.Option(min=1, help="Fresh processes for each implementation.")]
Rounds = Annotated[
    int | None,
    typer.Option(min=1, help=f"Timed samples in each process, at most; {ROUNDS}, with --gate {GATE_ROUNDS}."),
]
Budget = Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="When to stop. By default, by the size.")]
Precision = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="FRACTION",
        help="Go on, up to eight times the replicates, until every ratio is known to ± this, as 0.05.",
    ),
]
Timeout = Annotated[float | None, typer.Option(min=0.1, metavar="SECONDS", help="For one execution.")]
Memory = Annotated[
    float | None,
    typer.Option(min=0.1, metavar="GIB", help="Limit for one process on the CPU, for each worker of a cluster."),
]
Threads = Annotated[int | None, typer.Option(min=1, help="For each worker. By default, the cores we may use.")]
Gate = Annotated[
    bool,
    typer.Option("--gate", help="Fix memory layouts, pin one-threaded workers: to see small changes."),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN", help="Go on with an interrupted run: what is missing, by its own settings.", exists=False
    ),
]
Seed = Annotated[int, typer.Option(help="Of generated data and of splits.")]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder is made.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def run(
    tasks: Tasks = None,
    size: Sizes = None,
    dataset: Datasets = None,
    data: Data = None,
    target: Target = None,
    devices: Devices = "cpu,gpu",
    implementations: Names = "",
    replicates: Replicates = 5,
    rounds: Rounds = None,
    precision: Precision = None,
    budget: Budget = None,
    timeout: Timeout = None,
    memory: Memory = None,
    threads: Threads = None,
    seed: Seed = DEFAULT_SEED,
    results: Results = common.RESULTS,
    gate: Gate = False,
    runner: Runners = "local",
    workers: Workers = "",
    scheduler: Scheduler = None,
    dashboard: Dashboard = None,
    resume: Resume = None,
    json: Json = False,
) -> None:
    """Measure implementations against each other, in fresh processes that take turns."""
    worker_threads = None
    if scheduler is not None:
        workers, worker_threads = _all_of(scheduler, workers)
    before = records.read(resume) if resume is not None else None
    if before is not None:
        selection, settings = as_before(before.info)
    else:
        selection = Selection(
            tasks=tasks or (),
            sizes=size or ("smoke",),
            datasets=dataset or (),
            devices=split(devices),
            implementations=split(implementations),
            runners=split(runner),
            workers=workers_of(workers),
            path=data,
            target=target,
            seed=seed,
        )
        limit = int(memory * 2**30) if memory else None
        rounds = rounds or (GATE_ROUNDS if gate else ROUNDS)
        settings = Settings(
            replicates,
            rounds,
            budget,
            timeout,
            threads or machine.cores(),
            limit,
            gate,
            precision=precision,
            scheduler=scheduler,
            worker_threads=worker_threads,
            dashboard=dashboard,
        )
    groups = _usable(plan(common.catalogue(), selection), settings, selection)
    err = common.progress()
    for note in selection.left_out:
        err.print(f"left out: {note}", style="dim", highlight=False)
    info = before.info if before is not None else info_of(groups, settings, selection)
    folder = resume or results / info.id
    interrupted = measure(groups, settings, info, folder, before)
    raise typer.Exit(_told(records.read(folder), json, interrupted))


def _told(measured: records.Records, json: bool, interrupted: bool) -> int:
    """Show a run that has just ended; the command's exit status."""
    if json:
        common.print_json(document(measured))
    else:
        console.show(measured, common.output())
    err, folder = common.progress(), measured.folder
    err.print(f"\nkept in {folder}; again: residency report {folder}", highlight=False, soft_wrap=True)
    if interrupted:
        text = f"interrupted: what was measured is kept; go on with: residency run --resume {folder}"
        err.print(text, style="yellow", highlight=False, soft_wrap=True)
        return 130
    good = {Outcome.OK, Outcome.UNAVAILABLE}
    return 0 if all(row.outcome in good for row in rows(measured)) else 1


def _usable(groups: list[Group], settings: Settings, selection: Selection) -> list[Group]:
    """The groups that the user's own file suits, tried before anything is written; raises where it suits none."""
    usable: list[Group] = []
    refused: UsageError | None = None
    for group in groups:
        try:
            if group.dataset.kind == "own" and absent(group.dataset) is None:
                make(group, settings.threads)
            usable.append(group)
        except UsageError as error:
            refused = error
            selection.left_out.append(f"{group.task.path}: {error}")
    if not usable and refused is not None:
        raise refused
    return usable


def workers_of(text: str) -> tuple[int, ...]:
    """The numbers of workers asked for."""
    counts = []
    for part in split(text):
        if not part.isdecimal() or int(part) < 1:
            raise UsageError(f"--workers {part}: expected numbers of workers with commas between, as 1,2,4")
        counts.append(int(part))
    return tuple(dict.fromkeys(counts))


def _all_of(scheduler: str, workers: str) -> tuple[str, int]:
    """A running scheduler's workers, which are all used, and the threads of each."""
    if not is_installed("distributed"):
        raise UsageError(f"--scheduler needs Dask: {remedy('distributed')}")
    there, threads = workers_at(scheduler)
    if not there:
        raise UsageError(f"the scheduler at {scheduler} has no workers; start some: dask worker {scheduler}")
    if workers not in {"", str(there)}:
        raise UsageError(f"the scheduler at {scheduler} has {there} workers and all are used: leave out --workers")
    return str(there), threads


def split(text: str) -> tuple[str, ...]:
    """The parts between commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
