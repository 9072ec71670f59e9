"""What computes for cuML's exponential smoothing in a rehearsal: the same recursion, with fixed parameters.

It takes what cuML takes, and refuses what cuML refuses only when it runs. It shows nothing of the quality of a fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ALPHA, BETA, GAMMA = 0.3, 0.05, 0.1


class Smoothing:
    """Additive trend and season for several series of one length, shape (series, steps)."""

    def __init__(
        self, endog: NDArray[Any], *, seasonal: str = "additive", seasonal_periods: int = 2, start_periods: int = 2,
        ts_num: int = 1, **_: Any,
    ) -> None:  # fmt: skip
        if seasonal not in {"add", "additive"}:
            raise ValueError("this rehearsal has only the additive season")
        if not 2 <= start_periods <= seasonal_periods:
            raise ValueError(f"start_periods must be from 2 to seasonal_periods, {seasonal_periods}: {start_periods}")
        if np.atleast_2d(endog).shape[0] != ts_num:
            raise ValueError(f"ExponentialSmoothing initialized with {ts_num} time series, but data has others")
        if endog.dtype not in (np.float32, np.float64):
            raise TypeError(f"ExponentialSmoothing supports only float32 and float64 input, not {endog.dtype}")
        self.values, self.season = np.atleast_2d(endog), seasonal_periods
        if self.values.shape[1] < start_periods * seasonal_periods:
            raise ValueError("a series must have start_periods seasons at least")
        self.states: tuple[Any, Any, Any] | None = None
        self.forecasted_points: Any = None  # shape (series, h), after `forecast`

    def fit(self) -> Smoothing:
        """Follow the recursion from the first two seasons on."""
        first, second = (self.values[:, start : start + self.season] for start in (0, self.season))
        trend = (second - first).mean(1) / self.season
        level, seasons = first.mean(1), first - first.mean(1, keepdims=True)
        for time in range(self.season, self.values.shape[1]):
            error = self.values[:, time] - (level + trend + seasons[:, time % self.season])
            level, trend = level + trend + ALPHA * error, trend + ALPHA * BETA * error
            seasons[:, time % self.season] += GAMMA * error
        self.states = level, trend, seasons
        return self

    def forecast(self, h: int = 1, index: int | None = None) -> Any:
        """A frame with a column for each series; a column alone if there is one series, or `index` names one."""
        import pandas as pd

        if self.states is None:
            raise ValueError("Fit() the model before forecast()")
        level, trend, seasons = self.states
        ahead = np.arange(h)
        places = (self.values.shape[1] + ahead) % self.season
        self.forecasted_points = level[:, None] + trend[:, None] * (ahead + 1) + seasons[:, places]
        if index is not None or len(level) == 1:
            return pd.Series(self.forecasted_points[index or 0])
        return pd.DataFrame(self.forecasted_points.T)
