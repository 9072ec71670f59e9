"""Weekly sales of many shops, each with its own level, trend, price, promotions and season: any number of values."""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.groups import Groups, Values, student
from residency.datasets.timeseries.series import wave
from residency.harness.dataset import decoded, generated_from

YEAR = 52
WEEKS = 3 * YEAR
NAMES = ("level", "trend", "price", "promotion", "spring", "summer")
MEAN = np.array([5.0, 0.05, -0.2, 0.4, 0.1, -0.05])  # of the shops' coefficients
SPREAD = np.array([0.8, 0.1, 0.08, 0.15, 0.1, 0.1])  # their standard deviation
NOISE = 0.1
PRICED = 4  # weeks for which a price holds
PROMOTED = 0.2  # of all weeks
FEWEST = 8  # shops: fewer do not show how shops differ
CHUNK = 1_000  # shops


@decoded(28.3)
@generated_from(FEWEST * WEEKS)
def weekly_sales(rows: int, seed: int) -> Groups:
    """The logarithm of a shop's sales in each of 156 weeks: rows / 156 shops.

    It is a sum: the shop's level; a trend from -1 to 1 over the three years; the price in steps of 10 % above the usual
    one, new every four weeks; promotions, in a fifth of the weeks; two waves of the year. Each shop has six
    coefficients of its own, drawn from normal distributions that all shops share: a price that is 10 % higher lowers
    the logarithm by 0.2 on average, with a standard deviation of 0.08 among the shops. Noise has Student's t
    distribution with four degrees of freedom and a scale of 0.1, so a few weeks are far off. The coefficients are kept
    as the truth: of the right 90 % intervals, 90 % hold them.
    """
    shops = max(1, rows // WEEKS)
    generator = np.random.default_rng(seed)
    coefficients = MEAN + SPREAD * generator.standard_normal((shops, len(NAMES)))
    x = np.empty((shops, len(NAMES), WEEKS), np.float32)
    y = np.empty((shops, WEEKS), np.float32)
    for start in range(0, shops, CHUNK):
        part = slice(start, min(shops, start + CHUNK))
        x[part] = _columns(generator, part.stop - start)
        sales = NOISE * student(generator, (part.stop - start, WEEKS))
        for column in range(len(NAMES)):
            sales += x[part, column] * coefficients[part, column, None]
        y[part] = sales
    return Groups(x, y, NAMES, coefficients=coefficients)


def _columns(generator: np.random.Generator, shops: int) -> Values:
    """What explains the sales, shape (shops, columns, weeks)."""
    week = np.arange(WEEKS)
    columns = np.empty((shops, len(NAMES), WEEKS))
    columns[:, 0] = 1.0
    columns[:, 1] = 2.0 * week / (WEEKS - 1) - 1.0
    columns[:, 2] = np.repeat(generator.standard_normal((shops, WEEKS // PRICED)), PRICED, axis=1)
    columns[:, 3] = (generator.random((shops, WEEKS)) < PROMOTED) - PROMOTED
    columns[:, 4], columns[:, 5] = wave(week / YEAR), wave(week / YEAR - 0.25)
    return columns
