"""A search over models: it spends its budget and no more, finds the same however it is run, and sees no test rows."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.tabular.searched import auc_after, auc_of_last
from residency.datasets.tabular.table import Table
from residency.harness import Run, quality, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites import SHIPPED
from residency.suites.tabular import automl

TASK = Catalogue([SHIPPED]).task("tabular/automl")
MODELS = tuple(automl.SPACE)


def make(name: str, rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows), Path())


@pytest.fixture(scope="module")
def small() -> Table:
    return make("flights", 1_000)


def found(name: str, data: Table, threads: int = 1) -> tuple[np.ndarray, Run]:
    side, run = TASK.implementation(f"{name}@cpu"), Run("cpu", threads=threads, seed=7)
    return side.function(data, run, importlib.import_module(side.library)), run


def trained(model: str, data: Table, *rungs: int, **parameters: float) -> automl.Candidate:
    ensemble = importlib.import_module("sklearnex.ensemble")
    shared = automl.settings(Run("cpu", threads=1), ensemble, automl.HALVING)
    table = automl.prepare((data.x, data.y), data.categorical, 1, "cpu")
    trial = automl.Candidate(parameters, model=model)
    for rounds in rungs:
        trial = automl.train(shared, table, trial, rounds)
    return trial


@pytest.mark.parametrize(("name", "trials"), [("halving", 30), ("hyperband", 15), ("without_pruning", 9)])
def test_a_search_spends_its_budget_and_no_more(small: Table, name: str, trials: int) -> None:
    chances, run = found(name, small)
    assert chances.shape == (len(small.y_test), len(automl.EARLIER) + 1)
    assert run.figures["rounds"] == automl.ALL == 729
    assert run.figures["trials"] == trials if name == "without_pruning" else run.figures["trials"] > trials
    best = max(run.figures[f"validation_auc_{model}"] for model in MODELS)
    assert 0.5 < run.figures["validation_auc"] == best < 1


def test_several_at_once_find_the_same_without_a_look_at_the_test_rows(small: Table) -> None:
    alone, run = found("halving", small)
    changed = replace(small, y_test=1 - small.y_test, x_test=small.x_test[::-1].copy())
    together, told = found("halving_at_once", changed, threads=2)  # a thread for each of two trials
    assert (run.parameters["trials_at_once"], told.parameters["trials_at_once"]) == (1, 2)
    assert told.figures == run.figures
    np.testing.assert_array_equal(together[::-1], alone)


def test_a_code_becomes_the_mean_of_its_rows_and_an_unknown_one_the_mean_of_all() -> None:
    x = np.array([[0, 1], [0, 2], [1, np.nan], [1, 4], [1, 5]] * 20, np.float32)
    y = np.array([1, 1, 0, 0, 1] * 20, np.float32)
    table = automl.prepare((x, y), (0,), 1, "cpu")
    assert (len(table.apart[0]), len(table.learn[1])) == (20, 80)
    mean = np.array([(32 - 32 * 0.6) / (32 + automl.FEW), (16 - 48 * 0.6) / (48 + automl.FEW)])
    np.testing.assert_allclose(table.means[0], [*mean / np.std(np.repeat(mean, (32, 48))), 0], rtol=1e-5)
    known = automl.encoded(np, np.array([[1, np.nan], [9, 3]], np.float32), table.means)
    np.testing.assert_array_equal(known, np.array([[table.means[0][1], 0], [0, 3]], np.float32))


def test_the_linear_model_is_where_nothing_pulls_it_and_goes_on_where_it_stopped(small: Table) -> None:
    stepwise, at_once = (trained("linear", small, *rungs, penalty=2.0) for rungs in ((3, 9, 27), (27,)))
    np.testing.assert_array_equal(stepwise.booster, at_once.booster)
    x, y = automl.prepare((small.x, small.y), small.categorical, 1, "cpu").learn
    x = automl.with_ones(np, x.astype(float))
    chance = 1 / (1 + np.exp(-x @ at_once.booster))
    assert np.abs(x.T @ (y - chance) - 2.0 * at_once.booster).max() < 0.01


def test_a_forest_that_goes_on_gets_more_trees(small: Table) -> None:
    forest = partial(trained, "forest", small, max_depth=6, min_samples_leaf=5, max_features=0.5)
    few, more = forest(3), forest(3, 9)
    assert [count for count, _ in more.booster] == [3, 6]
    assert [len(trees.estimators_) for _, trees in more.booster] == [3, 6]
    assert more.auc != few.auc


@pytest.mark.parametrize(
    "trial", [("forest", {"max_depth": 4, "min_samples_leaf": 2, "max_features": 0.9}), ("linear", {"penalty": 1.0})]
)
def test_rows_of_one_class_teach_nothing(small: Table, trial: tuple[str, dict[str, float]]) -> None:
    y = small.y.copy()
    y[160:] = 0  # the first fifth of the rows are apart
    model, parameters = trial
    assert abs(trained(model, replace(small, y=y), 9, **parameters).auc - 0.5) < 0.15


def test_trials_are_judged_as_results_are() -> None:
    generator = np.random.default_rng(5)
    y, scores = generator.integers(0, 2, 300).astype(np.float32), generator.integers(0, 9, 300).astype(np.float32)
    truth = Table(x=scores, y=y, x_test=scores, y_test=y, names=())
    assert automl.auc(np, y, scores) == pytest.approx(quality.auc(truth, scores), abs=1e-12)
    assert automl.auc(np, np.ones(300), scores) == 0.5


def test_the_last_choice_is_judged_and_the_earlier_ones_beside_it(small: Table) -> None:
    noise = np.random.default_rng(1).standard_normal(len(small.y_test))
    result = np.column_stack([noise, small.y_test + noise, small.y_test])
    assert auc_of_last(small, result) == auc_of_last(small, small.y_test.copy()) == 1
    first, second = (of(small, result) for of in auc_after(automl.EARLIER).values())
    assert abs(first - 0.5) < 0.1 < second - 0.5 < 0.5
    for wrong in (result[:, :0], result[:5], list(noise)):
        with pytest.raises(WrongResult, match="a column for each choice"):
            auc_of_last(small, wrong)


@pytest.mark.parametrize("dataset", [pytest.param("flights", marks=pytest.mark.slow), "breast_cancer"])
def test_a_shuffled_target_teaches_nothing(dataset: str) -> None:
    data = make(dataset, TASK.sizes["smoke"] if dataset == "flights" else None)
    side = TASK.implementation("halving@cpu")
    assert execute(TASK, side, data, dataset=dataset, threads=1).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, side, shuffled, dataset=dataset, threads=1).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds(cluster: Any, small: Table, tmp_path: Path) -> None:
    store.save(small, tmp_path)  # mapped from files, as a cluster's client has it
    data = store.load(Table, tmp_path, mapped=True)
    side = TASK.implementation(f"spread_halving@{cluster.workers}xcpu")
    spread = execute(TASK, side, data, dataset="flights", threads=cluster.threads, seed=7, cluster=cluster)
    chances, run = found("halving", small, threads=cluster.threads)
    assert spread.quality == pytest.approx(auc_of_last(small, chances), abs=1e-6), spread.ending.reason
    assert {name: spread.figures[name] for name in run.figures} == pytest.approx(run.figures, abs=1e-6)
    assert set(spread.stages) >= {"load", "prepare", "search", "put", "predict", "get"}
