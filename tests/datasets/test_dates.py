"""Dates and times as text: which moments they are, and which of several readings is taken."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from residency.datasets.dates import fullness, read_dates, read_moments


def moments(*text: str) -> list[str]:
    read = read_moments(pd.Index(text))
    assert read is not None
    return [str(moment) for moment in read[0].astype("datetime64[s]")]


def how(text: list[str]) -> str:
    read = read_moments(pd.Index(text))
    assert read is not None
    return read[1]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-02", "2019-02-01T00:00:00"),
        ("2019/02", "2019-02-01T00:00:00"),
        ("02/2019", "2019-02-01T00:00:00"),
        ("2019M02", "2019-02-01T00:00:00"),
        ("Feb 2019", "2019-02-01T00:00:00"),
        ("February 2019", "2019-02-01T00:00:00"),
        ("Feb-19", "2019-02-01T00:00:00"),
        ("2019-Q2", "2019-04-01T00:00:00"),
        ("2019Q2", "2019-04-01T00:00:00"),
        ("Q2 2019", "2019-04-01T00:00:00"),
        ("2Q2019", "2019-04-01T00:00:00"),
        ("2019-W05", "2019-01-28T00:00:00"),
        ("2019-W05-3", "2019-01-30T00:00:00"),
        ("31/12/02 1:00", "2002-12-31T01:00:00"),
        ("12/31/02", "2002-12-31T00:00:00"),
        ("31.12.69", "1969-12-31T00:00:00"),
        ("31.12.68", "2068-12-31T00:00:00"),
        ("05-Jan-2012", "2012-01-05T00:00:00"),
        ("05JAN2012", "2012-01-05T00:00:00"),
        ("05-Jan-12", "2012-01-05T00:00:00"),
        ("Jan 5, 2012 1:00 PM", "2012-01-05T13:00:00"),
        ("5 September 2012 12:30 am", "2012-09-05T00:30:00"),
        ("Sept. 5, 2012", "2012-09-05T00:00:00"),
        ("1/13/2012 11 PM", "2012-01-13T23:00:00"),
        ("13/01/2004 18.00.00", "2004-01-13T18:00:00"),
        ("13/01/2004 18:00:00,5", "2004-01-13T18:00:00"),
        ("31/12/2004 24:00", "2005-01-01T00:00:00"),
        ("2019-01-01 24:00", "2019-01-02T00:00:00"),
        ("2019-1-5 5:00", "2019-01-05T05:00:00"),
        ("2019-01-01 10:00:00 UTC", "2019-01-01T10:00:00"),
        ("2019-01-01 10:00:00 +0530", "2019-01-01T04:30:00"),
        ("13/01/2004 18:00 -03:30", "2004-01-13T21:30:00"),
        ("20190101T1000", "2019-01-01T10:00:00"),
        ("20190101 10:00", "2019-01-01T10:00:00"),
        ("0001-01-01", "0001-01-01T00:00:00"),
    ],
)
def test_text_that_is_a_moment(text: str, moment: str) -> None:
    assert moments(text) == [moment]


@pytest.mark.parametrize(
    "text",
    ["abc", "Total", "1.2.3", "10:30:15", "2019/13", "2019-Q5", "31/02/2019", "x-2019", "555-12-34", "", "19-Jan",
     "Marble 12", "01/02/2019 25:00", "01/02/2019 13:00 PM", "2019-W60", "a,b"],
)  # fmt: skip
def test_text_that_is_none(text: str) -> None:
    assert read_moments(pd.Index([text])) is None


def test_one_odd_value_makes_text_of_all() -> None:
    assert read_dates(pd.Index(["01/02/2019", "Total"])) is None


def test_years_that_begin_in_summer_are_no_months() -> None:
    assert read_moments(pd.Index(["2008/09", "2009/10", "2010/11"])) is None
    assert moments("2008/09", "2008/10")[1] == "2008-10-01T00:00:00"


def test_all_values_decide_and_not_the_first() -> None:
    days = pd.date_range("2019-03-01", periods=40)
    assert how([f"{day:%d/%m/%Y}" for day in days]) == "read as day/month/year, "
    assert how([f"{day:%m/%d/%Y}" for day in days]) == "read as month/day/year, "
    assert how([f"{day:%d/%m/%y}" for day in days]) == "read as day/month/two-digit year, "


@pytest.mark.parametrize("form", ["%d-%m-%Y", "%d/%m/%y"])
def test_the_reading_that_lies_on_a_grid_is_taken(form: str) -> None:
    months = pd.date_range("2005-01-01", periods=100, freq="MS")
    assert how([f"{month:{form}}" for month in months]).endswith("because they then lie on a grid, ")
    assert moments(*(f"{month:{form}}" for month in months)) == [f"{month:%Y-%m-%d}T00:00:00" for month in months]


@pytest.mark.parametrize("form", ["%m/%d/%y", "%d.%m.%y", "%d-%b-%y"])
def test_two_digit_years_before_1969_lie_on_a_grid_with_those_after(form: str) -> None:
    days = pd.date_range("1967-06-01", periods=1_000)
    assert moments(*(f"{day:{form}}" for day in days)) == [f"{day:%Y-%m-%d}T00:00:00" for day in days]
    assert "all before 2000, because they then lie on a grid" in how([f"{day:{form}}" for day in days])
    recent = pd.date_range("1998-06-01", periods=1_000)
    assert moments(*(f"{day:{form}}" for day in recent)) == [f"{day:%Y-%m-%d}T00:00:00" for day in recent]


def test_between_points_the_day_comes_first() -> None:
    assert moments("03.04.2025", "31.12.2025") == ["2025-04-03T00:00:00", "2025-12-31T00:00:00"]
    assert how(["03.04.2025", "05.06.2025"]) == "read as day.month.year, "
    assert how(["03/04/2025", "13/06/2025"]) == "read as day/month/year, "


def test_month_first_where_both_readings_lie_on_a_grid() -> None:
    assert how([f"01/{number:02d}/2005" for number in range(1, 13)]) == (
        "read as month/day/year (day/month/year fits, too), "
    )


def test_offsets_are_taken_to_utc() -> None:
    hours = pd.date_range("2023-10-28 12:00", periods=40, freq="h", tz="Europe/Berlin")  # the clock is set back
    text = [hour.isoformat() for hour in hours]
    assert moments(*text) == [f"{hour:%Y-%m-%dT%H:%M:%S}" for hour in hours.tz_convert("UTC")]
    assert "in UTC" in how(text)


def test_days_that_begin_at_midnight_in_summer_and_winter_stay_days() -> None:
    days = pd.date_range("2023-01-01", periods=200, tz="Europe/Berlin")
    assert moments(*(day.isoformat() for day in days)) == [f"{day:%Y-%m-%d}T00:00:00" for day in days]


@pytest.mark.parametrize(
    ("times", "full"),
    [
        (pd.date_range("2019-01-01", periods=9, freq="MS"), 1.0),
        (pd.date_range("2019-01-01", periods=9, freq="ME"), 1.0),
        (pd.date_range("2019-01-01", periods=9, freq="QS"), 1.0),
        (pd.date_range("2019-01-01", periods=9, freq="7h"), 1.0),
        (pd.DatetimeIndex(["2019-01-01", "2019-01-02", "2019-01-10"]), 0.3),
        (pd.DatetimeIndex(["2019-01-01", "2019-01-02"]), 0.0),
    ],
)
def test_how_full_a_grid_is(times: pd.DatetimeIndex, full: float) -> None:
    assert fullness(times.to_numpy()) == pytest.approx(full)


def test_many_different_texts_are_read_by_their_parts() -> None:
    minutes = pd.date_range("2019-01-01", periods=50_000, freq="min")
    read = read_moments(pd.Index(minutes.strftime("%d/%m/%Y %H:%M")))
    assert read is not None
    np.testing.assert_array_equal(read[0], minutes.to_numpy().astype("datetime64[us]"))
