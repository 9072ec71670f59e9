"""`run --precision`: as many processes as it takes, and no more."""

from __future__ import annotations

from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}
STEADY = ["run", "steady", "--implementations", "steady,varying", "--rounds", "2", "--json"]


@pytest.mark.slow
def test_what_is_known_well_enough_is_left_alone(residency) -> None:
    done = residency(*STEADY, "--budget", "300", "--replicates", "3", "--precision", "0.5", **SUITES)
    assert done.status == 0, done.err
    assert [row["seconds"]["replicates"] for row in done.json["rows"]] == [3, 3]


@pytest.mark.slow
def test_what_is_not_known_gets_more_processes(residency, tmp_path: Path) -> None:
    """Two naps whose ratio two processes cannot tell to one per cent: the known spread alone is wider."""
    precise = ("--budget", "300", "--replicates", "2", "--precision", "0.03")
    done = residency(*STEADY, *precise, TEST_NAP="0.0602", **SUITES)
    assert done.status == 0, done.err
    counts = {row["seconds"]["replicates"] for row in done.json["rows"]}
    assert counts <= {8, 16}
    ratio = next(row["speedup"] for row in done.json["rows"] if row["speedup"]["ratio"] != 1.0)
    assert counts == {16} or (ratio["high"] / ratio["low"]) ** 0.5 <= 1.03
    run = next((tmp_path / "results" / "runs").iterdir())
    before = (run / "records.jsonl").read_bytes()
    again = residency("run", "--resume", run, **SUITES)
    assert again.status == 0, again.err
    assert (run / "records.jsonl").read_bytes() == before


@pytest.mark.slow
def test_the_budget_ends_the_search(residency) -> None:
    """Executions that take half a second by the real clock: sixteen processes of each have no time in six seconds."""
    asked = ("--rounds", "2", "--replicates", "2", "--precision", "0.001", "--budget", "6", "--json")
    done = residency("run", "budgeted/naps", *asked, TEST_LONG="0.5", **SUITES)
    assert done.status == 0, done.err
    assert all(row["seconds"]["replicates"] < 16 for row in done.json["rows"] if row["seconds"])
