"""Forecasting by lag features: what is learned, from what, and how near to what is published."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from residency.datasets.timeseries.m4_hourly import SOURCE
from residency.datasets.timeseries.series import Panel, mase, panel, seasonal_naive, smape
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED
from residency.suites.timeseries.lag_features import (
    USED,
    arrays,
    columns,
    frame,
    matrices,
    part_arrays,
    parts,
    read_part,
)

TASK = Catalogue([SHIPPED]).task("timeseries/lag_features")
CPU = [one.id for one in TASK.implementations if one.device == "cpu" and one.runner == "local"]
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
    library = {"numpy": np, "pandas": pd, "polars": pl}[implementation.library]
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


def test_what_lies_before_a_series_is_missing_in_all_libraries(uneven: Panel) -> None:
    assert uneven.first == 21
    x, *_ = matrices(uneven, frame(uneven, pd, "cpu"), pd)
    step, learned = uneven.step, (uneven.step >= uneven.first) & ~uneven.future
    reach = {"lag_21": 21, "lag_28": 28, "lag_49": 49, "mean_1": 7 + 6, "mean_2": 7 + 13, "promotion": 0}
    for name, steps in reach.items():
        np.testing.assert_array_equal(np.isnan(x[name]), step[learned] < steps, err_msg=name)
    seen: dict[str, np.ndarray] = {}

    class Data:  # what LightGBM is given
        def __init__(self, x: np.ndarray, *_: object, **__: object) -> None:
            seen["x"] = x
            raise StopIteration

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightgbm.Dataset", Data)
        with pytest.raises(StopIteration):
            forecast("lazy_frame@cpu", uneven)
    np.testing.assert_allclose(seen["x"], x, rtol=1e-4, atol=1e-4)
    gathered, *_ = arrays(uneven, {name: getattr(uneven, name) for name in USED}, np)
    np.testing.assert_allclose(gathered, x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("identity", CPU)
def test_weeks_are_forecast_from_the_newest_that_are_known(identity: str) -> None:
    generator = np.random.default_rng(2)
    walks = [100 + generator.normal(size=length).cumsum() for length in generator.integers(60, 260, 60)]
    done = run(identity, panel(walks, horizon=13, season=52, phases=(52,)), "own_series")
    figures = done.figures
    assert figures["MASE of repeating the last value"] < done.quality
    assert done.quality < 0.7 * figures["MASE of repeating the last season"]


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
@pytest.mark.parametrize(
    ("dataset", "rows"), [pytest.param("retail", VALUES, marks=pytest.mark.slow), ("mauna_loa", None)]
)
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


@pytest.fixture
def uneven(tmp_path: Path) -> Panel:
    """Seven series, the third much longer than the others, on disk as a cluster's client sees them."""
    generator = np.random.default_rng(4)
    lengths = (60, 80, 900, 50, 61, 70, 55)
    known = generator.standard_normal((2, sum(lengths))).astype(np.float32)
    data = panel(
        [generator.uniform(1, 2, length) for length in lengths], horizon=7, season=7, known=known, phases=(7,),
        names=("promotion", "holiday"),
    )  # fmt: skip
    store.save(data, tmp_path)
    return store.load(Panel, tmp_path, mapped=True)


@pytest.mark.parametrize(("workers", "most"), [(1, 4), (2, 7), (40, 7)])
def test_parts_are_whole_series_and_hold_no_rows_and_no_truth(uneven: Panel, workers: int, most: int) -> None:
    made = parts(uneven, Run("cpu", workers=workers))
    assert 2 <= len(made) <= most
    assert [part.rows.start for part in made][1:] == [part.rows.stop for part in made][:-1]
    assert (made[0].rows.start, made[-1].rows.stop) == (0, uneven.rows)
    assert all(uneven.step[part.rows.start] == 0 and len(part.rows) > 0 for part in made)
    assert all(len(pickle.dumps(part)) < 4_000 for part in made)
    assert all(part.plan.y_test.size == part.plan.known.size == 0 for part in made)


def test_parts_make_the_features_of_the_whole(uneven: Panel) -> None:
    whole = matrices(uneven, frame(uneven, pd, "cpu"), pd)
    made = [part_arrays(part, read_part(part, pd, "cpu"), pd) for part in parts(uneven, Run("cpu", workers=2))]
    assert len(made) > 2
    for column, (expected, *found) in enumerate(zip(whole, *made, strict=True)):
        if column not in {0, 2}:  # features of short series are NaN in part
            assert np.isfinite(np.asarray(expected)).all()
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-6, atol=1e-6, err_msg=str(column))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        ("retail", ("--size", str(VALUES), "--workers", "1,2")),
        ("mauna_loa", ("--workers", "2")),
    ],
)
def test_a_cluster_finds_what_one_process_finds(residency, dataset: str, options: tuple[str, ...]) -> None:
    pytest.importorskip("distributed")
    done = residency(
        "run", "timeseries/lag_features", "--dataset", dataset, *options, "--runner", "local,cluster", "--threads", "2",
        "--devices", "cpu", "--implementations", "pandas", "--replicates", "1", "--rounds", "1", "--json",
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    assert len(rows) == len(options[-1].split(",")) + 1
    here = rows.pop("data_frame@cpu")
    for name, row in rows.items():
        same = name == "whole_series@1xcpu" or dataset == "mauna_loa"  # nothing to share out: no sums in another order
        assert row["quality"] == pytest.approx(here["quality"], abs=1e-5 if same else TASK.tolerance)
        assert set(row["stages"]) >= {"load", "features", "fit", "predict", "get"}


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
