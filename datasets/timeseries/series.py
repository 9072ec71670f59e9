"""The schema of many series whose ends are to be forecast, and the metrics of forecasts.

A panel is a long table: series after series, each in order of time and without gaps. The last `horizon` steps of each
series are rows without a value. So the row `lag` places above a row holds the value `lag` steps earlier, unless the row
is among the first `lag` of its series: no grouping is needed to look back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.dataset import DERIVED
from residency.harness.errors import WrongResult
from residency.harness.quality import Items, estimate
from residency.harness.truth import BestAnswer, Truth

NEAREST = 3  # lags from the horizon on, one step apart, if the horizon is no whole season
SEASONS_BACK = 6  # beyond the nearest whole season
LONG_SEASONS_BACK = 2
LEAST_LEARNED = 4  # steps of a series for which the features of at least one lag are known

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Series for training, and the end of each series to forecast."""

    series: NDArray[np.int32]  # (rows,): 0, 0, ..., 1, 1, ...
    step: NDArray[np.int32]  # (rows,): 0, 1, 2, ... within its series
    moment: NDArray[np.int32]  # (rows,): steps since the calendar's beginning, the same for all series
    future: NDArray[np.bool_]  # (rows,): the last `horizon` steps of each series
    value: NDArray[np.float32]  # (rows,): 0 in the future
    unit: NDArray[np.float32]  # (rows,): the scale of its series
    known: NDArray[np.float32]  # (columns, rows): what is known in advance, such as promotions
    scale: Values  # (series,): mean absolute difference of values one season apart, before the future
    y_test: Truth[Values]  # (series, horizon): the future's values; NaN if unknown
    horizon: int  # steps
    season: int  # steps
    lags: tuple[int, ...]  # steps to look back, ascending; the first is the horizon
    phases: tuple[int, ...] = ()  # periods of the calendar, in steps, at which things come back
    names: tuple[str, ...] = ()  # of the columns of `known`
    expected_test: BestAnswer[Values | None] = None  # (series, horizon): `y_test` without its noise, if known
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know
    first: int = field(default=0, metadata=DERIVED)  # the first step of each series that is used for training

    @property
    def rows(self) -> int:
        """Values of all series, the future included."""
        return len(self.value)

    def fresh(self, _: np.random.Generator) -> Panel:
        """The same series in a unit half as large, so that all forecasts are twice as high."""
        marked = ("value", "unit", "scale", "y_test", "expected_test")
        return replace(self, **{name: 2 * value for name in marked if (value := getattr(self, name)) is not None})

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The long table's columns, each of shape (rows,); nothing is copied."""
        names = ("series", "step", "moment", "future", "value", "unit")
        return {name: getattr(self, name) for name in names} | dict(zip(self.names, self.known, strict=True))


def panel(
    values: Sequence[Values], *, horizon: int, season: int, long_season: int = 0, starts: Sequence[int] | None = None,
    known: NDArray[np.float32] | None = None, phases: Sequence[int] = (), names: Sequence[str] = (),
    expected: Values | None = None, remarks: Sequence[str] = (),
) -> Panel:  # fmt: skip
    """`Panel` of series on a regular grid, each with its future at its end; NaN is a gap.

    A gap before the future is filled with the value one season earlier; within the first season, with the value before
    it. The scale is computed from the values that are present. `starts` are the moments at which the series begin.
    """
    lengths = np.array([len(whole) for whole in values])
    ends = np.cumsum(lengths)
    series = np.repeat(np.arange(len(values), dtype=np.int32), lengths)
    step = (np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)).astype(np.int32)
    future = step >= np.repeat(lengths - horizon, lengths)
    begin = np.zeros(len(values), np.int32) if starts is None else np.asarray(starts, np.int32)
    flat = np.concatenate([_filled(whole[:-horizon], season, horizon) for whole in values])
    scale = np.array([seasonal_difference(whole[:-horizon], season) for whole in values])
    looked_back = lags(horizon, season, long_season, int(lengths.max()) - horizon)
    return Panel(
        series=series,
        step=step,
        moment=step + np.repeat(begin, lengths),
        future=future,
        value=flat.astype(np.float32),
        unit=np.repeat(scale.astype(np.float32), lengths),
        known=np.zeros((0, len(flat)), np.float32) if known is None else known,
        scale=scale,
        y_test=np.stack([whole[-horizon:] for whole in values]),
        horizon=horizon,
        season=season,
        lags=looked_back,
        first=min(max(looked_back), max(horizon, (int(lengths.min()) - horizon) // 2)),
        phases=tuple(phases),
        names=tuple(names),
        expected_test=expected,
        remarks=tuple(remarks),
    )


def nearest_season(horizon: int, season: int) -> int:
    """The smallest whole number of seasons, in steps, that reaches from every step of the horizon to a known value."""
    return -(-horizon // season) * season


def lags(horizon: int, season: int, long_season: int, longest: int) -> tuple[int, ...]:
    """The lags: the horizon, whole seasons and whole long seasons, up to half of the longest history.

    The nearest season may be longer than that half. If the horizon is no whole season, there are also the lags next to
    it, and the lag one horizon before the nearest season: with that season's own lag it shows how the series changed
    one season earlier over the same steps. If the horizon is a whole season, the lags next to it were of no use (M4
    hourly, retail) or did harm (Mauna Loa).
    """
    whole = nearest_season(horizon, season)
    wanted = {whole + back * season for back in range(SEASONS_BACK + 1)}
    wanted |= {back * long_season for back in range(1, LONG_SEASONS_BACK + 1)}
    nearest = {horizon}
    if whole > horizon:
        nearest = set(range(horizon, horizon + NEAREST))
        wanted.add(whole + horizon)
    kept = {lag for lag in wanted if horizon <= lag <= longest // 2}
    if whole + horizon <= longest:  # the nearest season helps, even if only some steps have it
        kept.add(whole)
    return tuple(sorted(nearest | kept))


def least_history(horizon: int) -> int:
    """Steps before the future that a series needs: the horizon and a few more, to learn from."""
    return horizon + LEAST_LEARNED


def seasonal_difference(history: Values, season: int) -> float:
    """Mean absolute difference of values one season apart, gaps left out; 0 if there are none.

    If the history is no longer than a season, neighbours are compared instead. The values are summed one after the
    other, which gives the same bytes on any machine.
    """
    apart = season if len(history) > season else 1
    difference = np.abs(history[apart:] - history[:-apart])
    difference = difference[~np.isnan(difference)]
    return float(np.cumsum(difference)[-1] / len(difference)) if len(difference) else 0.0


def _filled(history: Values, season: int, horizon: int) -> Values:
    """The history without gaps, and zeros for the future."""
    whole = np.append(history, np.zeros(horizon))
    for gap in np.flatnonzero(np.isnan(history)):
        whole[gap] = whole[gap - (season if gap >= season else 1)]
    return whole


def last_value(data: Panel) -> Values:
    """The last value of each series, repeated, shape (series, horizon)."""
    return _repeated(data, 1)


def seasonal_naive(data: Panel) -> Values:
    """The last season of each series, repeated, shape (series, horizon); the last value if there is no whole season."""
    return _repeated(data, data.season)


def _repeated(data: Panel, period: int) -> Values:
    begins = np.flatnonzero(data.step == 0)
    ends = np.append(begins[1:], data.rows) - data.horizon  # of the histories
    periods = np.where(ends - begins >= period, period, 1)[:, None]
    back = np.arange(data.horizon) % periods - periods
    forecast: Values = np.asarray(data.value)[ends[:, None] + back].astype(np.float64)
    return forecast


@estimate(name="MASE", better="lower")
def mase(data: Panel, forecast: Any) -> Items:
    """Mean absolute scaled error (Hyndman and Koehler 2006), the mean over the series, each with the same weight.

    A series' mean absolute error over the horizon is divided by its `scale`: the mean absolute error, within its
    history, of repeating the value one season earlier. Unknown values are left out.
    """

    def scaled(forecast: Values) -> Values:
        return np.asarray(np.nanmean(np.abs(data.y_test - forecast), axis=1) / data.scale)

    past = ~data.future
    level = np.bincount(data.series[past], data.value[past]) / np.bincount(data.series[past])
    chance = float(np.mean(scaled(level[:, None])))  # each series' mean, repeated
    return Items(lambda errors: float(errors.mean()), (scaled(_matrix(data, forecast)),), chance, "series")


def smape(data: Panel, forecast: Any) -> float:
    """Symmetric mean absolute percentage error as in the M4 competition: 0 to 200; a forecast of 0 for 0 counts 0."""
    predicted = _matrix(data, forecast)
    known = ~np.isnan(data.y_test)
    truth, predicted = data.y_test[known], predicted[known]
    size = np.abs(truth) + np.abs(predicted)
    return float(200.0 * np.mean(np.abs(truth - predicted) / np.where(size > 0, size, 1.0)))


def _matrix(data: Panel, forecast: Any) -> Values:
    if not isinstance(forecast, np.ndarray) or forecast.dtype.kind not in "biuf":
        raise WrongResult(f"the result is not one array of real numbers of shape {data.y_test.shape}")
    values = forecast
    if values.shape not in {data.y_test.shape, (data.y_test.size,)}:
        raise WrongResult(f"the result has shape {values.shape}, expected {data.y_test.shape}")
    if not np.isfinite(values).all():
        raise WrongResult(f"{int((~np.isfinite(values)).sum())} forecasts are not finite numbers")
    return values.reshape(data.y_test.shape).astype(np.float64)


def wave(turns: Values) -> Values:
    """A sine within 6 %, from -1 to 1, made of two parabolas a turn: the same bytes on any machine."""
    turn = turns - np.floor(turns)
    half = 2.0 * turn - np.floor(2.0 * turn)
    height: Values = np.where(turn < 0.5, 4.0, -4.0) * half * (1.0 - half)
    return height
