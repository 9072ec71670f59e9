"""One step ahead, again and again: the chain is the same as one forecast after the other, and something is learned."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.m4_hourly import SOURCE
from residency.datasets.timeseries.series import Panel, panel
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.harness.run import Run
from residency.suites import SHIPPED
from residency.suites.timeseries.step_by_step import Past, begin, lags_of

TASK = Catalogue([SHIPPED]).task("timeseries/step_by_step")
MIRROR = os.environ.get("RESIDENCY_MIRROR")
SIDES = ["level_by_level@cpu", "leaf_by_leaf@cpu"]


def make(name: str, rows: int | None = None, source: Path | None = None) -> Panel:
    return TASK.dataset(name).make(Request(name, rows=rows, source=source), Path())


def run(identity: str, data: Panel, dataset: str) -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=1)


@pytest.fixture
def few() -> Panel:
    """Daily series of 60, 40 and 25 days; the last week is to be forecast."""
    day = np.arange(60)
    whole = [100.0 * (1 + number) + day + 10 * (day % 7) for number in range(3)]
    known = np.arange(125, dtype=np.float32)[None]
    return panel(
        [whole[0], whole[1][:40], whole[2][:25]], horizon=7, season=7, known=known, phases=(7,), names=("promotion",)
    )


def test_a_seed_is_the_same_bytes_anywhere() -> None:
    assert store.hash_data(make("hourly_load", 8_064)).startswith("795e2984dd81b337")


def test_features_are_changes_of_the_own_series_and_nothing_of_its_future(few: Panel) -> None:
    past = Past(few, Run(device="cpu"), np)
    places = np.array([30, 60 + 14, 100 + 8])  # of three series, in steps 30, 14 and 8
    made = past.features(places)
    lags = lags_of(few)
    assert made.shape == (3, len(lags) + 2)
    for row, (place, step) in enumerate(zip(places, (30, 14, 8), strict=True)):
        for column, lag in enumerate(lags):
            if step - lag < few.season:
                assert np.isnan(made[row, column])
            else:
                change = (few.value[place - lag] - few.value[place - lag - few.season]) / few.unit[place]
                assert made[row, column] == pytest.approx(change, abs=1e-5)
        assert list(made[row, len(lags) :]) == [few.moment[place] % 7, place]
    x, y = past.learned()
    assert len(x) == len(y) == int(((few.step >= begin(few)) & ~few.future).sum())
    assert np.isfinite(y).all()


def test_each_forecast_becomes_known_to_the_next(few: Panel) -> None:
    """A model that repeats the nearest change and adds 1 must count up, step by step."""
    past = Past(few, Run(device="cpu"), np)
    last = past.change[np.flatnonzero(few.future).reshape(3, -1)[:, 0] - 1].copy()
    found = past.forecast(lambda x: x[:, 0] + 1.0).reshape(3, 7) / few.unit[few.future].reshape(3, 7)
    before = (few.value / few.unit)[np.flatnonzero(few.future).reshape(3, 7) - 7]
    np.testing.assert_allclose(found - before, last[:, None] + np.arange(1, 8), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("identity", SIDES)
def test_what_learned_nothing_stays_below_the_floor(identity: str) -> None:
    data = make("hourly_load", 8_064)
    found = run(identity, data, "hourly_load")
    assert found.ending.outcome == "ok", found.ending.reason
    order = np.random.default_rng(0).permutation(len(data.y_test))
    shuffled = data.value.copy()
    shuffled[~data.future] = np.random.default_rng(0).permutation(shuffled[~data.future])
    assert run(identity, replace(data, value=shuffled), "hourly_load").ending.outcome == "wrong"
    assert run(identity, replace(data, y_test=data.y_test[order]), "hourly_load").ending.outcome == "wrong"


@pytest.mark.slow
@pytest.mark.skipif(MIRROR is None, reason="needs RESIDENCY_MIRROR, a folder with the series of M4")
def test_m4_hourly_is_forecast_as_well_as_by_the_best_of_the_competition(tmp_path: Path) -> None:
    """LightGBM's MASE was 0.79; of the competition's methods, the best by MASE had 0.819."""
    SOURCE.fetch(tmp_path, Path(str(MIRROR)), lambda _: None)
    found = run("leaf_by_leaf@cpu", make("m4_hourly", source=tmp_path), "m4_hourly")
    assert found.ending.outcome == "ok", found.ending.reason
    assert found.quality is not None
    assert found.quality <= 0.85
