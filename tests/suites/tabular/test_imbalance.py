"""Rare events: what SMOTE invents lies between events, and tables with too few of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xgboost
from sklearn import neighbors

from residency.datasets.tabular.table import Table
from residency.harness import Run
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("tabular/imbalance")


def make(name: str, folder: Path = Path(), rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows), folder)


@pytest.mark.parametrize("name", ["smote", "smote_by_package"])
def test_invented_rows_lie_between_events(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(xgboost, "QuantileDMatrix", lambda x, y, **_: seen.append((x, y)))
    monkeypatch.setattr(xgboost, "train", lambda *_: type("Model", (), {"inplace_predict": lambda *_, **__: x[:, 0]}))
    x = np.random.default_rng(0).standard_normal((400, 3)).astype(np.float32)
    y = (np.arange(400) % 20 == 0).astype(np.float32)
    data = Table(x, y, x, y, ("a", "b", "c"))
    TASK.implementation(f"{name}@cpu").function(data, Run("cpu", threads=1), neighbors)
    (learned, target), events = seen[0], x[y > 0].astype(np.float64)
    np.testing.assert_array_equal(learned[:400], x)
    assert target.sum() == 380
    steps = events[np.newaxis] - events[:, np.newaxis]  # from each event to each other
    nearest = np.argsort(np.square(steps).sum(axis=2), axis=1)[:, 1:6]
    for row in learned[400:].astype(np.float64):
        begun = row - events
        way = steps[np.arange(20)[:, np.newaxis], nearest]  # (events, neighbours, columns)
        along = np.clip((way * begun[:, np.newaxis]).sum(axis=2) / np.square(way).sum(axis=2), 0, 1)
        assert np.abs(begun[:, np.newaxis] - along[..., np.newaxis] * way).max(axis=2).min() < 1e-5


@pytest.mark.parametrize("name", ["rare_events", "rare_digit"])
def test_a_shuffled_target_teaches_nothing(name: str, tmp_path: Path) -> None:
    data = make(name, tmp_path, TASK.sizes["smoke"] if name == "rare_events" else None)
    side = TASK.implementation("weights@cpu")
    assert execute(TASK, side, data, dataset=name).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, side, shuffled, dataset=name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


def own(folder: Path, classes: list[str]) -> Table:
    lines = [f"{row % 7}.5,{row % 11 if row % 3 else ''},1,{value}" for row, value in enumerate(classes)]
    (folder / "mine.csv").write_text("\n".join(["a,b,same,class", *lines]) + "\n")
    return TASK.dataset("own_rare").make(Request("own_rare", path=folder / "mine.csv", target="class"), folder)


def test_the_rarer_value_is_the_event_and_no_cell_is_missing(tmp_path: Path) -> None:
    data = own(tmp_path, ["fine"] * 30 + ["broken"] * 20 + ["fine"] * 200)
    assert data.y.sum() + data.y_test.sum() == 20
    assert np.isfinite(data.x).all()
    assert any("`same`: left out, constant" in remark for remark in data.remarks)
    assert "`class`: broken marks the 20 rare rows of 250 rows" in data.remarks
    side = TASK.implementation("smote@cpu")
    assert execute(TASK, side, data, dataset="own_rare").ending.outcome == "ok"


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["fine"] * 100, "in all rows"),
        ([f"'{row}'" for row in range(100)], "holds 100 different values"),
        (["broken"] + ["fine"] * 99, "is in 1 row; at least 20 are needed"),
    ],
    ids=["one", "many", "too_few"],
)
def test_classes_that_do_not_do(classes: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        own(tmp_path, classes)


def test_a_seed_is_the_same_bytes_anywhere(tmp_path: Path) -> None:
    assert hash_data(make("rare_events", tmp_path, 20_000))[:16] == "33841422220a84ea"


@pytest.mark.parametrize("name", ["weights@cpu", "smote@cpu"])
def test_a_seed_with_events_that_are_hard_to_find_is_not_wrong(name: str, tmp_path: Path) -> None:
    data = TASK.dataset("rare_events").make(Request("rare_events", rows=20_000, seed=15), tmp_path)
    assert execute(TASK, TASK.implementation(name), data, dataset="rare_events", seed=15).ending.outcome == "ok"


def test_nothing_is_invented_if_events_happen_not_to_be_rarer_among_the_rows_to_learn_from() -> None:
    x = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    y = (x[:, 0] < 0.5).astype(np.float32)
    assert y.mean() > 0.5
    ending = execute(TASK, TASK.implementation("smote@cpu"), Table(x, y, x, y, ("a", "b")), dataset="own_rare").ending
    assert ending.outcome == "ok", ending
