"""`residency crossover`: from which size on is one side faster?"""

from __future__ import annotations

from typing import Annotated

import typer

from residency.commands import common, options
from residency.harness import interrupts, records
from residency.reports import document, screen
from residency.reports.crossover import show
from residency.runners.settings import ROUNDS, Settings
from residency.studies.crossover import Search
from residency.studies.measuring import Interrupted
from residency.studies.parting import parting

EPILOG = """
Examples:  [bold]residency crossover tabular/ridge[/]   (the fastest on the GPU against the fastest on the CPU)
[bold]residency crossover tabular/etl --of cluster --over local --workers 2[/]
[bold]residency crossover tabular/etl --of lazy_frame@cpu --over data_frame@cpu --up-to 1000000 --page etl.html[/]

Exit status: 0 an answer was found (`never` is an answer); 1 no answer; 2 the arguments are wrong.
"""
Side = Annotated[str, typer.Option(metavar="SIDE", help="gpu, cpu, cluster, local, or the name of an implementation.")]


def find_crossover(
    task: Annotated[str, typer.Argument(metavar="TOPIC/TASK")],
    of: Side = "gpu",
    over: Side = "cpu",
    smallest: Annotated[
        str, typer.Option("--from", metavar="SIZE", help="The smallest size: a name or a number of rows.")
    ] = "smoke",
    largest: Annotated[
        str, typer.Option("--up-to", metavar="SIZE", help="The largest size: a name or a number of rows.")
    ] = "lab",
    precision: Annotated[
        float,
        typer.Option(
            min=0.01,
            callback=options.number,
            help="Search until the answer lies between two sizes that differ by this fraction.",
        ),
    ] = 0.25,
    workers: options.Workers = "",
    replicates: options.Replicates = 5,
    rounds: options.PlainRounds = ROUNDS,
    budget: Annotated[
        float | None,
        typer.Option(
            min=0, max=options.LONGEST, callback=options.number, metavar="SECONDS", help="The time for each size."
        ),
    ] = None,
    timeout: options.Timeout = None,
    results: options.Results = common.RESULTS,
    page: options.Page = None,
    json: options.Json = False,
) -> None:
    """Find the size from which one side is faster than another, with its interval. `never, up to N` is an answer."""
    common.check_file(page)
    found = common.one_task(task)
    settings = Settings(replicates, rounds, budget, timeout=timeout)
    search = Search(
        common.catalogue(),
        found,
        ends=(smallest, largest),
        sides=(of, over),
        workers=options.workers_of(workers),
        settings=settings,
        results=results,
    )
    with parting(search.folder, common.kept_words(search.folder, page), "interrupted: what was measured is saved"):
        try:
            answer = search.run(precision)
        except Interrupted:
            common.write_page_of(records.read(search.folder), page)
            raise typer.Exit(interrupts.status()) from None
        if json:
            said = document.document(search.measured, search.rows)
            common.print_json({**said, "crossover": document.crossover(found.path, found.unit, answer)})
        else:
            show(found.path, found.unit, answer, screen.output())
        common.write_page_of(search.measured, page)
    raise typer.Exit(0 if answer.answer in {"crosses", "always", "never"} else 1)
