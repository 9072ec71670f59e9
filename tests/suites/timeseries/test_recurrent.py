"""A recurrent network: its windows, the same training in Torch and JAX, and that it learns from the past alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.m4_hourly import SOURCE
from residency.datasets.timeseries.series import Panel, last_value, mase, panel
from residency.datasets.timeseries.windows import batches, cut, ends, windows
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("timeseries/recurrent")
MIRROR = os.environ.get("RESIDENCY_MIRROR")

SHORT = [(1, 6, 16), pytest.param(52, 13, 30, marks=pytest.mark.slow), pytest.param(1, 6, 60, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def sales() -> Panel:
    return TASK.dataset("retail").make(Request("retail", rows=TASK.sizes["smoke"]), Path())


def run(data: Panel, dataset: str = "retail", identity: str = "layer@cpu", seed: int = 0) -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=1, seed=seed)


@pytest.fixture
def uneven() -> Panel:
    """Three series of different lengths that count up, 100 apart in scale, with one column known in advance."""
    lengths = (96, 70, 80)
    values = [10.0**power * (1.0 + np.arange(length)) for power, length in enumerate(lengths)]
    known = np.arange(sum(lengths), dtype=np.float32)[None]
    return panel(values, horizon=10, season=7, known=known, names=("row",))


def test_windows_lie_within_one_series_and_before_the_future(uneven: Panel) -> None:
    plan = windows(uneven)
    assert (plan.reach, plan.season, plan.seasons, plan.horizon) == (28, 7, 4, 10)
    drawn = batches(uneven, plan, 50, 40, 1)
    rows = drawn.ravel()[:, None] + plan.around
    assert (uneven.series[rows] == uneven.series[rows[:, :1]]).all()
    assert not uneven.future[rows].any()
    assert np.bincount(uneven.series[drawn.ravel()]).min() > 500
    assert drawn.min() == plan.reach - 1
    assert uneven.future[ends(uneven) + 1].all()


def test_what_a_network_is_told(uneven: Panel) -> None:
    torch = pytest.importorskip("torch")
    plan = windows(uneven)
    arrays = (uneven.value, uneven.unit, uneven.known, plan.around, plan.back, plan.ahead)
    place = 60  # of the first series, which has the values 1, 2, 3, ... and the unit 7
    parts = cut(plan, tuple(torch.from_numpy(np.array(one)) for one in arrays), torch.tensor([place]), torch)
    read, told, base, true, level, unit = (part.numpy()[0] for part in parts)
    assert unit == 7
    np.testing.assert_allclose(level, (place + 1 - 13.5) / 7, rtol=1e-6)
    np.testing.assert_allclose((read[:, 0] + level) * 7, np.arange(place - 26, place + 2), rtol=1e-5)
    np.testing.assert_array_equal(read[:, 1], np.arange(place - 27, place + 1))
    np.testing.assert_allclose((true + level) * 7, np.arange(place + 2, place + 12), rtol=1e-5)
    season_back = np.array([*range(place - 5, place + 2), *range(place - 5, place - 2)])
    np.testing.assert_allclose((told[:, 1] + level) * 7, season_back, rtol=1e-5)
    np.testing.assert_allclose((base + level) * 7, season_back - 10.5, rtol=1e-5)
    np.testing.assert_array_equal(told[:, 0], base)
    np.testing.assert_array_equal(told[:, 4], np.arange(place + 1, place + 11))


def test_from_shuffled_sales_it_learns_nothing(sales: Panel) -> None:
    articles = sales.value.reshape(len(sales.scale), -1)
    history = np.random.default_rng(0).permuted(articles[:, : -sales.horizon], axis=1)
    value = np.concatenate([history, articles[:, -sales.horizon :]], axis=1).ravel()
    ending = run(replace(sales, value=value)).ending
    assert ending.outcome == "wrong"
    assert "above the ceiling" in ending.reason


def test_the_future_does_not_leak(sales: Panel) -> None:
    torch = pytest.importorskip("torch")
    plan, last = windows(sales), torch.from_numpy(ends(sales))

    def cut_of(value: np.ndarray) -> tuple[np.ndarray, ...]:
        arrays = (value, sales.unit, sales.known, plan.around, plan.back, plan.ahead)
        return tuple(
            part.numpy() for part in cut(plan, tuple(torch.from_numpy(np.array(one)) for one in arrays), last, torch)
        )

    right, told = cut_of(sales.value), cut_of(np.where(sales.future, np.float32(1e4), sales.value))
    for number, (one, other) in enumerate(zip(right, told, strict=True)):
        assert np.array_equal(one, other) == (number != 3)  # the fourth is the truth


@pytest.mark.slow
def test_without_the_promotions_it_does_not_pass(sales: Panel) -> None:
    known = np.random.default_rng(0).permuted(sales.known, axis=1)
    ending = run(replace(sales, known=known), identity="whole_training@cpu").ending
    assert "above the ceiling" in ending.reason


@pytest.mark.slow
def test_torch_and_jax_train_the_same_network(sales: Panel) -> None:
    for seed in (0, 1):
        qualities = [
            run(sales, identity=f"{name}@cpu", seed=seed).quality for name in ("layer", "scan", "whole_training")
        ]
        assert mase(sales, sales.expected_test) < min(qualities)
    assert np.ptp(qualities) < 0.01  # of 40 articles, after a hundred steps that began equal


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mauna_loa", "m4_hourly"])
def test_real_series_are_learned_and_shuffled_ones_are_not(name: str, tmp_path: Path) -> None:
    if name == "m4_hourly":
        if not MIRROR or not (Path(MIRROR) / "m4-hourly-train.csv").exists():
            pytest.skip("RESIDENCY_MIRROR names no folder that holds m4-hourly-train.csv")
        SOURCE.fetch(tmp_path, Path(MIRROR), lambda _: None)
    data = TASK.dataset(name).make(Request(name, source=tmp_path), tmp_path)
    assert run(data, name, "whole_training@cpu").ending.outcome == "ok"
    value = np.array(data.value)
    generator = np.random.default_rng(0)
    for series in range(len(data.scale)):
        past = (data.series == series) & ~data.future
        value[past] = generator.permutation(value[past])
    ending = run(replace(data, value=value), name, "whole_training@cpu").ending
    assert ending.outcome == "wrong"
    assert "above the ceiling" in ending.reason


@pytest.mark.parametrize(("season", "horizon", "length"), SHORT)
def test_short_series_and_series_without_a_season(season: int, horizon: int, length: int) -> None:
    series = 10.0 + np.cumsum(np.random.default_rng(1).normal(0.5, 0.1, length))
    data = panel([series], horizon=horizon, season=season)
    done = run(data, "own_series")
    assert done.ending.outcome == "ok"
    assert done.quality < mase(data, last_value(data))
