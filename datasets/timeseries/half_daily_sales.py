"""Half-daily sales of many shops, with trend, seasons, weather and web visits: generated, any number of values."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.series import Panel, Values, panel, wave
from residency.harness.dataset import decoded, generated

WEEK, YEAR = 14, 52 * 14  # half days; a year of 52 weeks
HORIZON = WEEK
HISTORY = 2 * YEAR
STEPS = HISTORY + HORIZON
NOISE = 0.08  # of the shop's level
REGIONS = 10  # with a weather of their own
MORNINGS = np.array([0.80, 0.70, 0.75, 0.85, 1.05, 1.30, 0.75])  # of a shop's level, from Monday to Sunday
EVENINGS = np.array([0.95, 0.90, 0.95, 1.10, 1.45, 1.25, 0.60])
CAMPAIGNS = 0.15  # of all weeks: many visits on the web
NAMES = ("temperature", "rain", "web_visits", "open_air")
CHUNK = 1_000  # shops


@decoded(37.3)
@generated
def half_daily_sales(rows: int, seed: int) -> Panel:
    """Sales of a shop in 1,470 half days, 105 weeks; the last week is to be forecast: rows / 1,470 series.

    The expected sales are a sum, in parts of the shop's level: a line with one bend (the trend), a pattern of the 14
    half days of a week, a season of the year (up to 15 %), and four effects of what is known in advance:

        rain          above 2 mm, growing up to 12 mm: up to -35 % at an open-air shop, up to +15 % at any other
        heat          above 24 degrees: 2 % a degree at any shop, 4 % at an open-air one, for 10 degrees at most
        frost         below 0 degrees: -15 % at an open-air shop
        web visits    of the shop's page one week earlier, 1 is usual: +25 % at 2, +50 % from 4 on, straight between

    So each column alone says little: thresholds, a level where growth ends, and what kind of shop it is decide. The
    weather is known as a forecast, the web visits because they lie a week back. Noise is normal, 8 % of the level. It
    is all that the truth misses: a forecast can be better than the truth only by chance.
    """
    shops = max(1, rows // STEPS)
    generator = np.random.default_rng(seed)
    temperature, rain = _weather(generator)
    sales = np.empty((shops, STEPS))
    expected = np.empty((shops, HORIZON))
    known = np.empty((len(NAMES), shops, STEPS), np.float32)
    for start in range(0, shops, CHUNK):
        part = slice(start, min(shops, start + CHUNK))
        size = part.stop - start
        region = generator.integers(REGIONS, size=size)
        open_air = (generator.random((size, 1)) < 0.4) * np.ones(STEPS)
        columns = (temperature[region], rain[region], _visits(generator, size), open_air)
        level = 50.0 + 950.0 * generator.random((size, 1)) * generator.random((size, 1))  # few shops sell much
        mean = level * (_regular(generator, size) + _effects(*columns))
        sales[part] = mean + level * NOISE * generator.standard_normal(mean.shape)
        expected[part] = mean[:, HISTORY:]
        for place, column in enumerate(columns):
            known[place, part] = column
    return panel(
        list(sales), horizon=HORIZON, season=WEEK, long_season=YEAR, known=known.reshape(len(NAMES), -1),
        phases=(WEEK, YEAR), names=NAMES, expected=expected,
    )  # fmt: skip


def _weather(generator: np.random.Generator) -> tuple[Values, Values]:
    """Temperature in degrees Celsius and rain in millimetres of each region, shape (REGIONS, STEPS).

    Both have weather that lasts a few days; afternoons are warmer than mornings.
    """
    step = np.arange(STEPS)
    lasting = np.zeros((2, REGIONS, STEPS))
    shock = generator.standard_normal((2, REGIONS, STEPS))
    for now in range(1, STEPS):
        lasting[:, :, now] = 0.8 * lasting[:, :, now - 1] + 0.6 * shock[:, :, now]  # standard deviation 1
    climate = generator.uniform(9.0, 15.0, (REGIONS, 1))
    temperature = climate + 10.0 * wave(step / YEAR - 0.3) + 6.0 * (step % 2) - 3.0 + 4.0 * lasting[0]
    return temperature, np.maximum(0.0, 6.0 * lasting[1] - 3.0)


def _visits(generator: np.random.Generator, shops: int) -> Values:
    """Visits of each shop's page one week before each half day, 1 is usual; campaigns last a week."""
    campaign = generator.random((shops, STEPS // WEEK)) < CAMPAIGNS
    strength = np.where(campaign, generator.uniform(1.5, 6.0, campaign.shape), 1.0)
    return np.repeat(strength, WEEK, axis=1) * generator.uniform(0.8, 1.2, (shops, STEPS))


def _regular(generator: np.random.Generator, shops: int) -> Values:
    """What comes back or goes on: trend, week and year of each shop, in parts of its level."""

    def each(least: float, most: float) -> Values:
        return generator.uniform(least, most, (shops, 1))

    step = np.arange(STEPS)
    week = np.stack([MORNINGS, EVENINGS], axis=1).ravel() * generator.uniform(0.8, 1.2, (shops, WEEK))
    bend = np.maximum(0.0, step - np.floor(each(0.3, 0.7) * HISTORY)) / HISTORY
    trend = each(-0.2, 0.3) * step / HISTORY + each(-0.4, 0.4) * bend
    year = each(0.0, 0.15) * wave((step + np.floor(each(0.0, YEAR))) / YEAR)
    regular: Values = week[:, step % WEEK] + trend + year
    return regular


def _effects(temperature: Values, rain: Values, visits: Values, open_air: Values) -> Values:
    """What the known columns do to the sales, in parts of a shop's level."""
    wet = np.clip(rain - 2.0, 0.0, 10.0) / 10.0
    hot = np.clip(temperature - 24.0, 0.0, 10.0)
    effect: Values = wet * np.where(open_air > 0, -0.35, 0.15)
    effect = effect + hot * np.where(open_air > 0, 0.04, 0.02)
    effect = effect - 0.15 * (temperature < 0.0) * open_air
    effect = effect + 0.25 * np.clip(visits - 1.0, 0.0, 1.0) + 0.125 * np.clip(visits - 2.0, 0.0, 2.0)
    return effect
