"""Support vectors: shuffled classes teach nothing, and one's own classes, also rare ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.tabular.classes import accuracy
from residency.datasets.tabular.table import Table
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("tabular/support_vectors")
SIDE = TASK.implementation("onedal@cpu")


@pytest.mark.parametrize("name", ["saddle", "digit_classes", "breast_cancer"])
def test_shuffled_classes_teach_nothing(name: str, tmp_path: Path) -> None:
    rows = TASK.sizes["smoke"] if name == "saddle" else None
    data = TASK.dataset(name).make(Request(name, rows=rows), tmp_path)
    assert execute(TASK, SIDE, data, dataset=name).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, SIDE, shuffled, dataset=name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


def test_the_best_answer_is_right_where_no_label_was_changed(tmp_path: Path) -> None:
    data = TASK.datasets[0].make(Request("saddle", rows=20_000), tmp_path)
    assert accuracy(data, data.expected_test) == pytest.approx(0.95, abs=0.01)


def own(folder: Path, classes: Sequence[object]) -> Table:
    lines = [f"{row % 7}.5,{number},{number}" for row, number in enumerate(classes)]
    (folder / "mine.csv").write_text("\n".join(["a,b,class", *lines]) + "\n")
    return TASK.dataset("own_classes").make(Request("own_classes", path=folder / "mine.csv", target="class"), folder)


def test_one_class_has_a_single_row(tmp_path: Path) -> None:
    """The seed puts it among the rows to predict."""
    data = own(tmp_path, [2 if row == 13 else row % 2 for row in range(100)])
    assert (np.unique(data.y).tolist(), data.y_test.max()) == ([0.0, 1.0], 2.0)
    assert "`class`: 1 of 3 classes are in no row to learn from" in data.remarks
    result = execute(TASK, SIDE, data, dataset="own_classes")
    assert (result.ending.outcome, result.quality) == ("ok", 0.95)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (range(100), "at most 20 can be known groups"),
        ([1] * 100, "in all rows"),
        ([int(row == 13) for row in range(100)], "all rows to learn from have the same class"),
    ],
)
def test_classes_that_cannot_be_learned(classes: Sequence[object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        own(tmp_path, classes)


@pytest.mark.parametrize(("rows", "digest"), [(1_000, "8f1092abf127be7f"), (20_000, "42c9a0819b86a856")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    data = TASK.datasets[0].make(Request("saddle", rows=rows), tmp_path)
    assert hash_data(data).startswith(digest)
