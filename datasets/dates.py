"""Dates and times: text that reads as such, as days since the earliest."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
DATE_FORMATS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y")
TIME_FORMATS = ("", " %H:%M", " %H:%M:%S")
DAYS = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}  # units of time in a day


def read_dates(text: Any) -> tuple[NDArray[np.float64], str] | None:
    """Different texts (a pandas.Index) as days since the earliest, and how they were read; None where not all are."""
    import pandas as pd

    if not DATE.match(text[0]):
        return None
    for form in ("ISO8601", *(date + time for date in DATE_FORMATS for time in TIME_FORMATS)):
        try:
            moments = pd.to_datetime(text, format=form, utc=True).tz_localize(None)
        except ValueError:
            continue
        how = form.replace("%d", "day").replace("%m", "month").replace("%Y", "year")
        return in_days(moments.to_numpy(), f"read as {how}, ")
    return None


def in_days(moments: NDArray[Any], read: str = "") -> tuple[NDArray[np.float64], str]:
    """Moments or durations as days since the least of them, computed as floats: differences of integers overflow."""
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
