"""Stacking: no model sees the rows that it predicts for the last one, and the stack is judged beside each model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from residency.datasets.tabular.stacked import r2_of_each, r2_of_stack
from residency.datasets.tabular.table import Table
from residency.harness import Run, quality
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites import SHIPPED
from residency.suites.tabular import stacking

TASK = Catalogue([SHIPPED]).task("tabular/stacking")
SIDE = TASK.implementation("by_hand@cpu")


def make(name: str, folder: Path, rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows), folder)


def test_no_row_is_predicted_by_a_model_that_learned_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, calls = make("diabetes", tmp_path), []

    def learn(run: Run, ensemble: object, x: np.ndarray, y: np.ndarray, asked: np.ndarray) -> np.ndarray:
        calls.append((x, asked))
        return asked[:, 0]

    for name in stacking.MODELS:
        stand_in = type("Learn", (), {"__name__": name, "__call__": staticmethod(learn)})()
        monkeypatch.setattr(stacking, name, stand_in)
    SIDE.function(data, Run("cpu", threads=1), None)
    assert len(calls) == len(stacking.MODELS) * (stacking.FOLDS + 1)
    for number, (x, asked) in enumerate(calls):
        if number % (stacking.FOLDS + 1) == stacking.FOLDS:
            assert (len(x), len(asked)) == (len(data.x), len(data.x_test))
        else:
            assert len(x) + len(asked) == len(data.x)
            assert not {row.tobytes() for row in x} & {row.tobytes() for row in asked}


def test_the_linear_model_is_scikit_learns() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.standard_normal((50, 4)), generator.standard_normal(50) + 5
    known = Ridge(alpha=2.0).fit(x, y).predict(x[:7])
    np.testing.assert_allclose(stacking.linear(np, x, y, x[:7], 2.0), known, rtol=1e-9)


def test_the_stack_is_judged_beside_each_model(tmp_path: Path) -> None:
    data = make("diabetes", tmp_path)
    noise = np.random.default_rng(1).standard_normal((len(data.y_test), 2))
    result = data.y_test[:, np.newaxis] + np.column_stack([0 * noise[:, 0], 30 * noise])
    figures = {name: of(data, result) for name, of in r2_of_each(("a", "b")).items()}
    assert r2_of_stack(data, result) == 1.0
    assert figures["R² of b"] == quality.r2(data, result[:, 2])
    assert figures["R² gained over the best"] == 1 - max(figures["R² of a"], figures["R² of b"])
    with pytest.raises(WrongResult, match="columns for the stack"):
        r2_of_each(("a", "b", "c"))["R² of c"](data, result)


@pytest.mark.parametrize("name", ["friedman", "diabetes"])
def test_a_shuffled_target_teaches_nothing(name: str, tmp_path: Path) -> None:
    data = make(name, tmp_path, TASK.sizes["smoke"] if name == "friedman" else None)
    assert execute(TASK, SIDE, data, dataset=name).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, SIDE, shuffled, dataset=name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason
