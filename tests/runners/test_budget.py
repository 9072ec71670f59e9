"""A budget is kept: what it leaves time for, by a clock that the test moves, and what a real run does with it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from residency.runners.budget import Budget, is_kept, seconds_for
from residency.runners.settings import Settings

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}
RUN = ("run", "budgeted/naps", "--replicates", "2", "--rounds", "2", "--json")


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_without_a_budget_there_is_no_end() -> None:
    budget = Budget()
    assert budget.fits(1e12)
    assert not budget.used_up
    assert budget.part(3) == float("inf")
    assert budget.warms_up(1e9, 5.0, budget.part(1))


def test_a_budget_is_used_up_when_it_is(clock) -> None:
    budget = Budget(30.0, True, clock)
    clock.now += 29.9
    assert not budget.used_up
    assert budget.fits(0.05)
    assert not budget.fits(0.2)
    clock.now += 0.1
    assert budget.used_up


def test_a_default_that_is_used_up_forbids_nothing(clock) -> None:
    budget = Budget(24.0, False, clock)
    clock.now += 100.0
    assert not budget.used_up
    assert not budget.fits(1.0)  # but another replicate
    assert budget.sampling(share=5.0, spent=80.0, part=1.0) == 40.0  # one that was begun is worth half of what it took
    assert budget.warms_up(1e9, 5.0, budget.part(1))
    budget.waiting = 3
    assert budget.sampling(share=5.0, spent=80.0, part=1.0) == 8.0  # others wait, and no time is left for them


def test_what_is_left_is_shared_by_all_that_wait(clock) -> None:
    budget = Budget(60.0, True, clock, waiting=6)
    assert budget.part(2) == 10.0  # four of other tasks wait too
    budget.waiting = 0
    assert budget.part(2) == 30.0


@pytest.mark.parametrize(
    ("execution", "begun", "part", "goes_on"),
    [
        (1.0, 1.0, 10.0, True),
        (4.5, 1.0, 10.0, True),  # another, and a sample: 9 s are left
        (4.6, 1.0, 10.0, False),
        (20.0, 22.0, 10.0, False),  # overdrawn by the cold execution alone
        (0.005, 2.0, 0.5, True),  # so short beside starting that it costs nothing
    ],
)
def test_warming_up_leaves_time_for_a_sample(clock, execution: float, begun: float, part: float, goes_on: bool) -> None:
    assert Budget(60.0, True, clock).warms_up(execution, begun, part) is goes_on


def test_rounds_take_no_time_from_those_that_wait(clock) -> None:
    budget = Budget(60.0, True, clock, waiting=3)
    assert budget.sampling(share=10.0, spent=8.0, part=20.0) == 4.0  # worth half of what starting took
    assert budget.sampling(share=10.0, spent=8.0, part=9.0) == 2.0
    assert budget.sampling(share=10.0, spent=20.0, part=9.0) == 2.0  # a tenth of what starting took hardly matters
    budget.waiting = 0
    assert budget.sampling(share=10.0, spent=12.0, part=9.0) == 6.0
    clock.now += 58.0
    assert budget.sampling(share=10.0, spent=12.0, part=9.0) == 2.0  # no more than is left


def test_only_what_the_user_asked_for_is_kept() -> None:
    assert is_kept(Settings(budget=30.0))
    assert not is_kept(Settings())
    assert not is_kept(Settings(budget=30.0, limit=100.0))  # a proof: the limit cuts
    both = [("tabular", "smoke"), ("tabular", "lab")]
    assert seconds_for(both, Settings()) == 124.0
    assert seconds_for(both, Settings(budget=30.0)) == 30.0
    assert seconds_for([("tabular", "smoke")] * 20, Settings()) == 200.0  # a large topic: four minutes with its data
    assert seconds_for([("tabular", "lab")] * 20, Settings()) == 1080.0
    assert seconds_for([("tabular", "smoke")] * 20 + [("nlp", "smoke")] * 4, Settings()) == 296.0


def kept(folder: Path) -> list[dict[str, Any]]:
    (run,) = folder.glob("results/runs/*")
    return [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_nothing_is_begun_when_the_budget_is_used_up(residency, tmp_path: Path) -> None:
    """An execution lasts longer than the budget: the cold one of the first is all there is."""
    done = residency(*RUN, "--budget", "6", **SUITES, TEST_LONG="7")
    assert done.status == 1, done.err
    records = kept(tmp_path)
    assert [line["phase"] for line in records if line["kind"] == "sample"] in ([], ["cold"])  # on a slow machine none
    assert {row["outcome"] for row in done.json["rows"]} == {"unavailable"}
    reasons = [row["reason"] for row in done.json["rows"]]
    assert all(reason.startswith("not measured: the budget of 6 s was used up ") for reason in reasons)


@pytest.mark.slow
def test_going_on_measures_what_was_not_reached(residency, tmp_path: Path) -> None:
    done = residency(*RUN, "--budget", "0", **SUITES)
    assert done.status == 1, done.err
    assert [line["outcome"] for line in kept(tmp_path)] == ["unavailable"] * 3
    (run,) = tmp_path.glob("results/runs/*")
    done = residency("run", "--resume", run, "--budget", "300", "--json", **SUITES)
    assert done.status == 0, done.err
    assert [row["outcome"] for row in done.json["rows"]] == ["ok"] * 3
    assert [row["seconds"]["samples"] for row in done.json["rows"]] == [4, 4, 4]


@pytest.mark.slow
def test_with_time_enough_all_of_it_is_measured(residency, tmp_path: Path) -> None:
    """The first sample of each comes as soon as it is warm, the others in turns."""
    done = residency(*RUN, "--budget", "300", **SUITES, TEST_LONG="0.06")
    assert done.status == 0, done.err
    assert [row["seconds"]["samples"] for row in done.json["rows"]] == [4, 4, 4]
    timed = [line for line in kept(tmp_path) if line.get("phase") == "timed"]
    assert [line["round"] for line in timed] == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    assert [line["replicate"] for line in timed] == [0] * 6 + [1] * 6
    phases = [line["phase"] for line in kept(tmp_path) if line["kind"] == "sample" and line["replicate"] == 0]
    assert phases[phases.index("timed") + 1] == "cold"  # the first has its sample before the second is begun
    assert not [event for line in timed for event in line["events"]]
