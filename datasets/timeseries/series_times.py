"""Which columns of a file hold the time of its lines.

The first of these that a file has:

    a column in which every value reads as a date    `dates.py` says how. If the dates have no time of day, a second
                                                     column may hold it: 23:00, 23.00.00, an hour from 0 to 24
    a column of whole numbers that spell dates       20241231, 2024123123, ...; a second column called `time` may spell
                                                     times of day as whole numbers: 230000 or 2300
    seconds, milliseconds, ... since 1970            in a column whose name says that it is a time
    whole numbers that spell months                  202412
    columns `year` and `month`, perhaps `day`        whole numbers, or months by name; perhaps with an `hour`
    columns `year` and `quarter`, or `week` (ISO)    whole numbers, quarters also as Q1
    a column of years                                whole numbers; from line to line they mostly differ by 1 at most
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.dates import MONTH, SECOND, Moments, clock_time, fullness, in_days, read_moments
from residency.datasets.reading import OwnFile
from residency.harness.dataset import printable

NAMED_TIME = re.compile(r"time|date|epoch|unix|stamp|period|^<?ts>?$|^ds$", re.IGNORECASE)
NAMED_CLOCK = re.compile(r"time|clock|hour|^hr$", re.IGNORECASE)
PARTS = {"year": ("year", "yr", "yyyy"), "month": ("month", "mon", "mo", "mm", "mnth"), "day": ("day", "dd")}
OF_A_YEAR = {
    "quarter": ("quarter", "qtr", "quart", "q"),
    "week": ("week", "wk", "isoweek", "iso_week", "weekofyear", "week_of_year", "week_number", "weeknum"),
}
QUARTER = re.compile(r"(?:q(?:tr|uarter)?[ -]?)?([1-4])q?", re.IGNORECASE)
HOUR = ("hour", "hours", "hr", "hh")
YEARS, SPELT_YEARS = (1000, 2200), (1800, 2200)
EPOCHS = {
    "seconds": ("s", 1),
    "milliseconds": ("ms", 10**3),
    "microseconds": ("us", 10**6),
    "nanoseconds": ("ns", 10**9),
}
SINCE, UNTIL = 10**8, 5 * 10**9  # seconds after 1970: from 1973 to 2128
HALF = 0.5
MISSING = np.iinfo(np.int64).min  # as NaT is stored

Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Times:
    """The time of each line of a file."""

    moments: Moments  # NaT is missing
    columns: tuple[str, ...]  # the columns that hold the time
    how: str  # how they were read

    @property
    def days(self) -> NDArray[np.float64]:
        """Days since the earliest; NaN is missing."""
        return in_days(self.moments)[0]


def times_of(file: OwnFile, target: str) -> Times:
    """The time of each line; raises `UsageError` if no column holds it."""
    frame = file.frame.drop(columns=target)
    constant = None
    for find in (_dates, _spelt_dates, _epochs, _spelt_months, _parts, _parts_of_years, _years):
        for times in find(frame):
            whole = _with_clock(frame, times) if find is not _years else times
            if len(np.unique(whole.moments[~np.isnat(whole.moments)])) > 1:
                return whole
            constant = constant or whole
    if constant is not None:
        return constant
    raise file.refusal(
        f"{file.name} holds no column of times{_nearly(file)}: add one, with values such as 2024-12-31 or "
        "2024-12-31 23:00"
    )


def _dates(frame: Any) -> Iterator[Times]:
    """Columns of dates, and columns of text in which every value reads as a date."""
    for name in frame.columns:
        series = frame[name]
        if series.dtype.kind in "mM":
            moments = series.to_numpy()
            if series.dtype.kind == "m":
                moments = np.datetime64("1970-01-01") + moments
            yield Times(moments, (name,), "")
        elif (text := _text(series)) is not None and (read := read_moments(text[1])) is not None:
            yield Times(np.append(read[0], np.datetime64("NaT"))[text[0]], (name,), read[1])


def _text(series: Any) -> tuple[NDArray[np.intp], Any] | None:
    """A column of text: each line's place among the different values, and these, as a pandas.Index of strings."""
    import pandas as pd

    if series.dtype.kind in "biufmM":
        return None
    codes, levels = pd.factorize(series)
    return (codes, pd.Index(levels).astype(str)) if len(levels) else None


def _whole(series: Any) -> Whole | None:
    """A column of whole numbers, `MISSING` if missing; None if the column is something else."""
    import pandas as pd

    if series.dtype.kind in "bmM":
        return None
    numbers = series
    if (text := _text(series)) is not None:
        levels = pd.to_numeric(text[1], errors="coerce").to_numpy(np.float64)
        if np.isnan(levels).any():
            return None
        numbers = pd.Series(np.append(levels, np.nan)[text[0]])
    values = numbers.to_numpy(np.float64)
    present = ~np.isnan(values)
    if not present.any() or (np.abs(values[present]) > 2**62).any() or (values[present] % 1 != 0).any():
        return None
    if series.dtype.kind in "iu":
        return np.asarray(series.to_numpy().astype(np.int64))
    whole = np.full(len(values), MISSING)
    whole[present] = values[present].astype(np.int64)
    return whole


def _whole_columns(frame: Any) -> Iterator[tuple[str, Whole]]:
    for name in frame.columns:
        if (values := _whole(frame[name])) is not None:
            yield name, values


def _placed(values: Whole, moments: Moments) -> Moments:
    """The moments of the numbers that are present, in their lines, and NaT in the other lines."""
    present = values != MISSING
    whole = np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
    whole[present] = moments
    return whole


def _spelt_dates(frame: Any) -> Iterator[Times]:
    """Whole numbers such as 20241231, perhaps followed by an hour, a minute and a second."""
    for name, values in _whole_columns(frame):
        if (moments := _spelt(values[values != MISSING])) is not None:
            yield Times(_placed(values, moments), (name,), "read as year, month and day in one number, ")


def _spelt(values: Whole) -> Moments | None:
    digits = {len(str(values.min())), len(str(values.max()))}
    if len(digits) > 1 or (length := digits.pop()) not in {8, 10, 12, 14}:
        return None
    seconds = np.zeros(len(values), np.int64)
    rest = values
    clock = []
    for _ in range(length - 8 >> 1):
        clock.append(rest % 100)
        rest = rest // 100
    for limit, part, weight in zip((24, 60, 60), reversed(clock), (3600, 60, 1), strict=False):
        if (part >= limit).any():
            return None
        seconds += part * weight
    days = _day(rest // 10_000, rest // 100 % 100, rest % 100)
    return None if days is None else days.astype("datetime64[us]") + seconds * np.timedelta64(SECOND, "us")


def _day(year: Whole, month: Whole, day: Whole | int) -> Moments | None:
    """Dates from years, months and days; None if one is not a date, or lies before 1800 or after 2200."""
    least, most = SPELT_YEARS
    if ((year < least) | (year > most) | (month < 1) | (month > 12)).any():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days: Moments = months.astype("datetime64[D]") + (np.asarray(day) - 1) * np.timedelta64(1, "D")
    return days if (np.asarray(day) >= 1).all() and (days.astype("datetime64[M]") == months).all() else None


def _epochs(frame: Any) -> Iterator[Times]:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, if the column's name says that it is a time."""
    import pandas as pd

    for name in frame.columns:
        series = frame[name]
        if not NAMED_TIME.search(name) or series.dtype.kind not in "iuf":
            continue
        values = series.to_numpy(np.float64)
        present = values[~np.isnan(values)]
        least, most = present.min(initial=np.inf), present.max(initial=-np.inf)
        for words, (unit, per_second) in EPOCHS.items():
            if SINCE * per_second <= least and most <= UNTIL * per_second:
                moments = pd.to_datetime(series, unit=unit).to_numpy()
                yield Times(moments, (name,), f"read as {words} since 1970, in UTC, ")


def _spelt_months(frame: Any) -> Iterator[Times]:
    """Whole numbers such as 202412, if the months follow each other or the column's name says that it is a time."""

    def read(values: Whole) -> Moments | None:
        if len(str(values.min())) != 6 or len(str(values.max())) != 6:
            return None
        return _day(values // 100, values % 100, 1)

    for name, values in _whole_columns(frame):
        moments = read(values[values != MISSING])
        if moments is not None and (NAMED_TIME.search(name) or "month" in name.lower() or fullness(moments) > HALF):
            yield Times(_placed(values, moments), (name,), "read as year and month in one number, ")


def _parts(frame: Any) -> Iterator[Times]:
    """A year, a month and perhaps a day and an hour, each in a column of its own."""
    columns = {part: _called(frame, names) for part, names in PARTS.items()}
    if columns["year"] is None or columns["month"] is None:
        return
    values = {part: _month_or_whole(frame[name]) for part, name in columns.items() if name is not None}
    year, month, day = values["year"], values["month"], values.get("day")
    if year is None or month is None:
        return
    used = [columns["year"], columns["month"]]
    present = (year != MISSING) & (month != MISSING)
    if day is not None:
        used.append(columns["day"] or "")
        present &= day != MISSING
    days = _day(year[present], month[present], 1 if day is None else day[present])
    if days is None:
        return
    moments = np.full(len(year), np.datetime64("NaT"), "datetime64[us]")
    moments[present] = days
    yield Times(moments, tuple(name for name in used if name), "")


def _parts_of_years(frame: Any) -> Iterator[Times]:
    """A year, and a quarter or a week of it, each in a column of its own."""
    year_name = _called(frame, PARTS["year"])
    year = None if year_name is None else _whole(frame[year_name])
    for part, names in OF_A_YEAR.items():
        name = _called(frame, names)
        number = None if name is None or year is None else _quarter_or_whole(frame[name])
        if year is None or number is None:
            continue
        present = (year != MISSING) & (number != MISSING)
        least, most = SPELT_YEARS
        if not present.any() or (year[present] < least).any() or (year[present] > most).any():
            continue
        if (number[present] < 1).any() or number[present].max() > (4 if part == "quarter" else 53):
            continue
        moments = (_quarters if part == "quarter" else _weeks)(year[present], number[present])
        whole = np.full(len(year), np.datetime64("NaT"), "datetime64[us]")
        whole[present] = moments
        yield Times(whole, (year_name or "", name or ""), f"read as year and {part}, ")


def _quarters(year: Whole, quarter: Whole) -> Moments:
    """The first day of each quarter."""
    months: Moments = ((year - 1970) * 12 + 3 * (quarter - 1)).astype("datetime64[M]")
    return months.astype("datetime64[D]")


def _weeks(year: Whole, week: Whole) -> Moments:
    """The Monday of each ISO week. The first week of a year is the one with the fourth of January."""
    fourth = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + np.timedelta64(3, "D")
    monday: Moments = fourth - (fourth.astype(np.int64) + 3) % 7 * np.timedelta64(1, "D")
    return monday + (week - 1) * np.timedelta64(7, "D")


def _quarter_or_whole(series: Any) -> Whole | None:
    """Whole numbers, or quarters such as Q1."""
    text = _text(series)
    if text is None:
        return _whole(series)
    quarters = [QUARTER.fullmatch(level.strip()) for level in text[1]]
    if any(quarter is None for quarter in quarters):
        return _whole(series)
    return np.array([*(int(quarter[1]) for quarter in quarters if quarter), MISSING])[text[0]]


def _called(frame: Any, names: Sequence[str]) -> str | None:
    return next((name for name in frame.columns if name.strip("<>").lower() in names), None)


def _month_or_whole(series: Any) -> Whole | None:
    """Whole numbers, or months by their English names."""
    text = _text(series)
    if text is None or not all(MONTH.fullmatch(level.lower()) for level in text[1]):
        return _whole(series)
    order = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    return np.array([*(order.index(level[:3].lower()) + 1 for level in text[1]), MISSING])[text[0]]


def _years(frame: Any) -> Iterator[Times]:
    """Whole numbers that read as years: most differ by 1 at most from the line before, or the name says `year`."""
    for name, values in sorted(_whole_columns(frame), key=lambda column: "year" not in column[0].lower()):
        years = values[values != MISSING]
        if years.min() < YEARS[0] or years.max() > YEARS[1]:
            continue
        neighbours = np.abs(np.diff(years)) <= 1
        if "year" in name.lower() or (neighbours.mean() > HALF and len(np.unique(years)) > 2):
            moments = (years - 1970).astype("datetime64[Y]")
            yield Times(_placed(values, moments), (name,), "read as years, ")


def _with_clock(frame: Any, times: Times) -> Times:
    """The dates with the time of day from another column, if they have none themselves."""
    moments = times.moments.astype("datetime64[us]")
    present = ~np.isnat(moments)
    if (moments[present] != moments[present].astype("datetime64[D]")).any():
        return times
    for name in frame.columns.drop(list(times.columns)):
        clock = _clock(name, frame[name])
        if clock is None or len(np.unique(clock)) == 1:
            continue
        both = moments + np.where(clock == MISSING, 0, clock) * np.timedelta64(1, "us")
        both[clock == MISSING] = np.datetime64("NaT")
        if NAMED_CLOCK.search(name) or fullness(both) > HALF:
            return Times(both, (*times.columns, name), times.how)
    return times


def _clock(name: str, series: Any) -> Whole | None:
    """Times of day in microseconds: text, an hour, or whole numbers such as 230000 in a column called `time`."""
    if (text := _text(series)) is not None:
        read = [clock_time(level) if re.search(r"[:.h]|[ap]\.?m", level, re.IGNORECASE) else None for level in text[1]]
        if any(time is None for time in read):
            return None
        return np.array([*(time or 0 for time in read), MISSING])[text[0]]
    plain = name.strip("<>").lower()
    values = _whole(series) if plain in HOUR or plain == "time" else None
    if values is None:
        return None
    present = values[values != MISSING]
    if plain in HOUR:
        hours, minutes, seconds = present, present * 0, present * 0
    else:
        full = present if present.max() > 2400 else present * 100
        hours, minutes, seconds = full // 10_000, full // 100 % 100, full % 100
    if present.min() < 0 or hours.max() > 24 or minutes.max() > 59 or seconds.max() > 59:
        return None
    clock = np.full(len(values), MISSING)
    clock[values != MISSING] = (hours * 3600 + minutes * 60 + seconds) * SECOND
    return clock


def _nearly(file: OwnFile) -> str:
    """In words: which value keeps a column from being a column of times, if its first value reads as a date."""
    frame = file.frame
    for name in frame.columns:
        text = _text(frame[name])
        if text is None or read_moments(text[1][:1]) is None:
            continue
        fits, fails = 1, len(text[1])
        while fails - fits > 1:
            middle = (fits + fails) // 2
            fits, fails = (middle, fails) if read_moments(text[1][:middle]) is not None else (fits, middle)
        row = int(np.flatnonzero(text[0] == fits)[0])
        value = printable(text[1][fits])[:40]
        return f" (the values of `{name}` are dates up to {file.where(frame.index[row])}, which holds {value!r})"
    return ""
