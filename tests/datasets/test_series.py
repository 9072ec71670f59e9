"""Panels of series: lags, gaps, scales and the metrics of forecasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.timeseries.mauna_loa import mauna_loa
from residency.datasets.timeseries.retail import retail
from residency.datasets.timeseries.series import (
    lags,
    last_value,
    least_history,
    mase,
    panel,
    seasonal_difference,
    seasonal_naive,
    smape,
    wave,
)
from residency.harness import store
from residency.harness.dataset import Request
from residency.harness.errors import WrongResult


@pytest.mark.parametrize(
    ("rows", "digest"),
    [
        (1_120 * 3, "877c1d3bbd9bf890"),
        (1_120 * 50, "bca459eb3ad514ac"),
    ],
)
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str) -> None:
    assert store.hash_data(retail.make(Request("retail", rows=rows), Path())).startswith(digest)


def test_rows_are_as_asked() -> None:
    data = retail.make(Request("retail", rows=5_000), Path())
    assert (data.rows, len(data.scale), data.y_test.shape) == (4 * 1_120, 4, (4, 28))
    assert data.known.shape == (2, 4 * 1_120)
    np.testing.assert_array_equal(data.unit, np.repeat(data.scale, 1_120).astype(np.float32))


@pytest.mark.parametrize(
    ("horizon", "season", "long_season", "longest", "expected"),
    [
        (48, 24, 168, 700, (48, 72, 96, 120, 144, 168, 192, 336)),
        (28, 7, 364, 1_092, (28, 35, 42, 49, 56, 63, 70, 364)),
        (13, 52, 0, 2_000, (13, 14, 15, 52, 65, 104, 156, 208, 260, 312, 364)),  # nothing newer is known of any step
        (18, 12, 0, 100, (18, 19, 20, 24, 36, 42, 48)),  # half of the history
        (13, 52, 0, 80, (13, 14, 15, 52)),  # and the nearest season, for the steps that have it
        (13, 52, 0, 30, (13, 14, 15)),
        (6, 1, 0, 16, (6, 7, 8)),
    ],
)
def test_lags_begin_at_the_horizon(horizon, season, long_season, longest, expected) -> None:
    assert lags(horizon, season, long_season, longest) == expected


@pytest.mark.parametrize(("horizon", "season"), [(48, 24), (28, 7), (12, 12), (13, 52), (6, 1)])
def test_the_least_history_is_little_more_than_the_horizon(horizon: int, season: int) -> None:
    values = np.random.default_rng(0).normal(size=least_history(horizon) + horizon)
    data = panel([values], horizon=horizon, season=season)
    assert (data.first, int(((data.step >= data.first) & ~data.future).sum())) == (horizon, 4)
    assert data.scale[0] > 0


def test_all_rows_of_long_series_that_have_every_lag_are_learned_from() -> None:
    data = panel([np.arange(1_000.0) ** 1.1], horizon=28, season=7, long_season=364)
    assert data.first == max(data.lags) == 364


def test_naive_forecasts() -> None:
    values = [np.array([1.0, 2, 3, 4, 5, 6, 9, 9, 9]), np.array([7.0, 0, 0, 0])]
    data = panel(values, horizon=3, season=4)
    np.testing.assert_array_equal(last_value(data), [[6, 6, 6], [7, 7, 7]])
    np.testing.assert_array_equal(seasonal_naive(data), [[3, 4, 5], [7, 7, 7]])  # the second has no whole season


def test_metrics_follow_their_definitions() -> None:
    first, second = np.array([1.0, 3, 2, 6, 4, 8]), np.array([10.0, 10, 20, 20, 0, 30])
    data = panel([first, second], horizon=2, season=2)
    np.testing.assert_allclose(data.scale, [(1 + 3) / 2, (10 + 10) / 2])
    forecast = np.array([[5.0, 6.0], [0.0, 10.0]])
    assert mase(data, forecast) == pytest.approx(((1 + 2) / 2 / 2 + (0 + 20) / 2 / 10) / 2)
    assert smape(data, forecast) == pytest.approx(200 * (1 / 9 + 2 / 14 + 0 + 20 / 40) / 4)
    assert mase(data, forecast.reshape(-1)) == mase(data, forecast)
    np.testing.assert_array_equal(seasonal_naive(data), [[2, 6], [20, 20]])


def test_the_scale_of_series_of_different_lengths_is_the_textbook_one() -> None:
    generator = np.random.default_rng(1)
    values = [generator.standard_normal(length).cumsum() for length in (60, 90)]
    data = panel(values, horizon=6, season=7, starts=[30, 0])
    for place, one in enumerate(values):
        assert data.scale[place] == pytest.approx(np.mean(np.abs(one[7:-6] - one[:-13])))
    np.testing.assert_array_equal(data.moment[data.series == 0], np.arange(30, 90))
    np.testing.assert_array_equal(np.bincount(data.series[data.future]), [6, 6])


def test_what_nobody_knows_is_not_judged() -> None:
    values = np.arange(40.0) ** 1.5
    data = panel([values], horizon=4, season=4)
    forecast = data.y_test + np.array([1.0, 1.0, 9.0, 1.0])
    gap = replace(data, y_test=np.where([[False, False, True, False]], np.nan, data.y_test))
    assert mase(gap, forecast) == pytest.approx(1 / data.scale[0])
    assert smape(gap, forecast) < smape(data, forecast)


def test_gaps_are_filled_with_the_value_one_season_earlier() -> None:
    values = np.arange(30.0)
    values[[2, 10, 14]] = np.nan
    data = panel([values], horizon=4, season=4)
    assert data.value[[2, 10, 14]].tolist() == [1, 6, 6]
    assert data.scale[0] == pytest.approx(4)
    assert data.value[data.future].tolist() == [0] * 4


def test_a_constant_series_has_no_scale() -> None:
    assert seasonal_difference(np.full(50, 3.0), 7) == 0
    assert seasonal_difference(np.full(50, np.nan), 7) == 0


@pytest.mark.parametrize(
    "forecast",
    [
        np.zeros(3),
        np.full((4, 28), np.nan),
        np.full((4, 28), np.inf),
        np.full((4, 28), "1"),
        (np.zeros(2), np.zeros(3)),
    ],
)
def test_a_forecast_that_is_none_is_refused(forecast: np.ndarray) -> None:
    data = retail.make(Request("retail", rows=5_000), Path())
    with pytest.raises(WrongResult):
        mase(data, forecast)


def test_mauna_loa_has_its_gaps_filled() -> None:
    data = mauna_loa.make(Request("mauna_loa"), Path())
    assert (data.rows, data.horizon) == (2_284, 52)
    assert data.remarks == ("59 missing weeks filled with the value of a year earlier",)
    assert 300 < data.value[~data.future].min() < data.y_test.max() < 380


def test_a_wave_is_nearly_a_sine() -> None:
    turns = np.linspace(-3, 5, 1_001)
    assert np.abs(wave(turns) - np.sin(2 * np.pi * turns)).max() < 0.06
