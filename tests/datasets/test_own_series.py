"""Your own series: how they are found in a file, and what becomes of gaps, duplicates and series of no use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.series import Panel
from residency.harness.dataset import Request
from residency.harness.errors import UsageError

RANDOM = np.random.default_rng(5)
DAYS = 200


def sales(stores: str = "AB", days: int = DAYS) -> pd.DataFrame:
    """A line a store and day."""
    time = np.arange(days)
    parts = []
    for place, store in enumerate(stores):
        amount = (100 + 10 * place + 20 * (time % 7) + RANDOM.normal(0, 3, days)).round(2)
        parts.append(pd.DataFrame({"day": pd.date_range("2024-01-01", periods=days), "store": store, "amount": amount}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def make(tmp_path: Path):
    """The panel of a frame written as CSV."""

    def made(frame: pd.DataFrame, target: str | None = "amount") -> Panel:
        path = tmp_path / "sales.csv"
        frame.to_csv(path, index=False)
        return own_series.make(Request("own_series", path=path, target=target), tmp_path)

    return made


def test_a_series_for_each_store(make) -> None:
    frame = sales()
    data = make(frame.sample(frac=1, random_state=0))  # in no order
    assert (len(data.scale), data.rows, data.horizon, data.season) == (2, 2 * DAYS, 28, 7)
    np.testing.assert_allclose(data.value[~data.future][: DAYS - 28], frame["amount"][: DAYS - 28], rtol=1e-6)
    np.testing.assert_allclose(data.y_test[1], frame["amount"][-28:])
    assert "a series for each `store`" in data.remarks
    assert "a step is one day; 28 steps of each series are forecast, a season is 7" in data.remarks
    assert data.phases == (7, 364)


def test_series_of_two_columns_and_what_is_not_used(make) -> None:
    frame = pd.concat([sales().assign(item=item) for item in (7, 8)])
    frame["weather"] = RANDOM.choice(["wet", "dry"], len(frame))
    data = make(frame)
    assert len(data.scale) == 4
    assert "a series for each `store` and `item`" in data.remarks
    assert "not used: `weather`" in data.remarks


def test_other_columns_of_numbers_are_used_when_they_are_known(make) -> None:
    frame = sales("AB").assign(known_rain=RANDOM.uniform(0, 9, 2 * DAYS).round(2), constant=1)
    frame["value"] = np.arange(2.0 * DAYS)  # a name that the panel has, too
    frame.loc[3:4, "known_rain"] = np.nan
    data = make(frame.sample(frac=1, random_state=0))
    assert data.names == ("known_rain", "earlier_value")
    rain = frame["known_rain"].ffill()
    np.testing.assert_allclose(data.known[0], rain, rtol=1e-6)
    np.testing.assert_allclose(data.known[1, 28:DAYS], frame["value"][: DAYS - 28])
    np.testing.assert_allclose(data.known[1, DAYS : DAYS + 29], DAYS)  # the first value, until one is known
    assert "not used: `constant`" in data.remarks
    assert "known in advance: `known_rain`" in data.remarks


def test_a_single_series_needs_no_name(make) -> None:
    data = make(sales("A").drop(columns="store"))
    assert (len(data.scale), "one series" in data.remarks) == (1, True)


@pytest.mark.parametrize(
    ("frequency", "count", "season", "horizon", "words"),
    [
        ("s", 350_000, 86_400, 172_800, "one second"),
        ("30min", 1_000, 48, 96, "30 minutes"),
        ("h", 500, 24, 48, "one hour"),
        ("12h", 100, 14, 14, "12 hours"),
        ("D", 200, 7, 28, "one day"),
        ("W", 400, 52, 13, "one week"),
        ("MS", 120, 12, 12, "one month"),
        ("ME", 120, 12, 12, "one month"),
        ("QS", 60, 4, 8, "one quarter"),
        ("YS", 40, 1, 6, "one year"),
        ("2D", 80, 1, 12, "48 hours"),
        ("28D", 80, 1, 12, "672 hours"),
    ],
)
def test_the_step_of_time_says_what_is_forecast(make, *, frequency, count, season, horizon, words) -> None:
    times = pd.date_range("2000-01-01", periods=count, freq=frequency)
    data = make(pd.DataFrame({"day": times, "amount": RANDOM.normal(50, 9, count).round(3)}))
    assert (data.rows, data.season, data.horizon) == (count, season, horizon)
    assert any(f"a step is {words};" in remark for remark in data.remarks)


def test_gaps_are_filled_in_the_past_and_not_judged_in_the_future(make) -> None:
    frame = sales("A")
    amount = frame["amount"].to_numpy()
    frame.loc[[50, 190], "amount"] = [np.nan, np.inf]
    data = make(frame.drop(index=[100, 101]))
    assert data.rows == DAYS
    np.testing.assert_allclose(data.value[[50, 100, 101]], amount[[43, 93, 94]], rtol=1e-6)
    assert np.flatnonzero(np.isnan(data.y_test[0])).tolist() == [190 - (DAYS - 28)]
    assert "4 gaps; gaps in the past are filled with the value one season earlier" in data.remarks


def test_series_of_no_use_are_left_out(make) -> None:
    frame = sales("ABCDE")
    store, day = frame["store"], frame.groupby("store").cumcount()
    frame.loc[store == "B", "amount"] = 5.0
    frame.loc[(store == "C") & (day % 3 > 0) & (day > 0) & (day < DAYS - 1), "amount"] = np.nan
    frame = frame[(store != "D") | (day < 50)]
    frame.loc[frame["store"] == "E", "amount"] = np.nan
    data = make(frame)
    assert len(data.scale) == 1
    assert "series B: left out, it repeats its season without any change" in data.remarks
    assert "series C: left out, 66% of its 200 steps are gaps" in data.remarks
    assert "series D: left out, it has 50 steps, 60 are needed" in data.remarks
    assert "series E: left out, it has no values" in data.remarks
    assert "4 of 5 series left out: 2 too short, 1 mostly gaps, 1 without change" in data.remarks


def test_a_short_history_is_used(make) -> None:
    frame = sales("AB")
    data = make(frame[(frame["store"] == "A") | (frame["day"] < "2024-03-01")])  # 60 days of B
    assert np.bincount(data.series).tolist() == [DAYS, 60]
    assert (data.lags, data.first) == ((28, 35, 42, 49, 56, 63, 70), 28)
    assert "56 values of 2 series are judged" in data.remarks


def test_days_of_parquet_in_a_zone_that_sets_the_clock(tmp_path: Path) -> None:
    frame = sales("A").assign(day=pd.date_range("2024-01-01", periods=DAYS, tz="Europe/Berlin"), raw=b"x")
    path = tmp_path / "sales.parquet"
    frame.to_parquet(path)
    data = own_series.make(Request("own_series", path=path, target="amount"), tmp_path)
    assert "a step is one day; 28 steps of each series are forecast, a season is 7" in data.remarks
    how = "as the clock showed, because they then lie on a grid"
    assert f"`day`: times of Europe/Berlin, {how}" in data.remarks
    with pytest.raises(UsageError, match=r"no column `raw` in sales\.parquet.*`raw`: left out, binary is not a number"):
        own_series.make(Request("own_series", path=path, target="raw"), tmp_path)


def test_whole_numbers_with_a_gap_name_series(make) -> None:
    frame = sales("ABC").replace({"store": {"A": 1, "B": 2, "C": None}})
    assert "a series for each `store`" in make(frame).remarks


def test_lines_without_a_time_are_left_out(make) -> None:
    frame = sales("A")
    frame.loc[0, "day"] = pd.NaT
    data = make(frame)
    assert data.rows == DAYS - 1
    assert "lines without a time left out: 1" in data.remarks


@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        (lambda f: f, None, "name the column to forecast with --target COLUMN; there are: `day`, `store`, `amount`"),
        (lambda f: f, "amuont", "no column `amuont` in sales.csv; did you mean `amount`?"),
        (lambda f: f, "store", "column `store` holds text, such as `A`; name a column of numbers"),
        (lambda f: f, "day", "column `day` holds dates; name a column of numbers"),
        (lambda f: f.drop(columns="day"), "amount", "holds no column of times"),
        (
            lambda f: pd.concat([f, f[5:6]]),
            "amount",
            "two lines of `store` A have the same time, 2024-01-06T00:00:00: line 7 and line 402",
        ),
        (
            lambda f: f.drop(columns="store"),
            "amount",
            "two lines have the same time, 2024-01-01T00:00:00: line 2 and line 202",
        ),
        (
            lambda f: f.groupby("store").head(50),
            "amount",
            "no series that can be used: series A: it has 50 steps, 60 are needed",
        ),
        (lambda f: f.assign(amount=1.5), "amount", "no series that can be used: series A: it repeats its season"),
        (lambda f: f.assign(amount=f["amount"] * 1e-3 + 1e9), "amount", "its changes are too small for float32"),
        (lambda f: f[:0], "amount", "sales.csv holds no lines: write a line for each value"),
        (lambda f: f.drop(columns="day").assign(time=np.nan), "amount", "holds no line with a time: write a line"),
        (lambda f: f.groupby("day").head(1).groupby("store").head(1), "amount", "every series has only one line"),
        (
            lambda f: f.assign(day=f["day"] + pd.to_timedelta(RANDOM.integers(0, 600, len(f)), "min")),
            "amount",
            "its times are not evenly spaced",
        ),
        (
            lambda f: f[:200].assign(day=pd.date_range("2024-01-01", periods=200, freq="us")),
            "amount",
            "most of its times are less than a millisecond apart: resample it",
        ),
    ],
)
def test_what_cannot_be_used_is_said(make, change, target, message) -> None:
    with pytest.raises(UsageError) as caught:
        make(change(sales()), target)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_by_the_command(residency, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    sales("ABC").to_csv(path, index=False)
    task = ("run", "timeseries/lag_features", "--data", path, "--replicates", "1", "--rounds", "1")
    done = residency(*task, "--target", "amount", "--json")
    rows = {row["implementation"]: row for row in done.json["rows"] if row["device"] == "cpu"}
    assert {row["outcome"] for row in rows.values()} == {"ok"}, done.err
    assert all(row["quality"] < 1 for row in rows.values())
    assert "a series for each `store`" in rows["data_frame@cpu"]["remarks"]
    naive = {"MASE of repeating the last value", "MASE of repeating the last season"}
    assert naive < set(rows["data_frame@cpu"]["figures"])
    wrong = residency(*task)
    assert (wrong.status, wrong.out, len(wrong.err.strip().splitlines())) == (2, "", 1)
