"""Answers that were not worked out are never shown as a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from residency.harness.outcomes import Outcome
from residency.runners import suspicion

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"


@pytest.mark.slow
def test_no_shortcut_becomes_the_baseline(residency) -> None:
    done = residency(
        "run", "cheats/shortcuts", "--replicates", "1", "--rounds", "1", "--json", RESIDENCY_SUITES=str(FIXTURES)
    )
    assert done.status == 1, done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert rows["honest@cpu"]["speedup"]["baseline"] == "honest@cpu"
    assert rows["keeps_the_first@cpu"]["outcome"] == "wrong"
    for name, field in (("returns_the_truth", "y_test"), ("returns_the_best_answer", "expected_test")):
        row = rows[f"{name}@cpu"]
        assert row["outcome"] == "failed"
        assert f"`{field}` is what the result is judged by: an implementation never receives it" in row["reason"]
        assert "shortcuts.py:" in row["reason"]
    assert rows["replaces_the_data@cpu"]["outcome"] == "failed"
    assert all(row["seconds"] is None for name, row in rows.items() if name != "honest@cpu")


def pairs(*seconds: tuple[float, float]) -> Iterator[tuple[float, float]]:
    return iter(seconds)


def test_whoever_remembers_by_content_is_told_by_the_time() -> None:
    asked = pairs(*[(0.5, 0.01)] * suspicion.REPEATS)
    assert "remembers its results: 0.5 s" in (suspicion.remembers(lambda: next(asked)) or "")


@pytest.mark.parametrize("honest", [(0.5, 0.4), (0.0005, 0.00001)], ids=["no faster", "too short to matter"])
def test_one_honest_pair_is_enough(honest: tuple[float, float]) -> None:
    asked = pairs(*[(0.5, 0.01)] * (suspicion.REPEATS - 1), honest)
    assert suspicion.remembers(lambda: next(asked)) is None


def test_only_much_faster_ones_are_tried() -> None:
    assert suspicion.may_remember([0.5, 0.6], [0.01, 0.02, 0.4])
    assert not suspicion.may_remember([0.5, 0.02], [0.01, 0.02, 0.4])  # the second warm-up was as fast
    assert not suspicion.may_remember([], [0.01])


def test_work_faster_than_any_device_is_not_believed() -> None:
    implementation = SimpleNamespace(runner="local", device="cpu")
    facts = {"flops": 1e15, "moved": 1.0}
    ending = suspicion.too_fast(implementation, facts, 0.001)
    assert ending is not None
    assert ending.outcome is Outcome.WRONG
    assert "took 0.001 s for work that takes" in ending.reason
    assert suspicion.too_fast(implementation, facts, 1e6) is None
    assert suspicion.too_fast(implementation, {"flops": 1.0, "moved": 1.0, "best": [1e30, 1e30]}, 0.1) is None
    assert suspicion.too_fast(implementation, {"flops": None, "moved": None}, 0.0) is None
