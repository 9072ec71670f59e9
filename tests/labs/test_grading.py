"""A lab from its folder to its points: the solution, the starter, and answers that are wrong in their own way."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.labs import catalogue, driver, sandbox

pytestmark = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")

LAB = catalogue.lab("foundations-vectorise")


def graded(folder: Path, work: str, **options) -> driver.Graded:
    files = {**driver.solved(LAB), "work.py": work.encode()}
    return driver.grade(LAB, driver.write(folder / "files", files), **options)


def test_the_solution_is_right_and_its_seeds_are_kept(tmp_path) -> None:
    done = driver.grade(LAB, driver.write(tmp_path / "files", driver.solved(LAB)), timing=False)
    assert done.is_right
    assert done.points == {"visible": 2.0, "hidden": 4.0, "fast": 0.0}
    again = driver.grade(LAB, tmp_path / "files", timing=False, seed=done.seeds.__getitem__)
    assert again.checks == done.checks
    assert again.seeds == done.seeds


def test_the_starter_fails_and_says_what_to_do(tmp_path) -> None:
    done = driver.grade(LAB, driver.write(tmp_path / "files", catalogue.begun(LAB)), timing=False)
    assert done.total == 0
    assert {checked.verdict.what for checked in done.checks} == {
        "not implemented yet: replace the line that raises NotImplementedError"
    }
