"""Daily sales of many articles, with trend, seasons, promotions and holidays: generated, any number of values."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, Values, panel, wave
from residency.harness.dataset import decoded, generated_from

HORIZON = 28  # days
WEEK, YEAR = 7, 364  # a year of 52 weeks, so that weekdays and holidays come back together
HISTORY = 3 * YEAR
DAYS = HISTORY + HORIZON
NOISE = 0.15  # of the expected sales
PROMOTED = 0.1  # of all weeks
HOLIDAYS = (0, 5, 95, 98, 123, 134, 277, 358, 359)  # days of the year; two of them lie in the horizon
WEEKDAYS = np.array([0.8, 0.75, 0.8, 0.95, 1.3, 1.6, 0.8])
FEWEST = 8  # series: from fewer, trees learn too little
CHUNK = 1_000  # series


@decoded(29.4)
@generated_from(FEWEST * DAYS)
def retail(rows: int, seed: int) -> Panel:
    """Sales of an article in a shop on 1,120 days; the last 28 are to be forecast: rows / 1,120 series.

    The expected sales of a day are the product of the article's level, a straight trend, its weekdays, its season of
    the year (up to 40 %), its promotions (a tenth of all weeks, 20 to 100 % more) and its holidays (nine days a year,
    from a tenth of the sales to three times as many). Promotions and holidays are known in advance; their effect on
    each article is not. Noise is normal, 15 % of the expected sales. These are kept: a forecast can be better than they
    are only by chance. Their MASE is about 0.5; repeating the last week has 1.6 to 1.7. The features say for only one
    past day whether it was promoted, and trees do not average out all noise: they reach 0.71 from 40 series, 0.66 from
    2,000.
    """
    series = max(1, rows // DAYS)
    generator = np.random.default_rng(seed)
    sales = np.empty((series, DAYS))
    expected = np.empty((series, HORIZON))
    known = np.empty((2, series, DAYS), np.float32)
    holiday = np.zeros(DAYS)
    holiday[np.isin(np.arange(DAYS) % YEAR, HOLIDAYS)] = 1.0
    known[1] = holiday
    for start in range(0, series, CHUNK):
        part = slice(start, min(series, start + CHUNK))
        promotion = np.repeat(generator.random((part.stop - start, DAYS // WEEK)) < PROMOTED, WEEK, axis=1)
        mean = _expected(generator, promotion, holiday)
        sales[part] = mean * (1.0 + NOISE * generator.standard_normal(mean.shape))
        expected[part] = mean[:, HISTORY:]
        known[0, part] = promotion
    return panel(
        list(sales), horizon=HORIZON, season=WEEK, long_season=YEAR, known=known.reshape(2, -1), phases=(WEEK, YEAR),
        names=("promotion", "holiday"), expected=expected,
    )  # fmt: skip


def _expected(generator: np.random.Generator, promotion: np.ndarray, holiday: Values) -> Values:
    """The expected sales of each article on each day, shape (series, days)."""

    def each(least: float, most: float) -> Values:
        return generator.uniform(least, most, (len(promotion), 1))

    day = np.arange(DAYS)
    mean = 5.0 + 195.0 * each(0.0, 1.0) * each(0.0, 1.0) * each(0.0, 1.0)  # few articles sell much
    mean = mean * (1.0 + each(-0.4, 0.6) * day / DAYS)
    mean = mean * (WEEKDAYS * generator.uniform(0.7, 1.3, (len(promotion), WEEK)))[:, day % WEEK]
    mean = mean * (1.0 + each(0.0, 0.4) * wave((day + np.floor(each(0.0, YEAR))) / YEAR))
    mean = mean * (1.0 + each(0.2, 1.0) * promotion)
    sold: Values = mean * np.where(holiday > 0, each(0.1, 3.0), 1.0)
    return sold
