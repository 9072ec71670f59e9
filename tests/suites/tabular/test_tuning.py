"""Hyperparameter search: the same budget for both strategies, no look at the test rows, the same on a cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import xgboost

from residency.datasets.tabular.table import Table
from residency.harness import Run
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import execute
from residency.suites import SHIPPED
from residency.suites.tabular import tuning

TASK = Catalogue([SHIPPED]).task("tabular/tuning")
HERE = [
    one.id for one in TASK.implementations if (one.device, one.runner, one.library) == ("cpu", "local", "xgboost")
]  # test_other_engines.py has those by Ray
PARAMETERS = {"objective": "binary:logistic", "eval_metric": "auc", "max_bin": tuning.BINS, "nthread": 1}
SCHEDULES = {"halving": tuning.HALVING, "random_search": tuning.RANDOM}


def make(name: str, rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows), Path())


@pytest.fixture(scope="module")
def small() -> Table:
    return make("flights", 2_000)


def found(name: str, data: Table, threads: int = 1) -> tuple[np.ndarray, Run]:
    run = Run("cpu", threads=threads, seed=7)
    return TASK.implementation(f"{name}@cpu").function(data, run, xgboost), run


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_both_strategies_spend_the_same_and_keep_the_best(schedule: dict[int, int]) -> None:
    asked = []

    def train(trials: list[tuning.Trial], rounds: int) -> tuning.Judged:
        asked.append((rounds, len(trials)))
        return [(trial.configuration["learning_rate"], trial) for trial in trials]

    run = Run("cpu", seed=11)
    best = tuning.search(run, schedule, train)
    tried = tuning.draw(max(schedule.values()), 11)
    assert best == max(tried, key=lambda trial: trial.configuration["learning_rate"])
    assert asked == list(schedule.items())
    assert run.figures == {"validation_auc": best.configuration["learning_rate"], "boosting_rounds": 729}


def test_configurations_are_of_the_space_and_the_first_ones_are_the_same() -> None:
    many = tuning.draw(81, 3)
    assert [trial.configuration for trial in many[:9]] == [trial.configuration for trial in tuning.draw(9, 3)]
    assert many != tuning.draw(81, 4)
    for name, (least, most) in tuning.SPACE.items():
        values = [trial.configuration[name] for trial in many]
        assert all(least <= value <= most for value in values), name
        assert min(values) < least * 2, name
        assert max(values) > most / 2, name
        assert all(type(value) is type(least) for value in values), name


def test_going_on_is_the_same_as_never_having_stopped(small: Table) -> None:
    matrices = tuning.binned((small.x, small.y), small.categorical, 1)
    (begun,) = tuning.draw(1, 5)
    further = partial(tuning.further, PARAMETERS, matrices)
    stepwise, at_once = further(further(further(begun, 3), 9), 27), further(begun, 27)
    assert stepwise.booster.num_boosted_rounds() == at_once.booster.num_boosted_rounds() == 27
    assert stepwise.auc == at_once.auc
    np.testing.assert_array_equal(*(one.booster.inplace_predict(small.x_test) for one in (stepwise, at_once)))


def test_a_trial_is_judged_by_the_rows_apart(small: Table) -> None:
    learn, apart = tuning.binned((small.x, small.y), small.categorical, 1)
    assert (learn.num_row(), apart.num_row()) == (1_280, 320)
    (begun,) = tuning.draw(1, 5)
    trial = tuning.further(PARAMETERS, (learn, apart), begun, 9)
    unseen = replace(small, y_test=small.y[:320])
    assert trial.auc == pytest.approx(TASK.quality(unseen, trial.booster.inplace_predict(small.x[:320])), abs=1e-6)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_search_never_sees_the_test_rows(small: Table, name: str) -> None:
    chance, run = found(name, small)
    again, told = found(name, replace(small, y_test=1 - small.y_test, x_test=small.x_test[::-1].copy()))
    np.testing.assert_array_equal(again, chance[::-1])
    assert told.figures == run.figures
    assert 0.5 < run.figures["validation_auc"] < 1


def test_several_trials_at_once_find_what_one_after_the_other_finds(small: Table) -> None:
    alone, run = found("halving", small)
    together, told = found("halving_at_once", small, threads=2)  # a thread for each of two trials
    assert told.parameters["trials_at_once"] == 2
    assert told.figures == run.figures
    np.testing.assert_array_equal(together, alone)


def test_calls_at_once_share_no_matrices_and_have_the_callers_settings() -> None:
    both = Barrier(2, timeout=60)

    def call(own: str, number: int) -> tuple[str, int, int]:
        both.wait()
        return own, number, xgboost.get_config()["verbosity"]

    with xgboost.config_context(verbosity=0), tuning.lanes_of(["one", "other"]) as start:
        done = [future.result() for future in [start(call, number) for number in range(4)]]
    assert [number for _, number, _ in done] == [0, 1, 2, 3]
    assert {own for own, _, _ in done[:2]} == {"one", "other"}
    assert {verbosity for *_, verbosity in done} == {0}


def test_rows_apart_of_one_class_say_nothing(small: Table) -> None:
    y = small.y.copy()
    y[:320] = 0
    with pytest.warns(UserWarning, match="only positive or negative"):
        _, run = found("random_search", replace(small, y=y))
    assert run.figures["validation_auc"] == 0.5


@pytest.mark.parametrize("dataset", [pytest.param("flights", marks=pytest.mark.slow), "breast_cancer"])
@pytest.mark.parametrize(
    "identity", [one if one == "halving@cpu" else pytest.param(one, marks=pytest.mark.slow) for one in HERE]
)
def test_a_shuffled_target_teaches_nothing(identity: str, dataset: str) -> None:
    data = make(dataset, TASK.sizes["smoke"] if dataset == "flights" else None)
    implementation = TASK.implementation(identity)
    assert execute(TASK, implementation, data, dataset=dataset, threads=1).ending.outcome == "ok"
    shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
    ending = execute(TASK, implementation, shuffled, dataset=dataset, threads=1).ending
    assert ending.outcome == "wrong"
    assert "below the floor" in ending.reason


@pytest.mark.slow
def test_a_cluster_finds_what_one_process_finds(residency) -> None:
    pytest.importorskip("distributed")
    done = residency(
        "run", "tabular/tuning", "--runner", "local,cluster", "--devices", "cpu", "--workers", "2", "--size", "5000",
        "--implementations", "halving,random_search,spread_halving,spread_random_search",
        "--threads", "1", "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert set(rows) == {
        "halving@cpu",
        "random_search@cpu",
        "spread_halving@2xcpu",
        "spread_random_search@2xcpu",
    }
    for name in SCHEDULES:
        here, spread = rows[f"{name}@cpu"], rows[f"spread_{name}@2xcpu"]
        assert spread["quality"] == pytest.approx(here["quality"], abs=1e-6)
        assert spread["figures"] == pytest.approx(here["figures"], abs=1e-6)
        assert spread["figures"]["boosting_rounds"] == 729
        assert set(spread["stages"]) >= {"load", "bin", "search", "put", "predict", "get"}
