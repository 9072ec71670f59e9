"""`residency compare` where everything is slower, or faster, together."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def two_runs(written, made, tmp_path: Path):
    """A baseline and a current run: every task's time is multiplied by a factor of its own."""

    def write(*factors: float) -> tuple[Path, Path]:
        tasks = [f"topic/task{place}" for place in range(len(factors))]
        before = written(*(made(task, "one@cpu") for task in tasks)).rename(tmp_path / "before")
        return before, written(*(made(task, "one@cpu", seconds=by) for task, by in zip(tasks, factors, strict=True)))

    return write


def test_what_all_tasks_share_is_said(residency, two_runs) -> None:
    runs = two_runs(1.08, 1.07, 1.09, 1.08, 1.10, 1.08, 1.5)
    done = residency("compare", *runs, "--margin", "0.2")
    assert done.status == 1, done.err  # the seventh is slower all the same
    said = " ".join(done.out.split())
    assert "All 7 tasks together, now / before: 1.08 [1.07, 1.50]. The cause is probably the machine" in said
    shift = residency("compare", *runs, "--json").json["shift"]
    assert shift["tasks"] == 7
    assert shift["ratio"] == pytest.approx(1.08)


def test_a_faster_machine_hides_what_is_slower(residency, two_runs) -> None:
    done = residency("compare", *two_runs(0.9, 0.91, 0.9, 0.89, 0.9, 0.92), "--margin", "0.05")
    assert done.status == 0, done.out
    said = " ".join(done.out.split())
    assert "All 6 tasks together, now / before: 0.900 [0.890, 0.920]." in said
    assert "It hides everything that became slower by less than that." in said


@pytest.mark.parametrize(
    "factors",
    [
        (1.3, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),  # one task's code
        (1.08, 1.08, 1.08, 1.08, 1.08),  # too few to say so
        (1.005, 1.006, 1.007, 1.005, 1.006, 1.008, 1.009),  # no difference worth a word
    ],
)
def test_what_is_not_shared_is_not_said(residency, two_runs, factors: tuple[float, ...]) -> None:
    runs = two_runs(*factors)
    assert "tasks together" not in residency("compare", *runs, "--margin", "0.1").out
    assert residency("compare", *runs, "--json").json["shift"] is None
