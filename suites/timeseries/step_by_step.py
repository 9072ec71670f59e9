"""Forecasting step by step: one model looks a single step ahead, and its forecasts become its own past.

Question  The trees see all series at once, but each forecast needs the one before. What is a GPU worth if half of the
          program is a chain?
Expect    A step's features are the changes at all lags from 1 to 336: two weeks of hours. The trees count a fifth of
          these columns in half of the rows: 200 trees x 7 levels, a byte a cell. To sort all columns into bins and to
          count takes nine tenths of the time on a CPU, and bandwidth decides it. The 48 steps are each a gather and 200
          trees for a few hundred rows: a CPU does a step in milliseconds, and a GPU waits for some ten launches, well
          below a millisecond. So the chain does not matter on either device, unless there are few series or few trees.
          With 10 million values we expect a GPU to be 7 to 12 times as fast as 16 cores (an estimate: no GPU has been
          seen). The copy is 17 bytes a value, and 4 more for each column known in advance.

What the model learns is the change since one season ago, in units of the series' usual seasonal change (what MASE
divides by). On M4 hourly it reaches a MASE of 0.79 (LightGBM) or 0.80 (XGBoost). `lag_features` needs no chain, since
it sees no nearer past than the horizon, and its MASE there is higher: 0.87.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets import trees
from residency.datasets.timeseries.hourly_load import hourly_load
from residency.datasets.timeseries.m4_hourly import m4_hourly
from residency.datasets.timeseries.mauna_loa import mauna_loa
from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.series import Panel, last_value, mase, seasonal_naive, smape
from residency.harness import Memory, Run, Task

REACH = 336  # all lags up to this one, or up to the longest that the data allows
ROUNDS, DEPTH, BINS, LEAF, L2 = 200, 7, 63, 20, 1.0
RATE, ROWS, COLUMNS = 0.1, 0.5, 0.2  # what a tree adds; the shares of rows and of columns that it sees
BLOCK = 1_000_000  # rows whose features are gathered at once
USED = ("step", "moment", "future", "value", "unit", "known")  # arrays of the panel


def lags_of(data: Panel) -> list[int]:
    """The lags: all near ones, and the whole seasons beyond."""
    return sorted({*range(1, min(REACH, data.lags[-1]) + 1), *data.lags})


def shape(data: Panel) -> tuple[int, int]:
    """The number of rows that the trees learn from, and of features."""
    rows = int(((data.step >= begin(data)) & ~data.future).sum())
    return rows, len(lags_of(data)) + len(data.phases) + len(data.names)


def begin(data: Panel) -> int:
    """The first step of a series that is learned from: there was a season before it."""
    return max(data.first, data.season)


def work(data: Panel) -> tuple[float, float]:
    """Only each tree's first level, as others may end early: two additions a cell of a byte, eight bytes a row."""
    rows, columns = shape(data)
    cells = ROUNDS * ROWS * COLUMNS * rows * columns
    return 2.0 * cells, cells + 8.0 * ROUNDS * ROWS * rows


def best_work(data: Panel) -> tuple[float, float]:
    """Every feature gathered and binned once, all levels of all trees, and the forecasts."""
    rows, columns = shape(data)
    gathered = 4.0 * rows * columns
    binned = trees.binning(rows, columns)
    seen = int(ROWS * rows), max(1, int(COLUMNS * columns))
    flops, moved = trees.boosting(*seen, ROUNDS, DEPTH, int(data.future.sum()))
    return flops + binned[0], moved + binned[1] + 2.0 * gathered


task = Task(
    datasets=[hourly_load, mauna_loa, m4_hourly, own_series],
    sizes={"smoke": 8_064, "lab": 201_600, "lecture": 10_080_000, "production": 201_600_000},  # 1,008 a series
    quality=mase,
    also={"sMAPE": smape},
    naive={"repeating the last value": last_value, "repeating the last season": seasonal_naive},
    tolerance=0.12,  # errors of the first steps go on into the later ones: seeds alone give 0.27 to 0.36 on one series
    floor={"hourly_load": 0.8, "mauna_loa": 0.9, "m4_hourly": 1.0},
    work=work,
    best_work=best_work,
    limiter=trees.LIMITER,
    unit="values",
    memory={"cpu": Memory(copies=120, fixed=0.25e9), "gpu": Memory(copies=70, fixed=0.3e9)},  # 340 features, and bins
)


class Past:
    """All series, in units, and how each value changed since one season ago: NaN where there was none."""

    def __init__(self, data: Panel, run: Run, xp: Any) -> None:
        self.data, self.xp = data, xp
        with run.stage("put"):
            arrays = run.to_device(*(getattr(data, name) for name in USED))
            self.step, self.moment, self.future, value, unit, self.known = arrays
            self.lags, self.phases = (run.to_device(np.array(many, np.int32)) for many in (lags_of(data), data.phases))
        with run.stage("features"):
            self.scaled, self.unit = value / unit, unit
            self.change = xp.full(data.rows, xp.nan, xp.float32)
            self.change[data.season :] = self.scaled[data.season :] - self.scaled[: -data.season]
            self.change[self.step < data.season] = xp.nan

    def features(self, places: Any) -> Any:
        """The changes at all lags, NaN before a series' start; the calendar; what is known in advance."""
        xp = self.xp
        made = xp.empty((len(places), len(self.lags) + len(self.phases) + len(self.known)), xp.float32)
        for start in range(0, len(places), BLOCK):
            rows = places[start : start + BLOCK]
            lagged = xp.where(self.step[rows][:, None] >= self.lags, self.change[rows[:, None] - self.lags], xp.nan)
            calendar = self.moment[rows][:, None] % self.phases
            parts = (lagged, calendar, self.known[:, rows].T)
            made[start : start + BLOCK] = xp.concatenate(parts, axis=1, dtype=xp.float32)
        return made

    def learned(self) -> tuple[Any, Any]:
        """What a model learns from: features, and the change at each step."""
        places = self.xp.flatnonzero((self.step >= begin(self.data)) & ~self.future)
        return self.features(places), self.change[places]

    def forecast(self, predict: Any) -> Any:
        """Let a model look one step ahead of all series, as often as the horizon is long: shape (future rows,)."""
        places = self.xp.flatnonzero(self.future)
        for now in places.reshape(-1, self.data.horizon).T:
            self.change[now] = predict(self.features(now))
            self.scaled[now] = self.scaled[now - self.data.season] + self.change[now]
        return self.scaled[places] * self.unit[places]


@task.pair(cpu="numpy", gpu="cupy", needs=["xgboost"])
def level_by_level(data: Panel, run: Run, xp):
    """Features by NumPy or CuPy, trees by XGBoost on the same device."""
    import xgboost

    parameters = {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "learning_rate": RATE,
        "max_depth": DEPTH,
        "max_bin": BINS,
        "min_child_weight": LEAF,
        "reg_lambda": L2,
        "subsample": ROWS,
        "sampling_method": "uniform",
        "colsample_bytree": COLUMNS,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=ROUNDS, reach=REACH, **parameters)
    past = Past(data, run, xp)
    with run.stage("features"):
        x, y = past.learned()
    with run.stage("bin"):
        binned = xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=run.threads)
    with run.stage("fit"):
        model = xgboost.train(parameters, binned, ROUNDS)
    with run.stage("predict"):
        forecast = past.forecast(model.inplace_predict)
    with run.stage("get"):
        return run.to_host(forecast)


@task.on_cpu("lightgbm", memory=Memory(copies=175, fixed=0.05e9))
def leaf_by_leaf(data: Panel, run: Run, lightgbm):
    """The same features; LightGBM's trees grow where the error falls most, with as many leaves."""
    parameters = {
        "objective": "regression",
        "learning_rate": RATE,
        "max_depth": DEPTH,
        "num_leaves": 2**DEPTH,
        "max_bin": BINS,
        "min_data_in_leaf": LEAF,
        "lambda_l2": L2,
        "bagging_fraction": ROWS,
        "bagging_freq": 1,
        "feature_fraction": COLUMNS,
        "force_row_wise": True,
        "deterministic": True,
        "verbosity": -1,
        "seed": run.seed,
        "num_threads": run.threads,
    }
    run.effective(rounds=ROUNDS, reach=REACH, **parameters)
    past = Past(data, run, np)
    with run.stage("features"):
        x, y = past.learned()
    with run.stage("bin"):
        binned = lightgbm.Dataset(x, y, params=parameters).construct()
    with run.stage("fit"):
        model = lightgbm.train(parameters, binned, ROUNDS)
    with run.stage("predict"):
        return past.forecast(model.predict)
