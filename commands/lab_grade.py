"""`residency lab grade`: grade a folder of clones."""

from __future__ import annotations

import json
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from residency.commands import common, options
from residency.harness import interrupts
from residency.harness.errors import UsageError
from residency.harness.files import write_whole
from residency.labs import audit, cohort, feedback, gradebook, people, sandbox, shown, tables
from residency.labs.progress import Progress
from residency.reports import screen
from residency.studies import parting

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="A table of your own, CSV or Parquet, for a challenge that takes one."),
]
Target = Annotated[
    str | None, typer.Option("--target", metavar="COLUMN", help="The column of the table that is to be predicted.")
]
EPILOG = "Example:  [bold]residency lab grade clones/ --roster roster.csv[/]"


def grade(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER_OF_CLONES]", help="Every folder in it is a clone.")
    ] = None,
    lab: Annotated[
        str | None, typer.Option("--lab", metavar="LAB", help="The lab. [default: what each clone's lab.toml says]")
    ] = None,
    results: Annotated[
        Path | None, typer.Option("--results", metavar="DIR", help="A new folder. [default: results/labs/TIME-LAB]")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", min=1, metavar="N", help="Submissions at a time. [default: cores / the lab's threads]"),
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="DIR", help="Continue there; grades only what is missing.")
    ] = None,
    roster: Annotated[
        Path | None, typer.Option("--roster", metavar="FILE", help="A CSV file that says who is in which team.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="What is graded. [default: the last tag submission-N]")
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=1,
            callback=options.number,
            metavar="S",
            help="The limit of one submission. [default: 30 slowest calls]",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse where this machine cannot isolate submissions.")
    ] = False,
    points: Annotated[
        Path | None,
        typer.Option(
            "--people", metavar="FILE", help="A CSV file of points for report.md: clone or team, points, note."
        ),
    ] = None,
    data: Data = None,
    target: Target = None,
    again: Annotated[
        Path | None, typer.Option("--again", metavar="AUDIT.json", help="Grade that commit again with its seeds.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Grade the clones of a cohort: gradebook, page, and a feedback file for each team."""
    isolation = sandbox.check(strict)
    if isolation.refused:
        raise UsageError(isolation.refused)
    for line in shown.means(isolation):
        screen.progress().print(line, markup=False, highlight=False, soft_wrap=True)
    if again is not None:
        _refuse_beside("--again", [folder, lab, results, jobs, resume, roster, tag, seconds, points, data, target])
        _grade_again(again, as_json)
        return
    if resume is not None:
        _refuse_beside("--resume", [lab, results, roster, tag, seconds, data, target])
        found = cohort.resumed(resume)
    elif folder is not None:
        found = cohort.begun(
            folder, lab, results, tag=tag, roster=roster, seconds=seconds, table=tables.asked(data, target)
        )
    else:
        raise UsageError("name the folder of clones, for example: residency lab grade clones/")
    with found as grading:
        if points is not None:
            with cohort.saving(grading.results):
                people.keep(points, list(grading.labs.values()), grading.results)
        if resume is not None and folder is not None and str(folder.resolve()) != grading.plan.folder:
            raise UsageError(f"{resume} holds results of {grading.plan.folder}, not of {folder}")
        _grade(grading, jobs, as_json)


def _refuse_beside(option: str, others: list[object]) -> None:
    if any(other is not None for other in others):
        raise UsageError(
            f"{option} uses the options of the first run: leave out the other options (but --strict, --json, --jobs)"
        )


def _grade(grading: cohort.Grading, asked: int | None, as_json: bool) -> None:
    jobs = cohort.jobs_here(list(grading.labs.values()), asked)
    begun = time.monotonic()
    whole, before = len(grading.tasks), len(grading.records)
    try:
        with Progress(whole, before) as progress:
            failed = cohort.grade(grading, jobs, progress)
        made = cohort.cohort(grading, time.monotonic() - begun, jobs)
        people.give(made, grading.results)
        with interrupts.whole(), cohort.saving(grading.results):
            _write(grading, made)
    except UsageError as error:
        raise UsageError(f"{error}. {_kept(grading)}") from error
    except KeyboardInterrupt:
        with interrupts.whole():
            said = f"residency: interrupted. {_kept(grading)}"
            parting.said.append(said)
            print(said, file=sys.stderr)
        raise
    if as_json:
        common.print_json(made.as_json())
    else:
        common.print_lines(shown.cohort(made, grading.results))
    if failed:
        print(f"residency: {len(failed)} could not be graded. {_kept(grading)}", file=sys.stderr)
        raise typer.Exit(1)


def _kept(grading: cohort.Grading) -> str:
    """What is saved, and how to go on."""
    again = f"residency lab grade --resume {shlex.quote(str(grading.results))}"
    count = len(grading.records)
    return f"{count} of {len(grading.tasks)} are graded and saved. Continue with: {again}"


def _write(grading: cohort.Grading, made: gradebook.Cohort) -> None:
    """All files that are made from the records."""
    from residency.labs import page
    from residency.reports.page import render

    place = grading.results
    for record in made.graded:
        name = f"{audit.file_name(record.team)}.md"
        write_whole(place / cohort.FEEDBACK / name, feedback.feedback(record, made.name_of(record.team)))
    document = made.as_json()
    write_whole(place / "grades.csv", gradebook.as_csv(document["members"]))
    write_whole(place / "grades.json", json.dumps(document, indent=1))
    write_whole(place / "cohort.html", render.page(page.page(made, document)))


def _grade_again(file: Path, as_json: bool) -> None:
    with screen.progress().status("grading again ...") as status:
        first, second = cohort.again(file, status.update)
    differences = audit.differences(first, second)
    if as_json:
        same = not differences
        common.print_json(
            {"same": same, "differences": differences, "first": first.as_json(), "again": second.as_json()}
        )
    else:
        common.print_lines(shown.again(first, second, differences))
    if differences:
        raise typer.Exit(1)
