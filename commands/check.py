"""`residency check`: does a task of your own follow the rules for tasks?"""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from residency.analysis.rows import rows
from residency.commands import common, options
from residency.harness import contract, records
from residency.harness.contract import WRONG, Check
from residency.harness.outcomes import Outcome
from residency.harness.task import Task
from residency.reports import screen
from residency.reports.checks import show
from residency.runners.plan import Selection, plan
from residency.runners.settings import Settings
from residency.studies.measuring import info_of, measure

EPILOG = """
Examples:  [bold]residency check tabular/ridge[/]
[bold]RESIDENCY_SUITES=my residency check tabular/ridge --implementations mine[/]

Runs the task on its first dataset, each implementation in a fresh process. Nothing is saved. How to write a task:
docs/own-task.md. Exit status: 0 all rules are kept; 1 a rule is broken; 2 there is no such task, or its file cannot be
loaded; 130 interrupted.
"""


def check(
    task: Annotated[
        str, typer.Argument(metavar="TOPIC/TASK", help="The task. Its name alone is enough if no other task has it.")
    ],
    implementations: Annotated[
        str,
        typer.Option(
            "--implementations",
            "--implementation",
            help="Check only these functions, libraries or implementations, separated by commas.",
        ),
    ] = "",
    timeout: options.Timeout = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")] = False,
) -> None:
    """Run a task's implementations once at smoke size. Say which rules they keep, which they break, and the remedy."""
    found = common.one_task(task)
    with tempfile.TemporaryDirectory(prefix="residency-check-") as folder:
        measured, chosen = _measured(found, options.split(implementations), timeout, Path(folder) / "run")
    checks = [*contract.checks(found, measured, chosen), *_judged(found, measured)]
    holds = not any(each.holds is False for each in checks)
    if json:
        document = {"task": found.path, "holds": holds, "checks": [asdict(each) for each in checks]}
        common.print_json(document)
    else:
        left = [implementation.id for implementation in found.implementations if implementation.runner == "cluster"]
        show(found.path, checks, left, screen.output())
    raise typer.Exit(0 if holds else 1)


def _measured(
    task: Task, names: tuple[str, ...], timeout: float | None, folder: Path
) -> tuple[records.Records, set[str]]:
    """Run the task. Returns the records, and the ids of the implementations that were asked for."""
    size = "smoke" if "smoke" in task.sizes else next(iter(task.sizes))
    selection = Selection(tasks=(task.path,), sizes=(size,), implementations=names)
    groups = plan(common.catalogue(), selection)
    settings = Settings(replicates=1, rounds=3, timeout=timeout)
    if measure(groups, settings, info_of(groups, settings, selection), folder, None):
        raise typer.Exit(130)
    return records.read(folder), {implementation.id for group in groups for implementation in group.implementations}


def _judged(task: Task, measured: records.Records) -> list[Check]:
    """Results that are wrong only in comparison with the other implementations."""
    ok = {outcome.cell.implementation for outcome in measured.outcomes if outcome.outcome == Outcome.OK}
    return [
        Check(
            False,
            f"{task.path} on {row.cell.dataset}: {row.cell.implementation}",
            f"{row.result.outcome}: {row.result.reason}",
            WRONG,
        )
        for row in rows(measured)
        if row.cell.implementation in ok and row.result.outcome != Outcome.OK
    ]
