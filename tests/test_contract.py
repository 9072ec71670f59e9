"""Every implementation of every shipped task keeps the contract: at smoke size, on generated data and on shipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from residency.harness import records
from residency.harness.contract import violations
from residency.harness.discovery import Catalogue
from residency.suites import SHIPPED

CATALOGUE = Catalogue([SHIPPED])
BEYOND = ("apt-get install", "[spark]")  # remedies that the extra `cpu` does not bring: programs, and Spark


@pytest.fixture(scope="session")
def run(residency_in: Callable, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], records.Records]:
    """One run a task, by the real command."""

    def measure(task: str) -> records.Records:
        folder: Path = tmp_path_factory.mktemp("contract")
        first = {dataset.kind: dataset.name for dataset in reversed(CATALOGUE.task(task).datasets)}
        chosen = [("--dataset", first[kind]) for kind in ("generated", "shipped") if kind in first]
        done = residency_in(folder, "run", task, *sum(chosen, ()), "--replicates", "1", "--rounds", "1")
        assert done.status == 0, done.out + done.err
        return records.read(next((folder / "results" / "runs").iterdir()))

    return measure


@pytest.mark.parametrize("task", list(CATALOGUE.files))
def test_every_implementation_keeps_the_contract(task: str, run: Callable[[str], records.Records]) -> None:
    found = run(task)
    assert violations(CATALOGUE.task(task), found) == []
    ok = {
        outcome.cell.implementation
        for outcome in found.outcomes
        if outcome.outcome == "ok" or any(sign in outcome.reason for sign in BEYOND)
    }
    assert ok >= {
        one.id for one in CATALOGUE.task(task).implementations if one.device == "cpu" and one.runner == "local"
    }
