"""`residency prove`: what the GPU of this machine can do, on record."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from residency.analysis.compare import Status
from residency.analysis.proof import Proof, proof
from residency.analysis.rows import document, rows
from residency.commands import common, options
from residency.harness import interrupts, records
from residency.harness.errors import UsageError
from residency.harness.files import write_whole
from residency.reports import proof_page, screen
from residency.runners import machine
from residency.runners.plan import Group, Selection, plan
from residency.runners.settings import Settings
from residency.studies.measuring import as_before, info_of
from residency.studies.parting import parting
from residency.studies.proving import STAGES, Course, contenders

EPILOG = """
Examples:  [bold]residency prove[/]   [bold]residency prove tabular foundations --budget 1200[/]
[bold]residency prove --resume results/reference/1-h200-16-cores-xeon[/]

Exit status: 0 whatever could run on the GPU is ok; 1 something there went wrong, or nothing could run; 2 asked for
something that does not exist; 5 this machine has no GPU; 130 interrupted. docs/prove.md says how to commit the result.
"""

PAGE = "README.md"
SIZES = tuple(stage.size for stage in STAGES)
REFERENCE = Path("results") / "reference"
CLOSING, CLOSING_SHARE = 5.0, 0.1  # seconds, or of the budget, kept back for ending workers and writing the page
ONE_COLD = 3  # the first execution of a process may compile, and take this part of the budget
ONE_EXECUTION = 6  # may take this part of the budget at most: one that hangs must not cost all the others


def prove(
    tasks: options.Tasks = None,
    budget: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="When to be over, whatever is under way.")
    ] = 600.0,
    results: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the run's folder is made, named after the machine.")
    ] = REFERENCE,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a proof: what is missing.", exists=False)
    ] = None,
    json: options.Json = False,
) -> None:
    """Run every GPU implementation beside the CPU's, at smoke, lab and lecture size, and write what was proved."""
    deadline = monotonic() - machine.seconds_running() + budget - min(CLOSING, CLOSING_SHARE * budget)
    _check_gpu()
    before = _before(resume) if resume is not None else None
    selection = Selection(tasks=tasks or (), sizes=SIZES) if before is None else as_before(before.info)[0]
    suites = before.info.settings.get("suites", ()) if before is not None else ()
    groups = _with_gpu(plan(common.catalogue(suites), selection))
    warm, cold = budget / ONE_EXECUTION, budget / ONE_COLD
    settings = Settings(STAGES[-1].replicates, STAGES[-1].rounds, budget, timeout=warm, cold_timeout=cold)
    info = before.info if before is not None else _info(groups, settings, selection)
    folder = resume if resume is not None else _new(results / machine.name_of(info.machine), info)
    course = Course(groups, settings, info, folder, deadline, len(before.outcomes) if before is not None else 0)
    raise typer.Exit(_proved(course, json))


def _proved(course: Course, json: bool) -> int:
    """Take the course, writing the page anew after each stage; the command's exit status."""
    folder, interrupted = course.folder, False
    kept = f"Saved to {folder}. View it with: residency report {folder}"
    resumed = f"interrupted: what was measured is kept; go on with: residency prove --resume {folder}"
    with parting(folder, kept, resumed):
        try:
            for _ in course.run():
                proved = _write_page(folder)
        except KeyboardInterrupt:
            interrupted, proved = True, _write_page(folder)
        if json:
            common.print_json({**document(records.read(folder)), "proof": asdict(proved)})
        else:
            print((folder / PAGE).read_text(encoding="utf-8"), end="")
    return interrupts.status() if interrupted else 0 if proved.flawless else 1


def _check_gpu() -> None:
    found, why = machine.gpus()
    if not found:
        text = f"residency: nothing can be proved here: {why}; use a machine with a GPU, or `residency run` here"
        screen.progress().print(text, highlight=False, soft_wrap=True)
        raise typer.Exit(int(Status.NO_DEVICE))


def _before(folder: Path) -> records.Records:
    """The proof to go on with; raises `UsageError` where it is none, or one of another machine."""
    before = records.read(folder)
    if tuple(before.info.settings.get("sizes", ())) != SIZES:
        raise UsageError(f"{folder} is no proof; go on with it: residency run --resume {folder}")
    there, here = machine.name_of(before.info.machine), machine.name_of(machine.facts())
    if there != here:
        raise UsageError(f"{folder} was measured on {there}, and this is {here}: go on with it there")
    return before


def _with_gpu(groups: list[Group]) -> list[Group]:
    """The groups that have something to prove."""
    kept = [group for group in groups if any(one.device == "gpu" for one in group.implementations)]
    if not kept:
        raise UsageError("nothing to prove: none of these tasks has a GPU implementation; `residency list` shows them")
    return kept


def _info(groups: list[Group], settings: Settings, selection: Selection) -> records.RunInfo:
    """Planned is the first stage; what comes after is decided by what it finds."""
    first = [one for group in groups if (one := contenders(group, STAGES[0], None, ())) is not None]
    return info_of(first, settings, selection)


def _new(folder: Path, info: records.RunInfo) -> Path:
    """A new run's folder; raises `UsageError` where there is one of that name."""
    if folder.exists():
        raise UsageError(
            f"{folder} is there already; go on with it: residency prove --resume {folder}, or name another place "
            "with --results"
        )
    with records.Recorder(folder, info):
        return folder


def _write_page(folder: Path) -> Proof:
    """Write the page in one step, so that a page is never half of one; what it says."""
    measured = records.read(folder)
    found = rows(measured)
    proved = proof(measured, found)
    write_whole(folder / PAGE, proof_page.render(measured, found, proved))
    return proved
