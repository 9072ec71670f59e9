"""Every way an execution can end becomes an outcome with a reason, and the others' rows stay complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"


@pytest.fixture(scope="module")
def rows(residency_in, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("outcomes")
    done = residency_in(
        folder, "run", "outcomes", "--json", "--timeout", "3", "--memory", "1.5", "--replicates", "2", "--rounds", "3",
        "--budget", "300", "--threads", "1",
        RESIDENCY_SUITES=str(FIXTURES),
    )  # fmt: skip
    assert done.status == 1, done.err
    return {row["implementation"]: row for row in done.json["rows"]}


@pytest.mark.parametrize(
    ("implementation", "outcome", "reason"),
    [
        ("good@cpu", "ok", ""),
        ("also_good@cpu", "ok", ""),
        ("paired@cpu", "ok", ""),
        ("wrong@cpu", "wrong", "below the floor of 0.1"),
        ("slightly_wrong@cpu", "wrong", "falls short of"),
        ("not_a_number@cpu", "wrong", "R² is nan"),
        ("raises@cpu", "failed", "ArithmeticError: the matrix is singular (suites/outcomes/endings.py:"),
        ("sleeps@cpu", "timeout", "took longer than 3 s"),
        ("waits_later@cpu", "timeout", "took longer than 3 s"),
        ("waits@cpu", "timeout", "took longer than 3 s"),
        ("killed@cpu", "failed", "killed by SIGKILL"),
        ("exits@cpu", "failed", "exited with status 7"),
        ("exits@cpu", "failed", "(suites/outcomes/endings.py:"),
        ("quits@cpu", "failed", "it called sys.exit('enough') (suites/outcomes/endings.py:"),
        ("forks@cpu", "failed", "called os.fork, and the child returned from the function too"),
        ("hungry@cpu", "out_of_memory", "Unable to allocate"),
        ("hungry_child@cpu", "out_of_memory", "its output says: MemoryError; CalledProcessError: Command"),
        ("lazy@cpu", "wrong", "is lazy"),
        ("lingers@cpu", "wrong", "returned before its work was done: sorting is still running"),
        ("changes_input@cpu", "failed", "changed its input"),
        ("lacking@cpu", "unavailable", "a_library_nobody_has is not installed, and no extra"),
        ("paired@gpu", "unavailable", "no NVIDIA GPU"),
    ],
)
def test_each_ending_has_its_own_outcome(rows, implementation: str, outcome: str, reason: str) -> None:
    row = rows[implementation]
    assert row["outcome"] == outcome
    assert reason in row["reason"]


def test_no_number_without_its_quality(rows) -> None:
    for row in rows.values():
        if row["outcome"] == "ok":
            assert row["seconds"]["samples"] == 6
            assert row["quality"] > 0.4
            assert row["cold_seconds"] > 0
            assert row["peak_host_bytes"] > 0
            assert row["data_hash"] == rows["good@cpu"]["data_hash"]
            assert row["speedup"] is not None
        else:
            assert row["seconds"] is None
            assert row["speedup"] is None
            assert row["cold_seconds"] is None
            assert row["reason"]


def test_stages_and_other_add_up_to_the_time(rows) -> None:
    for name in ("good@cpu", "also_good@cpu", "paired@cpu"):
        assert sum(rows[name]["stages"].values()) == pytest.approx(rows[name]["seconds"]["median"], rel=0.01)


def test_the_slower_one_is_called_slower(rows) -> None:
    assert rows["also_good@cpu"]["speedup"]["verdict"] == "slower"
    assert rows["also_good@cpu"]["speedup"]["ratio"] < 0.5


def test_the_baseline_is_the_strongest_correct_one_on_the_cpu(rows) -> None:
    fastest = min((row for row in rows.values() if row["seconds"]), key=lambda row: row["seconds"]["median"])
    assert {row["speedup"]["baseline"] for row in rows.values() if row["speedup"]} == {fastest["implementation"]}


def test_a_timeout_kills_what_the_worker_started(rows) -> None:
    assert rows["sleeps@cpu"]["outcome"] == "timeout"
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]  # a zombie has none
    assert not [command for command in commands if "3600.25" in " ".join(command)]
