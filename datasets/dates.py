"""Dates and times: which moments text and whole numbers stand for.

    text           examples
    ISO 8601       2024-12-31, 2024-12-31T23:00:00+01:00, 20241231T2300
    year first     2024/12/31, 2024.12.31, 2024-Dec-31
    year last      31.12.2024, 12/31/2024, 31/12/2024, 12-31-2024, 31-12-2024, 31-Dec-2024, 31DEC2024, Dec 31, 2024
    two digits     31/12/02, 12/31/02, 31.12.02, 31-Dec-02, 02/12/31: 69 to 99 are 1969 to 1999, as in POSIX; all are
                   in the last century if this alone puts the times on a grid
    without a day  2024-12, 2024/12, 12/2024, 2024M12, Dec 2024, Dec-24: the month's first day
    quarters       2024-Q4, 2024Q4, Q4 2024, 4Q2024: the quarter's first day
    ISO weeks      2024-W52, 2024-W52-7: the week's Monday, or that day
    time of day    after any of these: 23:00, 1:00, 23:00:00.5, 23.00.00, 11:00 PM, 11 PM, 24:00; Z, UTC, +01:00

All values of a column are read in the same way. If several ways fit all values, the one that puts the times on a grid
is used: the first of each month rather than the first twelve days of each January. If that does not decide, the month
comes first, and it is said that the day could; but between points the day comes first: 03.04.2025 is in April. Times
with several offsets are converted to UTC. If they lie on a grid only as the clock showed them, they are read so: days
that begin at midnight, in summer and in winter.

Whole numbers are dates only for a series' time: 20241231, 2024123123, 202412312300, 20241231230000; 202412 if the
months follow each other; seconds, milli-, micro- or nanoseconds since 1970 if the column's name says it is a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAYS = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}  # units of time in a day
SECOND = 1_000_000  # microseconds
FULLER = 2.0  # times as full: so must a grid be to be preferred to the grid of a likelier reading

SEPARATORS = re.compile(r"[-/., ']*")
TOKEN = re.compile(r"\d+|[a-z]+")
MONTH = re.compile(
    r"jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?"
    r"|dec(ember)?"
)
SHAPES: dict[str, tuple[str, ...]] = {  # a date's tokens: Y has four digits, C eight, D one or two, N names a month
    "Y-D-D": ("%Y-%m-%d",),
    "D-D-Y": ("%m-%d-%Y", "%d-%m-%Y"),
    "D-D-D": ("%m-%d-%y", "%d-%m-%y", "%y-%m-%d"),
    "D-N-Y": ("%d-%b-%Y",),
    "D-N-D": ("%d-%b-%y",),
    "N-D-Y": ("%b-%d-%Y",),
    "Y-N-D": ("%Y-%b-%d",),
    "C": ("%Y%m%d",),
    "Y-D": ("%Y-%m",),
    "D-Y": ("%m-%Y",),
    "Y-m-D": ("%Y-m-%m",),
    "N-Y": ("%b-%Y",),
    "Y-N": ("%Y-%b",),
    "N-D": ("%b-%y",),
    "Y-q-D": ("%Y-q-%m",),  # a quarter is read as a month from 1 to 4 at first
    "q-D-Y": ("q-%m-%Y",),
    "D-q-Y": ("%m-q-%Y",),
    "Y-w-D": ("%G-w-%V",),
    "Y-w-D-D": ("%G-w-%V-%u",),
}
MONTH_FIRST = re.compile(r"read as month(\W)day(\W(?:two-digit )?year)")
WORDS = {
    "Y": "year", "y": "two-digit year", "m": "month", "d": "day", "b": "month", "G": "year", "V": "week",
    "u": "weekday",
}  # fmt: skip
ISO = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}T")
OFFSET = r"[-+]\d{2}:?\d{2}$"
DATE_AND_CLOCK = r"^(?P<date>.*?[^ ,;T])(?:[ ,;T]+(?P<clock>\d{1,2}(?:[:.h]\d{2}.*|\s?[AaPp]\.?[Mm]\.?)))?$"
CLOCK = re.compile(
    r"(\d{1,2})(?:[:.h](\d{2}))?(?:[:.](\d{2})(?:[.,](\d{1,9}))?)?"
    r"\s*(?:([ap])\.?m\.?)?\s*(z|utc|gmt|[-+]\d{2}:?\d{2})?",
    re.IGNORECASE,
)

Moments = NDArray[Any]  # of type datetime64; NaT is missing
Reading = tuple[Moments, str]  # the moments, and how they were read


def read_dates(text: Any) -> tuple[NDArray[np.float64], str] | None:
    """Different texts (a pandas.Index) as days since the earliest, and how they were read; None if not all are."""
    reading = read_moments(text)
    return None if reading is None else in_days(*reading)


def in_days(moments: NDArray[Any], read: str = "") -> tuple[NDArray[np.float64], str]:
    """Moments or durations as days since the earliest, computed as floats: differences of integers may overflow."""
    unit, step = np.datetime_data(moments.dtype)
    missing = np.isnat(moments)
    days = moments.astype(np.int64).astype(np.float64) * (step / DAYS[unit])
    if missing.all():
        return np.full(len(days), np.nan), ""
    least = days[~missing].min()
    days = np.where(missing, np.nan, days - least)
    first = moments[~missing].min()
    note = f"dates, {read}as days since {first.astype('datetime64[s]')}" if moments.dtype.kind == "M" else "in days"
    return days, note


def read_moments(text: Any) -> Reading | None:
    """Different texts (a pandas.Index) as moments, and how they were read; None if not all are."""
    if ISO.match(text[0]) and (iso := _iso(text)) is not None:
        return iso
    first = _split(text[:1])
    if first is None or not _readings(first[0].levels):  # most text is no date: the first value shows it
        return None
    split = _split(text)
    if split is None:
        return None
    dates, clocks = split
    times = [clock_time(clock) for clock in clocks.levels]
    shifts = np.array([time for time in times if time is not None], np.int64)
    if len(shifts) < len(times):
        return None
    shift = shifts[clocks.codes]
    moments = [((days[dates.codes] + shift).astype("datetime64[us]"), how) for days, how in _readings(dates.levels)]
    return _on_a_grid(moments) if moments else None


def _iso(text: Any) -> Reading | None:
    """ISO 8601 in UTC; or as the clock showed, if the offsets differ and this alone puts the times on a grid."""
    import pandas as pd

    try:
        moments = pd.to_datetime(text, format="ISO8601", utc=True).tz_localize(None).to_numpy()
        if not text.str.contains(OFFSET).all():
            return moments, "read as ISO8601, "
        shown = pd.to_datetime(text.str.replace(OFFSET, "", regex=True), format="ISO8601").to_numpy()
    except ValueError:
        return None
    if len(np.unique(shown - moments)) == 1:
        return moments, "read as ISO8601, "
    return in_utc_or_as_shown(moments, shown, "read as ISO8601, ")


def in_utc_or_as_shown(moments: Moments, shown: Moments, read: str = "") -> Reading:
    """Moments in UTC; or those that the clock showed, if this alone puts the times on a grid."""
    return _on_a_grid([(moments, f"{read}in UTC, "), (shown, f"{read}as the clock showed, ")])


@dataclass(frozen=True)
class _Part:
    """A part of the texts, such as the date: its different values, and which of them each text has."""

    levels: list[str]
    codes: NDArray[np.intp]


def _split(text: Any) -> tuple[_Part, _Part] | None:
    """The dates and the times of day (empty if there is none) of texts; None if one text has no date."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import compute

    matches = compute.extract_regex(pa.array(text, pa.large_string()), DATE_AND_CLOCK)
    if matches.null_count:
        return None
    parts = []
    for name in ("date", "clock"):
        codes, levels = pd.factorize(compute.struct_field(matches, name).to_numpy(zero_copy_only=False))
        parts.append(_Part([str(level) for level in levels], codes))
    return parts[0], parts[1]


def clock_time(text: str) -> int | None:
    """A time of day in microseconds, less its offset from UTC; None if it is no time. An empty text is midnight."""
    if not text:
        return 0
    read = CLOCK.fullmatch(text.strip())
    if read is None:
        return None
    hour, minute, second = (int(part or 0) for part in read.group(1, 2, 3))
    if half := read[5]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.lower() == "p")
    if minute > 59 or second > 59 or hour * 3600 + minute * 60 + second > 86_400:
        return None
    seconds = hour * 3600 + minute * 60 + second
    if (zone := read[6]) and zone[0] in "+-":
        ahead = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
        seconds -= ahead if zone[0] == "+" else -ahead
    return seconds * SECOND + int((read[4] or "").ljust(6, "0")[:6])


def _readings(dates: Sequence[str]) -> list[tuple[NDArray[np.int64], str]]:
    """All ways to read dates, the likeliest first: microseconds since 1970, and how each part was read."""
    import pandas as pd

    tokens = [_tokens(date) for date in dates]
    shape = tokens[0][0]
    if shape not in SHAPES or any(other != shape for other, _ in tokens):
        return []
    plain = pd.Index([joined for _, joined in tokens])
    readings = []
    for form in SHAPES[shape]:
        if "." in dates[0] and form.startswith("%m-%d"):  # between points, the day comes before the month
            continue
        week = form.endswith("%V")
        try:
            moments = pd.to_datetime(plain + "-1" if week else plain, format=form + "-%u" if week else form)
        except ValueError:
            continue
        year, month = moments.year.to_numpy(), moments.month.to_numpy()
        if form == "%Y-%m" and len(plain) > 1 and ((year + 1) % 100 == month).all():
            continue  # 2008/09, 2009/10: years that begin in summer, not months
        if "q" in form:
            if month.max() > 4:
                continue
            moments = pd.to_datetime({"year": year, "month": 3 * month - 2, "day": 1})
        days = moments.to_numpy().astype("datetime64[us]").astype(np.int64)
        readings.append((days, f"read as {_in_words(dates[0], form)}, "))
        if "%y" in form and year.min() < 2000 <= year.max():
            earlier = _of_last_century(days.astype("datetime64[us]"))
            readings.append((earlier.astype(np.int64), f"read as {_in_words(dates[0], form)}, all before 2000, "))
    return readings


def _of_last_century(moments: Moments) -> Moments:
    """The moments, with dates after 1999 moved a hundred years back."""
    months = moments.astype("datetime64[M]")
    into = moments - months
    earlier = np.where(months >= np.datetime64("2000-01"), months - np.timedelta64(1200, "M"), months)
    return np.asarray(earlier.astype("datetime64[us]") + into)


def _tokens(date: str) -> tuple[str, str]:
    """A date's shape, empty if it has none, and its tokens joined by hyphens."""
    plain = date.lower()
    if not SEPARATORS.fullmatch(TOKEN.sub("", plain)):
        return "", ""
    shape, tokens = [], []
    for token in TOKEN.findall(plain):
        named = MONTH.fullmatch(token)
        tokens.append(token[:3] if named else token)
        if token.isdigit():
            shape.append({1: "D", 2: "D", 4: "Y", 8: "C"}.get(len(token), "?"))
        else:
            shape.append("N" if named else token)
    return "-".join(shape), "-".join(tokens)


def _in_words(date: str, form: str) -> str:
    """How a date is read, in words: `day/month/year` for 31/12/2024."""
    if form == "%Y%m%d":
        return "year, month and day"
    separator = re.search(r"[-/. ]", date)
    words = [WORDS[part[1]] for part in form.split("-") if part[0] == "%"]
    return (separator[0] if separator else " ").join(words).replace("month", "quarter" if "q" in form else "month")


def _on_a_grid(readings: Sequence[Reading]) -> Reading:
    """The first reading, unless the times lie on a much fuller grid under another."""
    first, *others = readings
    if not others:
        return first
    full = fullness(first[0])
    fullest = max(others, key=lambda reading: fullness(reading[0]))
    if fullness(fullest[0]) <= FULLER * full:
        return first[0], _open_order(first, others)
    return fullest[0], f"{fullest[1]}because they then lie on a grid, "


def _open_order(first: Reading, others: Sequence[Reading]) -> str:
    """How the first reading was read, and whether the order of day and month could be the other one."""
    read = MONTH_FIRST.match(first[1])
    if read is None:
        return first[1]
    order = f"day{read[1]}month{read[2]}"
    fits = any(how == f"read as {order}, " and (moments != first[0]).any() for moments, how in others)
    return f"{read[0]} ({order} fits, too), " if fits else first[1]


def fullness(moments: Moments) -> float:
    """Which share of the coarsest grid through all these moments they fill; 0 if there are fewer than three.

    If all moments lie at the same place in their months, a step of the grid is a number of months.
    """
    times = np.unique(moments[~np.isnat(moments)]).astype("datetime64[us]")
    if len(times) < 3:
        return 0.0
    months = times.astype("datetime64[M]")
    ends = (times + np.timedelta64(1, "D")).astype("datetime64[M]")
    if len(np.unique(times - months)) == 1:
        steps = months.astype(np.int64)
    elif len(np.unique(times + np.timedelta64(1, "D") - ends)) == 1:
        steps = ends.astype(np.int64)
    else:
        steps = times.astype(np.int64)
    apart = np.gcd.reduce(np.diff(steps))
    return float(len(steps) / ((steps[-1] - steps[0]) / apart + 1)) if apart else 0.0
