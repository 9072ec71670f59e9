"""`residency plan`: how many GPUs does this cohort need?"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from residency.commands import common
from residency.harness import records
from residency.harness.errors import UsageError
from residency.labs import catalogue
from residency.planner import answer as answering
from residency.planner import reading, search, shown, whatif
from residency.planner.cohort import Cohort
from residency.planner.demand import Measured, from_runs
from residency.planner.needs import Profile
from residency.reports import screen, words

EPILOG = """
Examples:  [bold]residency plan --example > cohort.toml[/]   [bold]residency plan cohort.toml[/]
[bold]residency plan cohort.toml --residents 40 --stagger 5min --page plan.html[/]
[bold]residency plan cohort.toml --run results/runs/RUN[/]   (times from a run that was measured)

Exit status: 0 a plan meets the target; 1 none does, and the nearest is shown; 2 the input is wrong.
"""


SEED = 1  # of the self-test, so that it says the same on every machine


def plan(
    cohort: Annotated[
        Path | None, typer.Argument(metavar="[COHORT.toml]", help="The cohort: people, timetable, hardware, target.")
    ] = None,
    residents: Annotated[int | None, typer.Option(help="What if there were so many residents?")] = None,
    gpus: Annotated[str | None, typer.Option(metavar="KIND:COUNT", help="Only this hardware, such as h200:2.")] = None,
    stagger: Annotated[
        str | None, typer.Option(metavar="TIME", help="Spread the starts in class over more time, such as 5min.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="TEXT", help='Another target, such as "p95 wait <= 2 min of class".')
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="A measured run that times and memory come from. Repeat it for several."),
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Also list all assumptions.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the answer as a page, with the week hour by hour.")
    ] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where named runs are.")] = common.RESULTS,
    example: Annotated[bool, typer.Option("--example", help="Print an example of a cohort, with comments.")] = False,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Compare the simulation with what is known exactly.")
    ] = False,
    check_fits: Annotated[
        bool,
        typer.Option("--check-fits", help="Predict the largest size of each --run from its smaller ones."),
    ] = False,
) -> None:
    """Find the cheapest hardware with which a cohort does not wait too long."""
    if example:
        sys.stdout.write(reading.example())
        return
    if selftest:
        _selftest(json)
        return
    measured = [records.read(common.folder_of(name, results)) for name in run or ()]
    if check_fits:
        _check_fits(measured, json)
        return
    if cohort is None:
        raise UsageError("name a cohort, for example: residency plan cohort.toml. Write one: residency plan --example")
    common.check_file(page)
    asked = _changed(_read(cohort), residents, gpus, stagger, target)
    found = _answer(asked, from_runs(measured))
    if found.shown is None:
        raise UsageError(f"{cohort}: nothing can be planned: {_reasons(found)}")
    if page is not None:  # first: whoever reads the screen may close it early
        from residency.planner import page as drawing
        from residency.reports.page import render

        common.save_page(page, render.page(drawing.page(found, answering.document(found))))
    if json:
        common.print_json(answering.document(found))
    else:
        common.print_lines(shown.lines(found))
        if details:
            common.print_lines(["", *shown.details(found)])
    raise typer.Exit(0 if found.chosen else 1)


def _reasons(found: answering.Answer) -> str:
    """Why each option was refused; options with the same reason together."""
    names: dict[str, list[str]] = {}
    for option in found.options:
        names.setdefault(option.refused, []).append(option.name)
    return "; ".join(f"{', '.join(options)}: {reason}" for reason, options in names.items())


def _read(file: Path) -> Cohort:
    """The cohort in a file; every mistake is a line of its own."""
    try:
        return reading.read(file)
    except reading.CohortError as error:
        raise UsageError("\nresidency: ".join(error.lines)) from None


def _changed(
    cohort: Cohort, residents: int | None, gpus: str | None, stagger: str | None, target: str | None
) -> Cohort:
    if residents is not None:
        cohort = whatif.with_residents(cohort, residents)
    if gpus is not None:
        cohort = whatif.with_gpus(cohort, gpus)
    if stagger is not None:
        cohort = whatif.with_stagger(cohort, stagger)
    return cohort if target is None else whatif.with_target(cohort, target)


def _answer(cohort: Cohort, measured: Measured) -> answering.Answer:
    with screen.progress().status("planning ...") as status, search.workers() as team:
        return answering.answer(cohort, _profiles(), measured, team, lambda what: status.update(words.one_line(what)))


def _profiles() -> Mapping[str, Profile]:
    """What the labs say of themselves."""
    return {
        lab.name: Profile(lab.demand.seconds, lab.demand.memory_bytes, lab.demand.tries, lab.demand.gpu)
        for lab in catalogue.labs().values()
    }


def _selftest(as_json: bool) -> None:
    from dataclasses import asdict

    from residency.planner import selftest

    checks = selftest.checks(SEED)
    if as_json:
        common.print_json([asdict(check) for check in checks])
    else:
        common.print_lines(shown.checks(checks))
    if not all(check.holds for check in checks):
        raise typer.Exit(1)


def _check_fits(runs: Sequence[records.Records], as_json: bool) -> None:
    from dataclasses import asdict

    from residency.planner.holdout import holdout

    if not runs:
        raise UsageError("--check-fits needs runs of three sizes or more: add --run RUN")
    held = holdout(runs)
    if not held:
        raise UsageError("no run has three sizes of an implementation, the largest at most four times the next")
    if as_json:
        common.print_json([{**asdict(one), "inside": one.inside} for one in held])
    else:
        common.print_lines(shown.fits(held))
