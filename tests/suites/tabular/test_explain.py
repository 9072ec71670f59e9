"""Explanations: known Shapley values, no other answer passes, and tables that cannot be explained."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
import xgboost

from residency.datasets.tabular.contributions import EXACT, exact, explained
from residency.datasets.tabular.known_effects import effects
from residency.datasets.tabular.table import Table
from residency.harness import Run, quality
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError, WrongResult
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("tabular/explain")
SIDE = TASK.implementation("booster@cpu")


def make(name: str, folder: Path = Path(), rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows), folder)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return make("known_effects", tmp_path_factory.mktemp("effects"), TASK.sizes["smoke"])


@pytest.fixture(scope="module")
def result(table: Table) -> tuple[np.ndarray, np.ndarray]:
    return SIDE.function(table, Run("cpu", threads=1), xgboost)


def test_the_exact_values_are_those_of_the_definition() -> None:
    generator = np.random.default_rng(2)
    x = generator.random((300, 3)).astype(np.float32)
    x[::7, 1] = np.nan
    y = x[:, 0] + np.nan_to_num(x[:, 1]) * x[:, 2] > 0.7
    options = {"objective": "binary:logistic", "max_depth": 3, "base_score": 0.5, "nthread": 1}
    model = xgboost.train(options, xgboost.DMatrix(x, y), 2)
    raw = bytes(model.save_raw("json"))
    trees = [tree for _, tree in model.trees_to_dataframe().groupby("Tree")]
    for row in x[:3]:
        value = {known: expected(trees, row, known) for size in range(4) for known in combinations(range(3), size)}
        weight = [factorial(size) * factorial(2 - size) / 6 for size in range(3)]
        shapley = [
            sum(
                weight[len(known)] * (value[tuple(sorted((*known, column)))] - value[known])
                for known in value
                if column not in known
            )
            for column in range(3)
        ]
        np.testing.assert_allclose(exact(raw, row[np.newaxis])[0], [*shapley, value[()]], atol=1e-6)


def expected(trees: list, row: np.ndarray, known: tuple[int, ...]) -> float:
    """The prediction if only the known columns are: at another column's split, the mean by the rows of the branches."""

    def at(nodes: dict, name: str) -> float:
        node = nodes[name]
        if node["Feature"] == "Leaf":
            return float(node["Gain"])
        column = int(node["Feature"][1:])
        if column in known:
            cell = row[column]
            way = node["Missing"] if np.isnan(cell) else node["Yes" if cell < np.float32(node["Split"]) else "No"]
            return at(nodes, way)
        yes, no = (nodes[node[branch]]["Cover"] for branch in ("Yes", "No"))
        return (yes * at(nodes, node["Yes"]) + no * at(nodes, node["No"])) / (yes + no)

    return sum(
        at({node["ID"]: node for node in tree.to_dict("records")}, f"{number}-0") for number, tree in enumerate(trees)
    )


def test_the_contributions_are_near_the_known_effects(table: Table, result: tuple[np.ndarray, np.ndarray]) -> None:
    true, found = effects(table.x_test), result[0][:, :-1]
    assert quality.auc(table, true.sum(axis=1)) == pytest.approx(0.934, abs=0.001)
    assert 1 - np.square(true - found).sum() / np.square(true).sum() > 0.7


def test_no_other_division_of_the_prediction_passes(table: Table, result: tuple[np.ndarray, np.ndarray]) -> None:
    right, model = result
    assert 0.8 < explained(table, (right, model)) < 0.9
    sums = right.sum(axis=1, keepdims=True)
    evenly = np.broadcast_to(sums / right.shape[1], right.shape)
    constant = np.hstack([np.zeros_like(right[:, :-1]), sums])
    for wrong in (np.zeros_like(right), evenly, constant, right + np.float32(2 * EXACT)):
        with pytest.raises(WrongResult, match="away from its exact value"):
            explained(table, (wrong, model))
    for shapeless in (
        right,
        (right[1:], model),
        (right[:, :-1], model),
        (right, model.astype(np.int8)),
        (right.astype(str), model),
    ):
        with pytest.raises(WrongResult, match="expected contributions of shape"):
            explained(table, shapeless)


@pytest.mark.parametrize("name", ["known_effects", "breast_cancer"])
def test_a_shuffled_target_teaches_nothing(name: str, table: Table) -> None:
    data = table if name == "known_effects" else make(name)
    assert execute(TASK, SIDE, data, dataset=name).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, SIDE, shuffled, dataset=name).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


@pytest.mark.parametrize(
    ("target", "message"), [("one", "in all rows"), ("{row}.5", "holds 100 different values")], ids=["one", "many"]
)
def test_classes_that_are_not_two(target: str, message: str, tmp_path: Path) -> None:
    lines = [f"{row}.25,7,{target.format(row=row)}" for row in range(100)]
    (tmp_path / "mine.csv").write_text("\n".join(["a,same,class", *lines]) + "\n")
    with pytest.raises(UsageError, match=message):
        TASK.dataset("own_binary").make(Request("own_binary", path=tmp_path / "mine.csv", target="class"), tmp_path)


@pytest.mark.parametrize(("rows", "digest"), [(1_000, "d32f461b482d6890"), (20_000, "e408ae0ee91584dc")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    assert hash_data(make("known_effects", tmp_path, rows)).startswith(digest)
