"""`residency scale`: does the task get faster with more workers?"""

from __future__ import annotations

from typing import Annotated

import typer

from residency.analysis.rows import rows
from residency.analysis.scaling import scaling
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.dataset import DEFAULT_SEED
from residency.reports import document, screen
from residency.reports.scaling import show, show_reasons
from residency.runners.plan import Selection
from residency.runners.settings import ROUNDS, Settings
from residency.studies.measuring import info_of, measure
from residency.studies.parting import parting
from residency.studies.scale import doubling, groups, threads_of_each

EPILOG = """
Examples:  [bold]residency scale tabular/etl[/]   [bold]residency scale tabular/ridge --workers 1,2,4 --size lecture[/]
[bold]residency scale tabular/etl --page etl.html[/]

Strong scaling: all workers together process the rows of the size. Weak scaling: each worker always has the same number
of rows. Exit status: 0 measured; 1 something that can run here did not end well; 2 the arguments are wrong; 130
interrupted.
"""


def scale(
    task: Annotated[str, typer.Argument(metavar="TOPIC/TASK")],
    workers: options.Workers = "",
    size: Annotated[str, typer.Option(help="smoke, lab, lecture, production, or a number of rows.")] = "lab",
    devices: options.Devices = "cpu,gpu",
    implementations: Annotated[
        str, typer.Option(help="Names of implementations that run on a cluster, separated by commas. Default: all.")
    ] = "",
    weak: Annotated[bool, typer.Option("--weak/--no-weak", help="Measure weak scaling too.")] = True,
    replicates: options.Replicates = 5,
    rounds: options.PlainRounds = ROUNDS,
    budget: options.PlainBudget = None,
    timeout: options.Timeout = None,
    protocol: options.Protocol = None,
    memory: options.Memory = None,
    results: options.Results = common.RESULTS,
    page: options.Page = None,
    json: options.Json = False,
) -> None:
    """Measure a task on clusters of several sizes: the efficiency, where the time goes, and the fitted scaling law."""
    common.check_file(page)
    found = common.one_task(task)
    on = options.split(devices)
    counts = sorted(options.workers_of(workers) or doubling(on))
    wanted = Selection(
        tasks=(found.path,),
        sizes=(size,),
        devices=on,
        implementations=options.split(implementations),
        runners=("cluster",),
        workers=counts,
        seed=DEFAULT_SEED,
    )
    planned = groups(common.catalogue(), found, wanted, weak)
    limit, threads = int(memory * 2**30) if memory else None, threads_of_each(counts[-1])
    settings = Settings(
        replicates,
        rounds,
        budget,
        timeout=timeout,
        memory_limit=limit,
        worker_threads=threads,
        protocol=options.protocol_of(protocol, ("cluster",), on),
    )
    info = info_of(planned, settings, wanted)
    folder = results / info.id
    with parting(folder, common.kept_words(folder, page), "interrupted: what was measured is saved"):
        interrupted = measure(planned, settings, info, folder, None)
        measured = records.read(folder)
        well = _told(measured, found.path, json=json)
        common.write_page_of(measured, page)
    if interrupted:
        raise typer.Exit(interrupts.status())
    raise typer.Exit(0 if well else 1)


def _told(measured: records.Records, task: str, *, json: bool) -> bool:
    """Show how a task scales. Returns whether anything was measured on a cluster."""
    measured_rows = rows(measured)
    scaled = scaling(measured, measured_rows)
    if json:
        said = document.document(measured, measured_rows)
        common.print_json({**said, "scaling": [document.scaling(found) for found in scaled]})
    else:
        for found in scaled:
            show(found, screen.output())
        if not scaled:
            show_reasons(task, measured_rows, screen.output())
    return any(strong.row.measured for found in scaled for strong in found.strong)
