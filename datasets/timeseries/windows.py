"""Windows of a panel of series, for networks that read a stretch of a series and forecast what follows.

A network reads `reach` known steps: each value, and the columns known in advance. Then it forecasts `horizon` steps, as
a change from the base: the mean of the last seasons. For each of these steps it is told its base, the value one season
back, its columns known in advance, how far ahead it is, and the level of the series. Values are in units of their
series, less that level, so that series of any scale are one problem.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from residency.datasets.timeseries.series import Panel

SHORTEST, LONGEST = 28, 112  # steps to read, if the series are long enough
SEASONS, SHORT = 4, 30  # of so many seasons the mean is the base, if a season has fewer steps than that; else of one
TOLD = 4  # numbers for each step of the horizon, beside the columns known in advance

Weights = dict[str, NDArray[np.float32]]


class Windows(NamedTuple):
    """How long the windows of a panel are, and what a network is told of each step."""

    reach: int  # steps to read
    season: int  # steps
    seasons: int  # whose mean is the base
    horizon: int  # steps to forecast
    columns: int  # known in advance

    @property
    def around(self) -> NDArray[np.int32]:
        """The window's rows, counted from the last row read, shape (reach + horizon,)."""
        return np.arange(1 - self.reach, self.horizon + 1, dtype=np.int32)

    @property
    def back(self) -> NDArray[np.int32]:
        """Places in a window of the values one season before each step to forecast, two seasons, and so on.

        Shape (seasons, horizon).
        """
        whole = self.reach - self.season * np.arange(1, self.seasons + 1)[:, None]
        places: NDArray[np.int32] = (whole + np.arange(self.horizon) % self.season).astype(np.int32)
        return places

    @property
    def ahead(self) -> NDArray[np.float32]:
        """How far ahead each step to forecast is, up to 1, shape (1, horizon, 1)."""
        steps: NDArray[np.float32] = np.arange(1, self.horizon + 1, dtype=np.float32) / np.float32(self.horizon)
        return steps[None, :, None]


def windows(data: Panel) -> Windows:
    """Two seasons to read, from 28 to 112 steps, and at most what the shortest series leaves beside two horizons."""
    shortest = int(np.bincount(data.series).min()) - 2 * data.horizon
    reach = max(1, min(max(SHORTEST, min(LONGEST, 2 * data.season)), shortest))
    season = data.season if data.season <= reach else 1  # the last value is repeated
    seasons = min(SEASONS, reach // season) if 1 < season < SHORT else 1
    return Windows(reach, season, seasons, data.horizon, len(data.names))


def ends(data: Panel) -> NDArray[np.int32]:
    """The row of each series' last known step, shape (series,)."""
    last: NDArray[np.int32] = (np.cumsum(np.bincount(data.series)) - data.horizon - 1).astype(np.int32)
    return last


def batches(data: Panel, plan: Windows, steps: int, batch: int, seed: int) -> NDArray[np.int32]:
    """The last rows read of the windows of each step of training, at random, shape (steps, batch).

    A series is drawn first and then a place in it, so that each series has the same weight, as in the metric.
    """
    generator = np.random.default_rng(seed)
    lengths = np.bincount(data.series)
    latest = np.cumsum(lengths) - 2 * data.horizon - 1
    first = latest - (lengths - 2 * data.horizon - plan.reach)
    chosen = generator.integers(len(lengths), size=(steps, batch))
    drawn: NDArray[np.int32] = generator.integers(first[chosen], latest[chosen], endpoint=True).astype(np.int32)
    return drawn


def cut(plan: Windows, panel: tuple[Any, ...], last: Any, xp: Any) -> tuple[Any, ...]:
    """The windows whose last rows read are `last`, by Torch or by JAX's NumPy (`xp`); the panel is on the device.

    `panel` is the value, the unit and the columns known of each row, and the three arrays of `Windows`. Returns what
    the network reads, (windows, reach, 1 + columns); what it is told of each step, (windows, horizon, 4 + columns); the
    base and the true values, (windows, horizon), both less the level; and the level and the unit, (windows, 1).
    """
    value, unit, known, around, back, ahead = panel
    reach, season, horizon = plan.reach, plan.season * plan.seasons, plan.horizon
    rows = last[:, None] + around
    unit = unit[last][:, None]
    values = value[rows] / unit
    level = values[:, reach - season : reach].mean(1)[:, None]
    values = values - level
    columns = xp.moveaxis(known[:, rows], 0, 2)
    read = xp.concatenate((values[:, :reach, None], columns[:, :reach]), 2)
    seasons = values[:, back]
    base = seasons.mean(1)
    alike = (len(last), horizon, 1)
    told = (
        base[:, :, None],
        seasons[:, 0, :, None],
        xp.broadcast_to(ahead, alike),
        xp.broadcast_to(level[:, None], alike),
    )
    return read, xp.concatenate((*told, columns[:, reach:]), 2), base, values[:, reach:], level, unit


def initial(plan: Windows, hidden: int, seed: int) -> Weights:
    """The initial weights: of a gated recurrent layer, and of two layers that answer for a step. The same for all.

    Torch's names and order of gates (reset, update, new), and its scale: uniform within one through the root of
    `hidden`. The last layer begins at 0, so that the first forecast is the base.
    """
    generator = np.random.default_rng(seed)
    bound = 1.0 / math.sqrt(hidden)
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih_l0": (3 * hidden, 1 + plan.columns),
        "weight_hh_l0": (3 * hidden, hidden),
        "bias_ih_l0": (3 * hidden,),
        "bias_hh_l0": (3 * hidden,),
        "summary": (hidden, hidden),
        "step": (TOLD + plan.columns, hidden),
        "bias": (hidden,),
    }
    made = {name: generator.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}
    return made | {"change": np.zeros((hidden, 1), np.float32)}


def operations(plan: Windows, hidden: int) -> float:
    """Multiplications and additions of a forward pass of one window."""
    layer = plan.reach * 3 * hidden * (1 + plan.columns + hidden)
    return 2.0 * (layer + hidden * hidden + plan.horizon * hidden * (TOLD + plan.columns + 1))
