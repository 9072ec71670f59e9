"""Forecasting by lag features: one model of boosted trees for many series.

Question  Half of such a job makes columns: shifts, windows, differences. Does a GPU gain there, or in the trees?
Expect    Sixteen features cost some thirty passes over columns of four bytes, an operation or two a value: bytes
          decide. At two million values a column is 9 MB, a millisecond or two for a CPU's memory, and for a GPU's less
          than a launch takes. pandas makes one column after the other on one core; Polars makes all of them at once on
          all cores. The trees then count every feature of every row once a level, 100 trees x 8 levels: hundreds of
          times as much. So on a CPU the trees take about three quarters of the time or more, and should decide on a
          GPU, too. With 56 million values we expect it to be 5 to 9 times as fast as 16 cores (an estimate: no GPU has
          been seen).
          `lag_matrix` makes the same features without a data frame: one gather takes all lags, differences of one
          running sum are all windows, and rows that no tree sees are never made.

The nearest lag is the horizon, so one model forecasts all steps from known values. It learns the change from `base`,
the value one horizon back, in units of the series' usual seasonal change (what MASE divides by), so series of any scale
become one problem. The report also shows the quality of repeating the last value or the last season.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from residency.datasets import trees as tree_work
from residency.datasets.timeseries.m4_hourly import m4_hourly
from residency.datasets.timeseries.mauna_loa import mauna_loa
from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.retail import retail
from residency.datasets.timeseries.series import Panel, last_value, mase, seasonal_naive, smape
from residency.harness import Memory, Run, Task, device
from residency.suites.timeseries._series_parts import Part, parts

WINDOWS = (1, 2)  # seasons of a rolling mean that ends one horizon ago
ROUNDS = 100
TREES = {"max_depth": 8, "learning_rate": 0.1, "max_bin": 255}  # under the same names in both libraries
LEAF, L2 = 20, 1.0  # the least rows, and how strongly its value is held back
USED = ("step", "moment", "future", "value", "unit", "known")  # arrays of the panel that `lag_matrix` needs


def work(data: Panel) -> tuple[float, float]:
    """Only each tree's first level, as others may end early: two additions a cell of a byte, eight bytes a row."""
    rows, columns = shape(data)
    return float(ROUNDS * rows * columns * 2), float(ROUNDS * rows * (columns + 8))


def best_work(data: Panel) -> tuple[float, float]:
    """The features, each written once and made by two operations a value, and all levels of all trees."""
    rows, columns = shape(data)
    flops, moved = tree_work.boosting(rows, columns, ROUNDS, int(TREES["max_depth"]), int(data.future.sum()))
    made, read = float(len(data.step) * columns), sum(column.nbytes for column in data.columns.values())
    return flops + 2.0 * made, moved + 4.0 * made + float(read)


def shape(data: Panel) -> tuple[int, int]:
    """The number of rows that the trees learn from, and of features."""
    rows = int(((data.step >= data.first) & ~data.future).sum())
    return rows, len(data.lags) + len(WINDOWS) + len(data.phases) + 2 * len(data.names)


task = Task(
    datasets=[retail, mauna_loa, m4_hourly, own_series],
    sizes={"smoke": 44_800, "lab": 2_240_000, "lecture": 56_000_000, "production": 1_120_000_000},  # 1,120 a series
    quality=mase,
    also={"sMAPE": smape},
    naive={"repeating the last value": last_value, "repeating the last season": seasonal_naive},
    tolerance=0.05,  # two libraries bin and grow trees in their own ways
    floor={"retail": 0.9, "mauna_loa": 0.9, "m4_hourly": 1.0},
    work=work,
    best_work=best_work,
    limiter=tree_work.LIMITER,
    unit="values",
    memory=Memory(copies=12),  # some thirty columns of features, made from seven
)


def columns(data: Panel, table, rolling_mean):
    """Features, target, base: series of pandas or cuDF, or Polars expressions; rows before `data.first` are void.

    A value before the start of its series is NaN, which trees accept.
    """

    def known(column: Any, reach: int) -> Any:
        """The column, with NaN (0 / 0 in any library) where its series does not reach so far back."""
        if reach <= data.first:  # such rows are void
            return column
        enough = table["step"] // reach
        return column * (enough / enough)

    scaled = table["value"] / table["unit"]
    base = scaled.shift(data.horizon, fill_value=0.0)
    features = {"level": base}
    for lag in data.lags[1:]:
        features[f"lag_{lag}"] = known(scaled.shift(lag, fill_value=0.0) - base, lag)
    for seasons in WINDOWS:
        steps = seasons * data.season
        features[f"mean_{seasons}"] = known(rolling_mean(base, steps) - base, data.horizon + steps - 1)
    for period in data.phases:
        features[f"phase_{period}"] = table["moment"] % period
    for name in data.names:
        features |= {name: table[name], f"{name}_before": table[name].shift(data.horizon, fill_value=0.0)}
    return features, scaled - base, base


def frame(data: Panel, frames, where: str):
    """The panel's columns as a frame of pandas or cuDF on that device."""
    return frames.DataFrame({name: device.place(column, where) for name, column in data.columns.items()})


def matrices(data: Panel, table, frames):
    """Features and target for training; features, base and unit for the forecast."""
    features, target, base = columns(data, table, lambda column, steps: column.rolling(steps, min_periods=1).mean())
    features = frames.DataFrame(features).astype("float32")
    learn, ahead = (table["step"] >= data.first) & ~table["future"], table["future"]
    return features[learn], target[learn], features[ahead], base[ahead].values, table["unit"][ahead].values


def trees(run: Run):
    """XGBoost's parameters, on one device and on many."""
    return {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        **TREES,
        "reg_lambda": L2,
        "min_child_weight": LEAF,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }


def boosted(data: Panel, run: Run, made):
    """Trees by XGBoost learn from what `matrices` or `arrays` has made, and forecast."""
    import xgboost

    x, y, ahead, base, unit = made
    parameters = trees(run)
    run.effective(rounds=ROUNDS, lags=data.lags, **parameters)
    with run.stage("bin"):
        binned = xgboost.QuantileDMatrix(x, y, max_bin=TREES["max_bin"], nthread=run.threads)
    with run.stage("fit"):
        model = xgboost.train(parameters, binned, ROUNDS)
    with run.stage("predict"):
        forecast = (model.inplace_predict(ahead) + base) * unit
    with run.stage("get"):
        return run.to_host(forecast)


@task.pair(cpu="pandas", gpu="cudf", needs=["xgboost"], plain=True, unchanged="cudf.pandas")
def data_frame(data: Panel, run: Run, frames):
    """Columns by pandas or cuDF, one after the other; trees by XGBoost on the same device."""
    with run.stage("put"):
        table = frame(data, frames, run.device)
    with run.stage("features"):
        made = matrices(data, table, frames)
    return boosted(data, run, made)


@task.pair(cpu="numpy", gpu="cupy", needs=["xgboost"], memory=Memory(copies=6.5, fixed=0.16e9))
def lag_matrix(data: Panel, run: Run, xp):
    """All lags by one gather, all windows from one running sum, and only in rows that the trees see."""
    with run.stage("put"):
        table = dict(zip(USED, run.to_device(*(getattr(data, name) for name in USED)), strict=True))
    with run.stage("features"):
        made = arrays(data, table, xp)
    return boosted(data, run, made)


def arrays(data: Panel, table, xp):
    """What `matrices` makes, as arrays, from the panel's arrays by name."""
    scaled = table["value"] / table["unit"]
    total = xp.zeros(data.rows + 1)  # of all values before a row, whatever their series
    total[1:] = xp.cumsum(scaled, dtype=xp.float64)
    table |= {"scaled": scaled, "total": total}
    learn, future = xp.flatnonzero((table["step"] >= data.first) & ~table["future"]), xp.flatnonzero(table["future"])
    x, base = rows_of(data, table, learn, xp)
    ahead, last = rows_of(data, table, future, xp)
    return x, scaled[learn] - base, ahead, last, table["unit"][future]


def rows_of(data: Panel, table, places, xp):
    """The features of the rows at these places, as one matrix in the order of `columns`, and the base of each row."""
    step, scaled, total = table["step"][places][:, None], table["scaled"], table["total"]
    base = scaled[places - data.horizon]

    def known(values: Any, reaches: Any) -> Any:
        """The values, with NaN where a row's series does not reach so far back."""
        return xp.where(step >= reaches, values, xp.nan)

    lags, seasons, phases = (xp.asarray(steps, xp.int64) for steps in (data.lags[1:], WINDOWS, data.phases))
    windows, end = seasons * data.season, (places - data.horizon + 1)[:, None]
    now, before = table["known"][:, places], table["known"][:, places - data.horizon]
    blocks = [
        base[:, None],
        known(scaled[places[:, None] - lags] - base[:, None], lags),
        known((total[end] - total[end - windows]) / windows - base[:, None], data.horizon + windows - 1),
        table["moment"][places][:, None] % phases,
        xp.stack([now, before], 1).reshape(2 * len(data.names), len(places)).T,
    ]
    return xp.concatenate(blocks, 1, dtype=xp.float32), base


@task.on_cluster(cpu="pandas", gpu="cudf", needs=["xgboost", "dask.array"])
def whole_series(data: Panel, run: Run, frames):
    """Each worker makes the features of whole series; all workers grow the trees and add up their histograms."""
    from xgboost import dask as xgboost

    parameters, client, pieces = trees(run), run.client, parts(data, run)
    run.effective(rounds=ROUNDS, lags=data.lags, **parameters)
    with run.stage("load"):
        tables = run.on_workers(read_part, pieces, frames=frames, where=run.device)
    with run.stage("features"):
        made = run.on_workers(part_arrays, pieces, tables, frames=frames)
        x, y = (blocks_of(run, made, place) for place in (0, 1))
    with run.stage("fit"):  # the workers bin here
        binned = xgboost.DaskQuantileDMatrix(client, x, y, max_bin=TREES["max_bin"])
        model = xgboost.train(client, parameters, binned, ROUNDS)["booster"]
    with run.stage("predict"):
        forecasts = run.on_workers(part_forecast, made, model=client.scatter(model, hash=False))
    with run.stage("get"):
        return np.concatenate(client.gather(run.on_workers(device.to_host, forecasts)))


def read_part(part: Part, frames, where: str):
    """Runs on a worker: the part's rows as a frame on its device."""
    return frame(part.read(), frames, where)


def part_arrays(part: Part, table, frames):
    """Runs on a worker: what `matrices` makes of the part, as arrays."""
    return tuple(getattr(one, "values", one) for one in matrices(part.plan, table, frames))


def part_forecast(made, model):
    """Runs on a worker: the future of the part's series, on its device."""
    _, _, ahead, base, unit = made
    return (model.inplace_predict(ahead) + base) * unit


def blocks_of(run: Run, made: Sequence[Any], place: int) -> Any:
    """One of the arrays of every part, where it lies, as a Dask array with a block for each part."""
    import dask.array as blocks

    arrays = run.on_workers(itemgetter(place), made)
    shapes = run.client.gather(run.on_workers(np.shape, arrays))
    meta = run.xp.empty((0,) * len(shapes[0]), np.float32)
    return blocks.concatenate(
        [blocks.from_delayed(array, shape, meta=meta) for array, shape in zip(arrays, shapes, strict=True)]
    )


@task.on_cpu("polars", needs=["lightgbm"])
def lazy_frame(data: Panel, run: Run, pl):
    """All columns at once on all cores by Polars; trees by LightGBM, the best leaf first, as deep."""
    import lightgbm

    parameters = {
        "objective": "regression",
        **TREES,
        "num_leaves": 2 ** TREES["max_depth"],
        "lambda_l2": L2,
        "min_data_in_leaf": LEAF,
        "deterministic": True,
        "force_row_wise": True,
        "seed": run.seed,
        "num_threads": run.threads,
        "verbosity": -1,
    }
    run.effective(rounds=ROUNDS, lags=data.lags, **parameters)
    with run.stage("features"):
        table = {name: pl.col(name) for name in data.columns}
        features, target, base = columns(
            data, table, lambda column, steps: column.cast(pl.Float64).rolling_mean(steps, min_samples=1)
        )
        features = {name: column.cast(pl.Float32) for name, column in features.items()}
        plan = pl.LazyFrame(data.columns).with_columns(target=target, base=base, **features)
        table = plan.filter(pl.col("step") >= data.first).collect()
        past, ahead = table.filter(~pl.col("future")), table.filter("future")
        x, y, x_ahead = past.select(*features).to_numpy(), past["target"].to_numpy(), ahead.select(*features).to_numpy()
    with run.stage("bin"):
        binned = lightgbm.Dataset(x, y, params=parameters).construct()
    with run.stage("fit"):
        model = lightgbm.train(parameters, binned, ROUNDS)
    with run.stage("predict"):
        return (model.predict(x_ahead) + ahead["base"].to_numpy()) * ahead["unit"].to_numpy()
