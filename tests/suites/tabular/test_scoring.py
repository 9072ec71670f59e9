"""Scoring: all libraries score the same trees, every score is judged, and one's own table is scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from residency.datasets.tabular.forest import Forest, largest_difference
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED
from residency.suites.tabular.scoring import plan

TASK = Catalogue([SHIPPED]).task("tabular/scoring")
CPU = ["boosters@cpu", "leaf_wise@cpu", "runtime@cpu"]


@pytest.fixture(scope="module")
def patients(tmp_path_factory: pytest.TempPathFactory) -> Forest:
    """The trees' bounds are values of these rows: a row that is exactly at a bound shows who compares wrongly."""
    folder = tmp_path_factory.mktemp("diabetes")
    return TASK.dataset("diabetes_trees").make(Request("diabetes_trees"), folder)


@pytest.mark.parametrize("side", CPU)
def test_every_library_scores_the_same_trees(side: str, patients: Forest) -> None:
    data = patients.fresh(np.random.default_rng(1))
    result = execute(TASK, TASK.implementation(side), data, dataset="diabetes_trees", threads=1)
    assert result.ending.outcome == "ok", result.ending
    assert {"first", "batch_1", "batch_100", "batch_442"} <= set(result.stages)
    assert result.figures["p50_ms_batch_1"] <= result.figures["p99_ms_batch_1"]
    assert "p99_ms_batch_442" not in result.figures  # of one request


def test_scores_of_other_rows_do_not_pass(patients: Forest) -> None:
    scores = patients.expected  # all rows are checked
    assert largest_difference(patients, {"batch_1": scores[:9], "batch_442": scores}) == 0.0
    shuffled = np.random.default_rng(0).permutation(scores)
    for wrong in ({"batch_1": shuffled[:9], "batch_442": scores}, {"batch_1": scores[:9], "batch_442": shuffled}):
        assert not TASK.quality.beyond(largest_difference(patients, wrong), TASK.floor_for("diabetes_trees") or 0.0)
    for wrong in ({"batch_1": scores[:9]}, {}, scores):
        with pytest.raises(WrongResult):
            largest_difference(patients, wrong)
    with pytest.raises(WrongResult, match="largest difference from float64 is nan"):
        TASK.quality(patients, {"batch_1": scores[:9] * np.nan, "batch_442": scores})


def test_the_largest_requests_score_all_rows() -> None:
    assert list(plan(1)) == [(1, 1)]
    assert list(plan(442)) == [(1, 200), (100, 4), (442, 1)]
    assert list(plan(2_500_000)) == [(1, 200), (100, 100), (10_000, 20), (1_000_000, 3)]


def own(folder: Path, values: list[object]) -> Forest:
    lines = [f"{row % 7}.5,{'' if row % 9 == 0 else row},{value}" for row, value in enumerate(values)]
    (folder / "mine.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    return TASK.dataset("own_trees").make(Request("own_trees", path=folder / "mine.csv", target="y"), folder)


def test_a_table_with_gaps_is_scored(tmp_path: Path) -> None:
    data = own(tmp_path, [f"{row % 7}.25" for row in range(150)])
    assert any(remark.startswith("the trees explain 1.00 of") for remark in data.remarks), data.remarks
    assert "`b`: 17 missing values filled with the median, 75" in data.remarks
    result = execute(TASK, TASK.implementation("boosters@cpu"), data, dataset="own_trees", threads=1)
    assert result.ending.outcome == "ok", result.ending
    with pytest.raises(UsageError, match="in all rows"):
        own(tmp_path, ["1.5"] * 150)


@pytest.mark.parametrize(("rows", "digest"), [(1_000, "4d66aff90ecd5e40"), (30_000, "c0b7aab0594c9af7")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    data = TASK.datasets[0].make(Request("friedman_trees", rows=rows), tmp_path)
    assert hash_data(data).startswith(digest)
