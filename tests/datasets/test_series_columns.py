"""Which columns of a file are the time and the series: as `own_series` finds them, and says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.series import Panel
from residency.harness.dataset import Request
from residency.harness.errors import UsageError

RANDOM = np.random.default_rng(3)
HOURS = pd.date_range("2023-10-01", periods=24 * 30, freq="h")
MONTHS = pd.date_range("1982-01-01", periods=120, freq="MS")
QUARTERS = pd.date_range("1995-01-01", periods=80, freq="QS")
WEEKS = pd.date_range("2014-06-02", periods=400, freq="7D").isocalendar()  # of years with 52 weeks and with 53
DAYS = 200
DATES = pd.date_range("2023-10-01", periods=80)


@pytest.fixture
def make(tmp_path: Path):
    """The panel of columns written as CSV."""

    def made(frame: pd.DataFrame | dict[str, object]) -> Panel:
        path = tmp_path / "data.csv"
        pd.DataFrame(frame).to_csv(path, index=False)
        return own_series.make(Request("own_series", path=path, target="y"), tmp_path)

    return made


def noise(count: int) -> np.ndarray:
    return RANDOM.normal(10, 1, count).round(3)


def one(days: int = DAYS, start: str = "2024-01-01", **columns: object) -> pd.DataFrame:
    """A line a day, with those columns beside."""
    return pd.DataFrame({"day": pd.date_range(start, periods=days), **columns, "y": noise(days)})


def stores(*keys: dict[str, object]) -> pd.DataFrame:
    """A line a day and key, and measurements that are no keys."""
    frame = pd.concat([one(**key) for key in keys], ignore_index=True)
    frame["row"] = np.arange(len(frame))
    frame["id"] = [f"line {row}" for row in range(len(frame))]
    frame["visits"] = RANDOM.integers(0, 9, len(frame))
    frame["promotion"] = RANDOM.integers(0, 2, len(frame))
    frame["weather"] = RANDOM.choice(["wet", "dry", "hot"], len(frame))
    return frame


@pytest.mark.parametrize(
    ("columns", "named", "step"),
    [
        ({"month": [f"{month:%Y-%m}" for month in MONTHS]}, "`month`: the time, dates, read as year-month,", "month"),
        ({"t": [f"{month:%d-%m-%Y}" for month in MONTHS]}, "`t`: the time, dates, read as day-month-year,", "month"),
        ({"t": [f"{month:%Y%m}" for month in MONTHS]}, "`t`: the time, dates, read as year and month in one", "month"),
        ({"t": [f"{day:%Y%m%d}" for day in DATES]}, "`t`: the time, dates, read as year, month and day in", "day"),
        ({"t": [f"{hour:%Y%m%d%H}" for hour in HOURS]}, "`t`: the time, dates, read as year, month and day in", "hour"),
        ({"t": [f"{hour:%-d/%-m/%y %-H:00}" for hour in HOURS]}, "`t`: the time, dates, read as day/month/two", "hour"),
        (
            {"DATE": [f"{hour:%Y%m%d}" for hour in HOURS], "TIME": [f"{hour:%H%M%S}" for hour in HOURS]},
            "`DATE` and `TIME`: the time, dates, read as year, month and day in one number,",
            "hour",
        ),
        (
            {"Date": [f"{hour:%d/%m/%Y}" for hour in HOURS], "Time": [f"{hour:%H.%M.%S}" for hour in HOURS]},
            "`Date` and `Time`: the time, dates, read as day/month/year,",
            "hour",
        ),
        ({"n": range(len(HOURS)), "day": HOURS.date, "hr": HOURS.hour}, "`day` and `hr`: the time,", "hour"),
        ({"timestamp": HOURS.astype("datetime64[s]").astype("int64")}, "`timestamp`: the time, dates, read", "hour"),
        ({"time": HOURS.astype("datetime64[ms]").astype("int64")}, "`time`: the time, dates, read as milli", "hour"),
        ({"Year": MONTHS.year, "Month": MONTHS.month}, "`Year` and `Month`: the time, dates, as days since", "month"),
        ({"Year": MONTHS.year, "Mon": MONTHS.strftime("%b")}, "`Year` and `Mon`: the time, dates, as days", "month"),
        ({"": range(1900, 2000)}, "`Unnamed: 0`: the time, dates, read as years,", "year"),
        ({"": DATES.date}, "`Unnamed: 0`: the time, dates, read as ISO8601,", "day"),
        ({"year": QUARTERS.year, "quarter": QUARTERS.quarter}, "`year` and `quarter`: the time,", "quarter"),
        ({"Year": QUARTERS.year, "Qtr": [f"Q{day.quarter}" for day in QUARTERS]}, "`Year` and `Qtr`: the", "quarter"),
        ({"year": WEEKS.year, "week": WEEKS.week}, "`year` and `week`: the time, dates, read as year and", "week"),
        ({"Year": range(1949, 1999)}, "`Year`: the time, dates, read as years, as days since 1949-01-01", "year"),
        ({"when": range(1949, 1999)}, "`when`: the time, dates, read as years, as days since 1949-01-01", "year"),
    ],
)  # fmt: skip
def test_columns_of_times(make, columns: dict[str, object], named: str, step: str) -> None:
    count = len(next(iter(columns.values())))  # type: ignore[arg-type]
    data = make({**columns, "y": noise(count)})
    assert data.remarks[0].startswith(named)
    assert any(f"a step is one {step};" in remark for remark in data.remarks)
    assert len(data.scale) == 1


@pytest.mark.parametrize(
    "columns",
    [
        {"t": HOURS.astype("datetime64[s]").astype("int64")},  # no name says that it is a time
        {"count": RANDOM.integers(1_000, 1_300, 100)},
        {"number": range(1, 101)},
        {"code": RANDOM.integers(10_000_000, 99_999_999, 100)},
        {"code": RANDOM.integers(100_000, 999_999, 100)},
    ],
)
def test_numbers_that_are_no_times(make, columns: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="holds no column of times: add one"):
        make({**columns, "y": noise(len(next(iter(columns.values()))))})  # type: ignore[arg-type]


def test_the_value_that_is_no_time_is_named(make) -> None:
    frame = one().astype({"day": str})
    frame.loc[len(frame)] = ["Source: us", 1.0]
    with pytest.raises(UsageError, match=r"the values of `day` are dates up to line 202, which holds 'Source: us'"):
        make(frame)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([{"store": name} for name in "AB"], "`store`"),
        ([{"store": number} for number in (7, 9)], "`store`"),
        ([{"store": number, "item": item} for number in (7, 9) for item in (1, 2, 3)], "`store` and `item`"),
        (
            [{"country": c, "store": s, "item": i} for c in ("DE", "FR") for s in "ab" for i in (1, 2)],
            "`country` and `store` and `item`",
        ),
        ([{"number": number, "city": name} for number, name in enumerate("ABC")], "`city`"),  # text rather than numbers
    ],
)
def test_keys_are_told_from_measurements(make, keys: list[dict[str, object]], said: str) -> None:
    data = make(stores(*keys))
    assert f"a series for each {said}" in data.remarks
    assert len(data.scale) == len(keys)


def test_series_of_unequal_length_have_a_key(make) -> None:
    data = make(pd.concat([one(1_000, "2022-01-01", store="A"), one(100, "2024-01-01", store="B")]))
    assert "a series for each `store`" in data.remarks


def clock_set_back(**columns: object) -> pd.DataFrame:
    """Local hours, one of them twice, in lines 674 and 675."""
    hours = pd.date_range("2023-10-01", periods=1_440, freq="h", tz="Europe/Berlin").tz_localize(None)
    return pd.DataFrame({"t": hours, "y": noise(len(hours)), **columns})


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"outages": RANDOM.integers(0, 6, 1_440), "holiday": RANDOM.choice(["yes", "no"], 1_440)},
        {"zone": ["CEST"] * 675 + ["CET"] * 765},
        {"summer": [1] * 675 + [0] * 765},
        {"row": np.arange(1_440), "id": [f"line {row}" for row in range(1_440)]},
    ],
)
def test_no_side_column_hides_that_a_time_is_there_twice(make, columns: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        make(clock_set_back(**columns))
    assert "data.csv: two lines have the same time, 2023-10-29T02:00:00: line 676 and line 677;" in str(caught.value)


def test_a_flag_hides_no_line_of_a_series_that_is_there_twice(make) -> None:
    frame = stores(*({"store": store} for store in "ABC"))
    again = frame[250:251].assign(promotion=1 - frame["promotion"][250], visits=99, weather="fog")
    with pytest.raises(UsageError, match=r"two lines of `store` B have the same time, \S+: line 252 and line 602;"):
        make(pd.concat([frame, again]))


def test_what_tells_lines_apart_but_leaves_gaps_is_named(make) -> None:
    frame = stores(*({"store": store} for store in "ABCDEF"))
    with pytest.raises(UsageError, match=r"no series that can be used: series A: \d+% of its \d+ steps are gaps"):
        make(frame[RANDOM.random(len(frame)) < 0.3].drop(columns=["id", "weather"]))
