"""New York's taxi passengers by half days, with the public holidays: a real series like the sales of a shop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.timeseries.nab import TAXI, TAXI_SOURCE, readings
from residency.datasets.timeseries.series import Panel, panel
from residency.harness.dataset import public

WEEK = 14  # half days
HALF_DAY = 24  # half hours
LAST = np.datetime64("2015-01-25")  # the blizzard of 26 January is left out
HOLIDAYS = np.array(  # of the United States, and the days that go with them
    [
        "2014-07-04", "2014-09-01", "2014-10-13", "2014-11-11", "2014-11-27", "2014-11-28", "2014-12-24",
        "2014-12-25", "2014-12-31", "2015-01-01", "2015-01-19",
    ],
    "datetime64[D]",
)  # fmt: skip


@public(TAXI_SOURCE)
def half_daily_taxis(source: Path) -> Panel:
    """Passengers of New York's taxis in each half day from 1 July 2014 to 25 January 2015; the last week to forecast.

    One series of 418 half days. Lavin and Ahmad (2015), Numenta Anomaly Benchmark, MIT licence; from the city's Taxi
    and Limousine Commission. Known in advance are holidays (public ones, the day after Thanksgiving, 24 and 31
    December), the days before them, and the days after. Monday of the last week is one, Martin Luther King Day. The
    file's last six days are left out: they hold a blizzard that no calendar knows of.
    """
    values, times = readings(TAXI_SOURCE, source, TAXI)
    half = values.reshape(-1, HALF_DAY).sum(axis=1)
    day = times[::HALF_DAY].astype("datetime64[D]")
    kept = day <= LAST
    half, day = half[kept], day[kept]
    known = np.stack([np.isin(day + shift, HOLIDAYS) for shift in (0, 1, -1)]).astype(np.float32)
    monday = int((day[0] - np.datetime64("1970-01-05", "D")).astype(int)) * 2  # half days since a Monday
    return panel(
        [half], horizon=WEEK, season=WEEK, phases=(WEEK,), starts=[monday], known=known,
        names=("holiday", "day_before", "day_after"), remarks=("the last six days, with a blizzard, are left out",),
    )  # fmt: skip
