"""Every implementation of every shipped task keeps the contract: at smoke size, on generated data and on shipped.

It takes minutes for all tasks. So a task that has passed is not run again until its own code changes: its file, its
datasets, and what these import of both rooms. `contract.json` beside this file says with which code each task passed
last; commit it with your change. `--thorough` runs every task, and so does a change of what all of them rest on, as far
as the canary tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from residency.harness import records
from residency.harness.contract import violations
from residency.harness.discovery import Catalogue
from residency.harness.records import Records
from residency.harness.sources import HOUSE, sources_of
from residency.harness.task import Task
from residency.suites import SHIPPED
from tests import passed
from tests.written import Made

CATALOGUE = Catalogue([SHIPPED])
# Remedies that the extra `cpu` does not bring.
BEYOND = ("apt-get install", "[mpi]", "[prophet]", "[ray]", "[spark]", "make environment")
CANARY = "tabular/ridge"  # always runs: it tells what breaks the contract of all


def is_unchanged(task: Task, known: Path) -> bool:
    """Whether a task has passed with the code that it has now."""
    return passed.is_unchanged(task.path, passed.code_of_task(task), known)


def note(task: Task, known: Path) -> None:
    """Put on record that a task has passed."""
    passed.note(task.path, passed.code_of_task(task), known)


@pytest.fixture(scope="session")
def run(residency_in: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], records.Records]:
    """One run a task, by the real command."""

    def measure(task: str) -> records.Records:
        folder: Path = tmp_path_factory.mktemp("contract")
        first = {dataset.kind: dataset.name for dataset in reversed(CATALOGUE.task(task).datasets)}
        chosen = [("--dataset", first[kind]) for kind in ("generated", "shipped") if kind in first]
        done = residency_in(folder, "run", task, *sum(chosen, ()), "--replicates", "1", "--rounds", "3")
        assert done.status == 0, done.out + done.err
        return records.read(next((folder / "results" / "runs").iterdir()))

    return measure


@pytest.mark.parametrize("name", list(CATALOGUE.files))
def test_every_implementation_keeps_the_contract(
    name: str, run: Callable[[str], records.Records], thorough: bool
) -> None:
    task = CATALOGUE.task(name)
    if not thorough and name != CANARY and is_unchanged(task, passed.CONTRACT):
        pytest.skip("passed with the code that it has now; --thorough runs it all the same")
    found = run(name)
    assert violations(task, found) == []
    ok = {
        outcome.cell.implementation
        for outcome in found.outcomes
        if outcome.outcome == "ok" or any(sign in outcome.reason for sign in BEYOND)
    }
    assert ok >= {one.id for one in task.implementations if one.device == "cpu" and one.runner == "local"}
    note(task, passed.CONTRACT)


def test_time_outside_every_stage_counts_if_no_sample_is_without_it(tmp_path: Path) -> None:
    cell = Made("tabular/ridge", "estimator@cpu")
    info = cast("records.RunInfo", None)  # the contract looks at samples and outcomes
    ended = replace(cell.ended(0), parameters={"alpha": 1.0})
    first, kept = cell.sample(0, "cold"), cell.sample(0, "timed")
    disturbed = replace(kept, seconds=2.0, stages={"fit": 1.0, "other": 1.0})

    def outside(*timed: records.Sample) -> bool:
        broken = violations(CATALOGUE.task("tabular/ridge"), Records(tmp_path, info, [first, *timed], [ended]))
        return any("1.0000 s of 2.0000 s lie outside every stage" in rule for rule in broken)

    assert outside(disturbed, disturbed)
    assert not outside(disturbed, kept)  # a busy machine adds time to some samples


def test_a_task_that_changed_runs_again(tmp_path: Path) -> None:
    known = tmp_path / "passed.json"
    known.write_text("{}")
    own, other = CATALOGUE.task("tabular/etl"), CATALOGUE.task("nlp/search")
    assert not is_unchanged(own, known)
    note(own, known)
    note(other, known)
    assert is_unchanged(own, known)
    assert is_unchanged(other, known)
    before = known.read_text()
    known.write_text(before.replace(passed.code_of_task(own), "another"))
    assert not is_unchanged(own, known)
    assert is_unchanged(other, known)
    note(own, known)
    assert known.read_text() == before


def test_a_tasks_own_code_is_its_file_and_its_data() -> None:
    names = {str(file.relative_to(HOUSE)) for file in sources_of(*CATALOGUE.task("tabular/ridge").files)}
    assert {"suites/tabular/ridge.py", "datasets/tabular/linear.py", "datasets/tabular/table.py"} <= names
    ridge, etl = (passed.code_of_task(CATALOGUE.task(name)) for name in ("tabular/ridge", "tabular/etl"))
    assert ridge != etl
