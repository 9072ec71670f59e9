"""Sizes below the smallest that a task names: what is judged there, and how few rows there may be."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"


def test_without_a_floor_results_are_held_against_the_best(residency) -> None:
    done = residency(
        "run", "outcomes/endings", "--size", "1280", "--implementations", "good,wrong,slightly_wrong,not_a_number",
        "--replicates", "1", "--rounds", "1", "--json", RESIDENCY_SUITES=str(FIXTURES),
    )  # fmt: skip
    assert done.status == 1, done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert {name: row["outcome"] for name, row in rows.items()} == {
        "good@cpu": "ok", "wrong@cpu": "wrong", "slightly_wrong@cpu": "wrong", "not_a_number@cpu": "wrong",
    }  # fmt: skip
    assert "the tolerance is 0.001, chance explains 0." in rows["wrong@cpu"]["reason"]
    assert "falls short of good@cpu's" in rows["slightly_wrong@cpu"]["reason"]


@pytest.mark.slow
def test_forests_on_few_rows_are_no_worse_than_chance_allows(residency) -> None:
    done = residency("run", "tabular/random_forest", "--size", "100", "--seed", "1", "--devices", "cpu",
                     "--replicates", "1", "--rounds", "1", "--details")  # fmt: skip
    assert done.status == 0, done.out
    said = " ".join(done.out.split())
    assert (
        "at most 0.03 worse than the best of the run beyond chance. "
        "With fewer rows than 2,000, nothing more is required." in said
    )


@pytest.mark.parametrize(
    ("task", "rows", "least"), [("tabular/clustering", "64", "from 65 to"), ("tabular/anomaly", "500", "from 1000 to")]
)
def test_what_cannot_be_made_of_so_few_rows_is_refused(residency, task: str, rows: str, least: str) -> None:
    done = residency("run", task, "--size", rows)
    assert done.status == 2
    assert f"nothing to run: {task}: takes {least}" in done.err
