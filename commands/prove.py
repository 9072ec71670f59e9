"""`residency prove`: test and measure everything on this machine's GPU, and save the result as a reference run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.compare import Status
from residency.analysis.findings import findings
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.errors import typed
from residency.reports import document, screen
from residency.runners import machine
from residency.studies.measuring import Interrupted
from residency.studies.parting import parting
from residency.studies.prove import PAGE, Course, Proved, begun, gone_on_with, proof_in, write_page

EPILOG = """
Examples:  [bold]residency prove[/]   [bold]residency prove tabular foundations --budget 1200 --page proof.html[/]
[bold]residency prove --resume results/reference/1-h200-16-cores-xeon[/]

Exit status: 0 everything that can run on the GPU is ok; 1 something on the GPU went wrong, or nothing could run; 2 the
arguments are wrong; 5 this machine has no GPU; 130 interrupted. docs/prove.md says how to commit the result.
"""

REFERENCE = Path("results") / "reference"


def prove(
    tasks: options.Tasks = None,
    budget: Annotated[
        float,
        typer.Option(
            min=1,
            max=options.LONGEST,
            callback=options.number,
            metavar="SECONDS",
            help="Stop after this time, even in the middle of an execution.",
        ),
    ] = 600.0,
    results: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="The folder in which the run's folder is created. It is named after the machine."
        ),
    ] = REFERENCE,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Continue a proof: measure what is missing.", exists=False)
    ] = None,
    page: options.Page = None,
    json: options.Json = False,
) -> None:
    """Compare every GPU implementation with the CPU at smoke, lab and lecture size, and save what was proved."""
    common.check_file(page)
    _check_gpu()
    if resume is None:
        course = begun(common.catalogue(), tasks or (), budget, results)
    else:
        before = proof_in(resume)
        course = gone_on_with(common.catalogue(before.info.settings.get("suites", ())), before, budget, resume)
    raise typer.Exit(_proved(course, json, page))


def _proved(course: Course, json: bool, page: Path | None) -> int:
    """Measure, and show the page. Returns the command's exit status."""
    folder, interrupted = course.folder, False
    kept = f"Saved to {folder}. View it with: residency report {typed(folder)}"
    resumed = f"interrupted: what was measured is saved. Continue with: residency prove --resume {typed(folder)}"
    with parting(folder, kept, resumed):
        try:
            proved = course.run()
        except (Interrupted, KeyboardInterrupt):
            interrupted, proved = True, write_page(folder, records.read(folder))
        if page is not None:
            common.save_page(page, _page(proved))
        if json:
            said = document.document(proved.records, proved.rows)
            common.print_json({**said, "proof": document.proof(proved.proof)})
        else:
            print((folder / PAGE).read_text(encoding="utf-8"), end="")
    return interrupts.status() if interrupted else 0 if proved.proof.flawless else 1


def _page(proved: Proved) -> str:
    from residency.reports.page import proof as shown
    from residency.reports.page import render

    return render.page(shown.page(findings(proved.records), proved.proof))


def _check_gpu() -> None:
    found, why = machine.gpus()
    if not found:
        text = f"residency: nothing can be proved here: {why}; use a machine with a GPU, or `residency run` here"
        screen.progress().print(text, highlight=False, soft_wrap=True)
        raise typer.Exit(int(Status.NO_DEVICE))
