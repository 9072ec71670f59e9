"""`residency lab`: exercises for residents, and their grading."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from residency.commands import common, lab_grade
from residency.commands.options import Once
from residency.harness.errors import UsageError
from residency.labs import author, catalogue, driver, repository, sandbox, scratch, shown, tables
from residency.labs import verify as verifying
from residency.reports import screen

app = typer.Typer(
    help="Exercises for residents: start, check, submit; for teachers: author, verify, grade.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list", cls=Once, epilog="Example:  [bold]residency lab list[/]")
def list_labs(json: Json = False) -> None:
    """List the labs in the order in which they are taught, and the challenges for teams."""
    found = list(catalogue.labs().values())
    if json:
        common.print_json(
            [{"lab": lab.name, "title": lab.title, "topic": lab.topic, "team": lab.team} for lab in found]
        )
        return
    common.print_lines(shown.labs(found))


@app.command("start", cls=Once, epilog="Example:  [bold]residency lab start foundations-vectorise[/]")
def start(
    name: Annotated[str, typer.Argument(metavar="LAB", help="The lab's name, as `residency lab list` shows it.")],
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="The new folder. [default: the lab's name]")
    ] = None,
    as_notebook: Annotated[
        bool, typer.Option("--notebook", help="Also write work.ipynb, which Jupytext keeps equal to work.py.")
    ] = False,
    data: lab_grade.Data = None,
    target: lab_grade.Target = None,
) -> None:
    """Begin a lab: a Git repository with the starter, committed."""
    lab = catalogue.lab(name)
    folder = into or Path(lab.name)
    if lab.shipped is None and (data or target):
        raise UsageError(f"lab {lab.name} takes no table of yours: leave out --data and --target")
    table = tables.asked(data, target)
    repository.start(lab, folder, as_notebook=as_notebook, table=table)
    common.print_lines(
        shown.started(lab, folder, is_found=catalogue.is_found(lab), as_notebook=as_notebook, table=table)
    )


@app.command("check", cls=Once, epilog="Example:  [bold]residency lab check[/]   (in the lab's folder)")
def check(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The lab's folder.")] = Path(),
    timing: Annotated[bool, typer.Option(help="Measure how fast it is, too.")] = True,
    json: Json = False,
) -> None:
    """Run the visible checks, and measure the speedup over the baseline. Takes less than a minute."""
    lab = repository.lab_of(folder.resolve())
    files = repository.edited(lab, repository.root_of(folder.resolve()))
    table = tables.of_team(repository.root_of(folder.resolve())) if lab.shipped is not None else None
    out, progress = screen.output(), screen.progress()
    with scratch.folder() as place:
        copied = driver.write(place / "files", files)
        with driver.Grader(lab, copied, table=table, own=True) as grader:
            for checked in grader.checks([check for check in lab.checks.values() if check.visible]):
                if not json:
                    common.print_lines(shown.checked(checked))
            if timing and lab.timing is not None and grader.graded.is_right:
                with progress.status("timing ..."):
                    grader.timing(baseline=True, most=driver.PROCESSES)
            graded = grader.points()
    if json:
        common.print_json(graded.as_json())
    else:
        if graded.timed is not None:
            common.print_lines(shown.timed(graded.timed, lab.points.fast))
        out.print("Hidden checks are run when it is graded." if graded.is_right else "", markup=False, highlight=False)
        common.print_lines(shown.by_people(lab))
    if not graded.is_right:
        raise typer.Exit(1)


@app.command("submit", cls=Once, epilog="Example:  [bold]residency lab submit[/]   (in the lab's folder)")
def submit(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="The lab's folder.")] = Path(),
) -> None:
    """Tag the commit that shall be graded."""
    lab = repository.lab_of(folder.resolve())
    root = repository.root_of(folder.resolve())
    tag, commit = repository.submit(root)
    common.print_lines([f"Submitted commit {commit} of {lab.name} as {tag}.", "If you use a server:  git push --tags"])
    common.print_lines(shown.by_people(lab, repository.unedited(lab, root)))


@app.command("author", cls=Once, epilog="Example:  [bold]residency lab author tabular-my-lab --into our-labs[/]")
def new_lab(
    name: Annotated[str, typer.Argument(metavar="NEW", help="The new lab's name, such as tabular-my-lab.")],
    into: Annotated[
        Path, typer.Option("--into", metavar="DIR", help="The folder that holds your labs. [default: this one]")
    ] = Path(),
) -> None:
    """Make a new lab for teachers: a small one that can be proved as it is, to be changed step by step."""
    common.print_lines(shown.authored(author.begin(name, into), into))


@app.command("verify", cls=Once, epilog="Example:  [bold]residency lab verify[/]   (all labs)")
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[LAB]...", help="Default: all.")] = None,
    json: Json = False,
) -> None:
    """Prove labs: the solution passes, the bare starter fails, each planted wrong answer fails as planned."""
    labs = [catalogue.lab(name) for name in names] if names else list(catalogue.labs().values())
    if not labs:
        raise UsageError("there is no lab here")
    _say_means()
    found: dict[str, list[verifying.Proved]] = {}
    for lab in labs:
        if not json:
            common.print_lines([lab.name])
        with screen.progress().status("") as status:
            for proved in verifying.verify(lab, status.update):
                found.setdefault(lab.name, []).append(proved)
                if not json:
                    common.print_lines([f"  {shown.proved(proved)}"])
    if json:
        common.print_json({name: [vars(one) for one in proofs] for name, proofs in found.items()})
    if not all(one.holds for proofs in found.values() for one in proofs):
        raise typer.Exit(1)


app.command("grade", cls=Once, epilog=lab_grade.EPILOG)(lab_grade.grade)


def _say_means() -> None:
    for line in shown.means(sandbox.means()):
        screen.progress().print(line, markup=False, highlight=False)
