"""Hourly loads with a day, a week and deviations that last for hours: generated, any number of values."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, Values, panel, wave
from residency.harness.dataset import decoded, generated

DAY, WEEK = 24, 168
HORIZON = 2 * DAY
HISTORY = 960  # hours, as the longer series of M4 hourly have
STEPS = HISTORY + HORIZON
LASTING = 0.95  # of a deviation that is left an hour later
SHOCK = 0.02  # of the level: the standard deviation of what is new in each hour


@decoded(21.8)
@generated
def hourly_load(rows: int, seed: int) -> Panel:
    """Loads of a district in 1,008 hours; the last 48 are to be forecast: rows / 1,008 series.

    A load is a daily pattern (two waves), lower at the weekend by 10 to 40 %, and a deviation. What is left of the
    deviation of an hour before is 95 %; what is new is normal, 2 % of the level. Weeks begin at another hour in each
    series, and no calendar is given, as in M4 hourly. The best forecast follows the last deviation on its way back to
    the pattern. It is the truth here, and a forecast can be better only by chance.
    """
    count = max(1, rows // STEPS)
    generator = np.random.default_rng(seed)

    def each(least: float, most: float) -> Values:
        return generator.uniform(least, most, (count, 1))

    level = 10.0 + 10_000.0 * each(0.0, 1.0) * each(0.0, 1.0)  # few districts need much
    step = np.arange(STEPS) + np.floor(each(0.0, WEEK))
    daily = each(0.1, 0.4) * wave(step / DAY + each(-0.1, 0.1)) + each(0.0, 0.2) * wave(2 * step / DAY + each(0.0, 1.0))
    weekend = 1.0 - each(0.1, 0.4) * (step % WEEK >= 5 * DAY)
    pattern = (1.0 + daily) * weekend
    deviation = np.zeros((count, STEPS))
    shock = SHOCK * generator.standard_normal((count, STEPS))
    for now in range(1, STEPS):
        deviation[:, now] = LASTING * deviation[:, now - 1] + shock[:, now]
    left = deviation[:, HISTORY - 1 : HISTORY] * np.full(HORIZON, LASTING).cumprod()
    return panel(
        list(level * (pattern + deviation)), horizon=HORIZON, season=DAY, long_season=WEEK,
        expected=level * (pattern[:, HISTORY:] + left),
    )  # fmt: skip
