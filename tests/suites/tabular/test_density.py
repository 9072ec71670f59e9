"""Clusters by density: the index that judges them, and one's own groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from residency.datasets.tabular.points import Points, adjusted_rand
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("tabular/density")
SIDE = TASK.implementation("estimator@cpu")
KNOWN = ["uneven_clusters", "digits", "wine", "iris"]


def make(name: str, folder: Path) -> Points:
    rows = TASK.sizes["smoke"] if name == "uneven_clusters" else None
    return TASK.dataset(name).make(Request(name, rows=rows), folder)


@pytest.mark.parametrize("name", KNOWN)
def test_shuffled_groups_are_not_found(name: str, tmp_path: Path) -> None:
    data = make(name, tmp_path)
    assert execute(TASK, SIDE, data, dataset=name).ending.outcome == "ok"
    assert data.labels is not None
    shuffled = replace(data, labels=np.random.default_rng(0).permutation(data.labels))
    ending = execute(TASK, SIDE, shuffled, dataset=name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


def test_the_index_is_scikit_learns() -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(-1, 6, 500).astype(np.int32)
    data = Points(np.zeros((500, 1), np.float32), np.zeros((1, 1), np.float32), labels, ("x",))
    for found in (labels + 3, np.where(generator.random(500) < 0.5, labels, -1), np.zeros(500, int), np.arange(500)):
        assert adjusted_rand(data, found) == pytest.approx(adjusted_rand_score(labels, found), abs=1e-12)
    for wrong in (labels[1:], labels.astype(float), (labels, labels[1:])):
        with pytest.raises(WrongResult):
            adjusted_rand(data, wrong)
    with pytest.raises(WrongResult, match="not known"):
        adjusted_rand(replace(data, labels=None), labels)


def own(folder: Path, lines: list[str], target: str) -> Points:
    (folder / "mine.csv").write_text("\n".join(["a,b,same,group", *lines]) + "\n")
    return TASK.dataset("own_groups").make(Request("own_groups", path=folder / "mine.csv", target=target), folder)


def test_rows_that_are_the_same_and_a_constant_column(tmp_path: Path) -> None:
    lines = [f"{row % 2}.5,{row % 2}.25,1,{'yes' if row % 2 else 'no'}" for row in range(100)]
    data = own(tmp_path, lines, "group")
    assert any("`same`: left out, constant" in remark for remark in data.remarks)
    result = execute(TASK, SIDE, data, dataset="own_groups")
    assert (result.ending.outcome, result.quality) == ("ok", 1.0)


@pytest.mark.parametrize(
    ("group", "message"),
    [("'{row}'", "at most 20 can be known groups"), ("one", "in all rows"), ("{row}.5", "at most 20 can be known")],
)
def test_groups_that_are_none(group: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        own(tmp_path, [f"{row}.5,2.{row},1,{group.format(row=row)}" for row in range(100)], "group")


@pytest.mark.parametrize(("rows", "digest"), [(1_000, "4c3b5246d891649f"), (20_000, "87eae06388e5e952")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    data = TASK.datasets[0].make(Request("uneven_clusters", rows=rows), tmp_path)
    assert hash_data(data).startswith(digest)
