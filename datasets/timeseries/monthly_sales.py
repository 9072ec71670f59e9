"""Monthly sales of many articles, each with a drifting level, trend and season: generated, any number of values."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, Values, panel, wave
from residency.harness.dataset import decoded, generated

YEAR = 12  # months, and what is to be forecast
HISTORY = 10 * YEAR
MONTHS = HISTORY + YEAR
CHUNK = 50_000  # series


@decoded(22.5)
@generated
def monthly_sales(rows: int, seed: int) -> Panel:
    """Sales of an article in each of 132 months; the last 12 are to be forecast: rows / 132 series.

    Each series follows the model that exponential smoothing assumes, with parameters of its own: what a month sells is
    level + trend + season + surprise. The surprise then moves the level by 5 to 50 % of its size, the trend by up to
    2 % and the season by up to 30 %. So the best forecast is known: the states at the end of the history, continued
    without surprises. A forecast can be better only by chance. Its MASE is about 0.70, and that of repeating the last
    season 1.1 to 1.2. Fitted parameters reach 0.74 from 20,000 series: ten years do not show the states exactly.
    """
    series = max(1, rows // MONTHS)
    generator = np.random.default_rng(seed)
    sales = np.empty((series, MONTHS))
    expected = np.empty((series, YEAR))
    for start in range(0, series, CHUNK):
        part = slice(start, min(series, start + CHUNK))
        sales[part], expected[part] = _sold(generator, part.stop - start)
    return panel(list(sales), horizon=YEAR, season=YEAR, expected=expected)


def _sold(generator: np.random.Generator, series: int) -> tuple[Values, Values]:
    """The sales, shape (series, months), and the best forecast of the last year, shape (series, 12)."""

    def each(least: float, most: float) -> Values:
        return generator.uniform(least, most, series)

    scale = each(5.0, 200.0)
    level, trend = 10.0 * scale, each(-0.02, 0.08) * scale
    month = np.arange(YEAR)[:, None]
    season = scale * (each(0.5, 3.0) * wave(month / YEAR + each(0.0, 1.0)) + 0.5 * each(0.0, 1.0) * wave(month / 4.0))
    to_level, to_trend, to_season = each(0.05, 0.5), each(0.0, 0.02), each(0.0, 0.3)
    sales, expected = np.empty((series, MONTHS)), np.empty((series, YEAR))
    for step in range(MONTHS):
        now = season[step % YEAR]
        if step == HISTORY:
            ahead = np.arange(1.0, YEAR + 1.0)
            expected[:] = level[:, None] + trend[:, None] * ahead + season[(step + np.arange(YEAR)) % YEAR].T
        surprise = scale * generator.standard_normal(series)
        sales[:, step] = level + trend + now + surprise
        level = level + trend + to_level * surprise
        trend = trend + to_trend * surprise
        season[step % YEAR] = now + to_season * surprise
    return sales, expected
