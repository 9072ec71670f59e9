"""Forecasting by lag features: what is learned, from what, and how near to what is published."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from residency.datasets.m4_hourly import SOURCE
from residency.datasets.series import Panel, mase, seasonal_naive, smape
from residency.harness import Run
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED
from residency.suites.timeseries.lag_features import columns

TASK = Catalogue([SHIPPED]).task("timeseries/lag_features")
CPU = [one.id for one in TASK.implementations if one.device == "cpu"]
MIRROR = os.environ.get("RESIDENCY_MIRROR")
VALUES = 1_120 * 20  # values


def make(name: str, **request: object) -> Panel:
    return TASK.dataset(name).make(Request(name, **request), Path())


@pytest.fixture(scope="module")
def retail() -> Panel:
    return make("retail", rows=VALUES)


@pytest.fixture(scope="module")
def m4(tmp_path_factory: pytest.TempPathFactory) -> Panel:
    if not MIRROR or not (Path(MIRROR) / "m4-hourly-train.csv").exists():
        pytest.skip("RESIDENCY_MIRROR names no folder that holds m4-hourly-train.csv and m4-hourly-test.csv")
    folder = tmp_path_factory.mktemp("m4")
    SOURCE.fetch(folder, Path(MIRROR), lambda _: None)
    return make("m4_hourly", source=folder)


def run(identity: str, data: Panel, dataset: str) -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=2)


def forecast(identity: str, data: Panel) -> np.ndarray:
    implementation = TASK.implementation(identity)
    library = {"pandas": pd, "polars": pl}[implementation.library]
    return implementation.function(data, Run("cpu", threads=2), library)


def test_three_libraries_make_the_same_features(retail: Panel) -> None:
    frame = pd.DataFrame(retail.columns)
    made, target, base = columns(retail, frame, lambda column, steps: column.rolling(steps).mean())
    plan, *others = columns(
        retail,
        {name: pl.col(name) for name in retail.columns},
        lambda column, steps: column.cast(pl.Float64).rolling_mean(steps),
    )
    lazily = pl.LazyFrame(retail.columns).select(*(column.alias(name) for name, column in plan.items())).collect()
    usable = retail.step >= max(retail.lags)
    assert list(made) == lazily.columns
    assert {"level", "lag_35", "lag_364", "mean_1", "mean_2", "phase_7", "promotion", "holiday_before"} <= set(made)
    for name, column in made.items():
        found = lazily[name].to_numpy()[usable]
        assert np.isfinite(found).all(), name
        np.testing.assert_allclose(found, column.to_numpy()[usable], rtol=1e-5, atol=1e-5, err_msg=name)
    rest = pl.LazyFrame(retail.columns).select(target=others[0], base=others[1]).collect()
    np.testing.assert_array_equal(rest["target"].to_numpy()[usable], target.to_numpy()[usable])
    np.testing.assert_array_equal(rest["base"].to_numpy()[usable], base.to_numpy()[usable])


def test_features_are_what_they_are_called(retail: Panel) -> None:
    made, target, _ = columns(retail, pd.DataFrame(retail.columns), lambda column, steps: column.rolling(steps).mean())
    row = 3 * 1_120 + 500  # of the fourth series
    scaled = retail.value / retail.unit
    assert target[row] == scaled[row] - scaled[row - 28]
    assert made["lag_42"][row] == scaled[row - 42] - scaled[row - 28]
    assert made["mean_2"][row] == pytest.approx(scaled[row - 28 - 13 : row - 27].mean() - scaled[row - 28], abs=1e-5)
    assert made["phase_364"][row] == 500 - 364
    assert made["promotion_before"][row] == retail.known[0, row - 28]


@pytest.mark.parametrize("identity", CPU)
def test_the_future_does_not_leak(retail: Panel, identity: str) -> None:
    told = replace(retail, value=np.where(retail.future, 1e4 * retail.unit, retail.value))
    np.testing.assert_allclose(forecast(identity, told), forecast(identity, retail), rtol=1e-3)


@pytest.mark.parametrize("identity", CPU)
@pytest.mark.parametrize(("dataset", "rows"), [("retail", VALUES), ("mauna_loa", None)])
def test_a_model_that_learned_nothing_does_not_pass(identity: str, dataset: str, rows: int | None) -> None:
    data = make(dataset, rows=rows)
    assert run(identity, data, dataset).ending.outcome == "ok"
    shuffled = data.value.copy()
    past = np.flatnonzero(~data.future & (data.step >= max(data.lags)))  # of what is forecast, the base stays
    last = past[data.step[past] < data.step.max() - 2 * data.horizon]
    shuffled[last] = np.random.default_rng(0).permutation((shuffled / data.unit)[last]) * data.unit[last]
    ending = run(identity, replace(data, value=shuffled), dataset).ending
    assert ending.outcome == "wrong"
    assert "above the ceiling" in ending.reason


def test_no_model_is_better_than_the_truth(retail: Panel) -> None:
    best, plain = mase(retail, retail.expected_test), mase(retail, seasonal_naive(retail))
    reached = {identity: run(identity, retail, "retail").quality for identity in CPU}
    assert 0.45 < best < 0.55
    assert plain > 1.4
    assert all(best < quality < 0.9 for quality in reached.values())


def test_the_published_seasonal_naive_is_reproduced(m4: Panel) -> None:
    plain = seasonal_naive(m4)
    assert round(mase(m4, plain), 3) == 1.193
    assert smape(m4, plain) == pytest.approx(13.912, abs=5e-4)
    assert (len(m4.scale), m4.horizon, m4.rows) == (414, 48, 373_372)


@pytest.mark.parametrize("identity", CPU)
def test_the_model_is_among_the_best_published(m4: Panel, identity: str) -> None:
    done = run(identity, m4, "m4_hourly")
    assert done.quality < 0.9
    assert done.figures["sMAPE"] < 9.6
