"""Batch the forecasts: two thousand series by array operations, instead of one after the other."""

from __future__ import annotations

import numpy as np

from residency.labs.lab import Demand, Lab, Random, Within, rounding

Arguments = tuple[np.ndarray, int, int, float]

lab = Lab(
    title="Batch the forecasts",
    order=8,
    topic="timeseries",
    entry="forecast",
    demand=Demand(seconds=25, memory_bytes=500_000_000, tries=6),
    work=lambda history, season, horizon, damping: (8.0 * history.size, 8.0 * history.size),
)


def shops(rng: Random, series: int, length: int, season: int = 7, horizon: int = 21) -> Arguments:
    """Sales of many shops: a level, a trend, a season and noise. Nothing is missing."""
    days = np.arange(length)
    level, trend = rng.uniform(50, 500, (series, 1)), rng.normal(0, 0.2, (series, 1))
    shape = rng.normal(0, 20, (series, season))
    history = level + trend * days + shape[:, days % season] + rng.normal(0, 5, (series, length))
    return history, season, horizon, float(rng.uniform(0.8, 0.98))


@lab.truth
def truth(history: np.ndarray, season: int, horizon: int, damping: float) -> Within:
    """One series after the other, in float64, with the error that sums in any order may have.

    The line's slope is a quotient of sums; its error counts at most over the series and the horizon. The level, the
    remainders and their means by season each add the error of a mean; three times the sum of both covers all three.
    """
    ahead = np.cumsum(damping ** np.arange(1, horizon + 1))
    value, error = np.full((len(history), horizon), np.nan), np.zeros((len(history), horizon))
    for row, whole in enumerate(history):
        y = whole[~np.isnan(whole)]
        if 0 < len(y) < 2 * season:
            value[row] = y[-1]
        elif len(y):
            t = np.arange(len(y), dtype=np.float64)
            spread = t - t.mean()
            slope = spread @ (y - y.mean()) / (spread @ spread)
            rest = y - y.mean() - slope * spread
            shape = np.array([rest[len(y) - season + phase :: -season].mean() for phase in range(season)])
            value[row] = y.mean() + slope * (spread[-1] + ahead) + shape[np.arange(horizon) % season]
            size, span = np.abs(y).max(), len(y) + horizon
            absolute = len(y) * (t @ np.abs(y)) + t.sum() * np.abs(y).sum()
            of_slope = rounding(len(y) + 5, absolute) / (len(y) * (t @ t) - t.sum() ** 2)
            error[row] = 3 * (rounding(len(y) + 10, size + abs(slope) * span) + span * of_slope)
    return Within(value, error)


@lab.check("fifty series", visible=True)
def fifty(rng: Random) -> Arguments:
    return shops(rng, 50, 140)


@lab.check("months instead of days", visible=True)
def months(rng: Random) -> Arguments:
    return shops(rng, 30, 120, season=12, horizon=18)


@lab.check(
    "series that begin later",
    hint="Wrong where series begin with NaN: a mean divides by what is known, not by the length.",
)
def later(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, 60, 140)
    for row, start in enumerate(rng.integers(1, 120, 60)):
        history[row, :start] = np.nan
    return history, season, horizon, damping


@lab.check(
    "series of less than two seasons",
    hint="Wrong for short series: README.md says what is forecast with less than two seasons, and with nothing.",
)
def short(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, 30, 70)
    for row in range(30):
        history[row, : 70 - row % 15] = np.nan  # 0 to 14 values are known; 14 are two seasons
    return history, season, horizon, damping


@lab.check(
    "a length that is no multiple of the season",
    hint="Wrong where the length is no multiple of the season: on which day of the season does the forecast begin?",
)
def uneven(rng: Random) -> Arguments:
    return shops(rng, 40, 7 * int(rng.integers(10, 20)) + int(rng.integers(1, 7)))


@lab.check("constant series", hint="Wrong for series that never change: what do you divide by?")
def constant(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, 20, 70)
    history[::2] = rng.integers(-100, 100, (10, 1)).astype(np.float64)
    history[0] = 0.0
    return history, season, horizon, damping


@lab.check(
    "tiny and huge values",
    hint="Wrong where values are tiny or huge: does a constant such as 1e-8 stand beside numbers that have a unit?",
)
def scales(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, 40, 70)
    return history * 10.0 ** rng.permutation(np.linspace(-120, 120, 40))[:, None], season, horizon, damping


@lab.check("a trend that is not damped", hint="Wrong where the damping is 1: a sum of powers has two formulas.")
def undamped(rng: Random) -> Arguments:
    history, season, horizon, _ = shops(rng, 20, 70)
    return history, season, horizon, 1.0


@lab.check(
    "no series at all", hint="Wrong where there is no series: the answer then has no row, and a column for each step."
)
def none(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, 3, 70)
    return history[:0], season, horizon, damping


@lab.timed
def many(rng: Random) -> Arguments:
    history, season, horizon, damping = shops(rng, int(rng.integers(1_900, 2_100)), 364)
    for row, start in enumerate(rng.integers(0, 200, len(history))):
        history[row, :start] = np.nan
    return history, season, horizon, damping
