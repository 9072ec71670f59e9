"""Thousands of short series, each with a model of its own: exponential smoothing with a trend and a season.

Question  Series do not depend on each other, but each step within one needs the step before. Does that suit a GPU, and
          is the device what makes a forecast of thousands of series slow?
Expect    A value costs twelve operations a pass, and 122 passes fit the three parameters of each series. A hundred
          thousand series fill a GPU; a few thousand do not, and wait for a chain of 14,640 steps.
          A library for one series at a time also fits the 14 numbers that a series starts from, by a search that takes
          thousands of passes: the method makes it slow, not the CPU. The same recursion for many series side by side
          keeps the vector units of a core busy. So the opponent of a GPU is not the library, but this.
          In JAX, one step of all series is one operation. Its 2,640 steps follow each other as small kernels, each with
          a launch: some ten microseconds on a GPU, however few series there are.
          The copy is 4 bytes a value there, and 4 a forecast back. With 200,000 series we expect a GPU to be 11 times
          as fast as 16 cores, copy included (an estimate: no GPU has been seen).

The form is the same everywhere: level + trend + season, all additive (Holt and Winters; AAA of the ETS family), fitted
by least squares of the errors one step ahead, on the last 30 seasons at most. A shorter series is continued backwards
by its first season, so that all have the same length. Such a model knows one season. M4 hourly has a day and a week in
it, so repeating the last day is as good there.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from residency.datasets.timeseries.m4_hourly import m4_hourly
from residency.datasets.timeseries.monthly_sales import monthly_sales
from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.sea_and_air import sea_and_air
from residency.datasets.timeseries.series import Panel, last_value, mase, seasonal_naive, smape
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.harness.errors import Unavailable

SEASONS = 30  # of a window, at most
LEAST_SEASONS = 3
START = 2  # seasons that the first level and season are means of; the first trend is the slope of the whole window
FIRST, HIGHEST = (0.3, 0.05, 0.1), (1.0, 0.1, 1.0)  # of a, b and c: a trend that follows each value runs away
LENGTH, ROUNDS = 0.2, 20  # of the search: the first step, as a share of `HIGHEST`, and how often six places are tried
PASSES = 6 * ROUNDS + 2
LONGEST_SEASON = 24  # that statsforecast fits


def size(data: Panel) -> float:
    """Values that are smoothed: series x steps."""
    return float(len(data.scale) * steps_of(data))


task = Task(
    datasets=[monthly_sales, sea_and_air, m4_hourly, own_series],
    sizes={"smoke": 5_280, "lab": 198_000, "lecture": 26_400_000, "production": 1_056_000_000},  # 132 a series
    quality=mase,
    also={"sMAPE": smape},
    naive={"repeating the last value": last_value, "repeating the last season": seasonal_naive},
    tolerance=0.1,  # searches end at other parameters, and a library fits more of them
    floor={"monthly_sales": 0.95, "sea_and_air": 0.95, "m4_hourly": 1.6},
    work=lambda data: (12.0 * size(data), 4.0 * size(data)),  # one pass
    best_work=lambda data: (12.0 * PASSES * size(data), 4.0 * size(data)),  # a core keeps its series in its cache
    limiter="the chain of steps, if there are few series",
    unit="values",
)


def steps_of(data: Panel) -> int:
    """The length of every window: whole seasons, as many as the longest history has, within limits."""
    longest = int(data.step.max()) + 1 - data.horizon
    return data.season * min(max(longest // data.season, LEAST_SEASONS), SEASONS)


def ends_of(step, horizon: int):
    """Where each series begins, and how long its history is."""
    begins = np.flatnonzero(step == 0).astype(np.int32)
    return begins, np.diff(begins, append=np.int32(len(step))) - np.int32(horizon)


def windows(value, begins, lengths, units, *, steps: int, season: int, xp):
    """The last steps of each series, less its first value, in its unit: shape (series, steps)."""
    place = lengths[:, None] - steps + xp.arange(steps)
    repeats = xp.where(lengths >= season, season, 1)[:, None]
    place = xp.where(place < 0, place % repeats, place)
    return (value[begins[:, None] + place] - value[begins][:, None]) / units[:, None]


def starts(values, *, season: int, xp):
    """The level, the trend and the season before each window: shape (series, 2 + season)."""
    by_season = values.reshape(len(values), -1, season)
    seasons = by_season.shape[1]
    centred = xp.arange(seasons, dtype=values.dtype) - 0.5 * (seasons - 1)
    trend = (by_season.mean(2) * centred).sum(1) / (season * (seasons * (seasons**2 - 1) / 12.0))
    some, ahead = by_season[:, :START], xp.arange(1, START * season + 1, dtype=values.dtype).reshape(START, season)
    level = some.mean((1, 2)) - trend * 0.5 * (START * season + 1)
    seasonal = (some - (level[:, None, None] + trend[:, None, None] * ahead)).mean(1)
    return xp.concatenate([level[:, None], trend[:, None], seasonal], 1)


def rated(run: Run, forecast):
    """The forecasts; how many series were fitted a second is put on record."""
    run.observe(series_per_second=len(forecast) / run.stages["fit"])
    return forecast


@task.on_cpu("statsforecast", environment="statsforecast", needs=["pandas"], memory=Memory(copies=15, fixed=0.3e9))
def series_by_series(data: Panel, run: Run, statsforecast):
    """The library that forecasters use: a model after the other, in C++, with a process for each core."""
    import pandas as pd
    from statsforecast.models import AutoETS

    if data.season > LONGEST_SEASON:
        raise Unavailable(f"statsforecast fits no season longer than {LONGEST_SEASON} steps; here it is {data.season}")
    form = {"model": "AAA" if data.season > 1 else "AAN", "damped": False, "season_length": data.season}
    steps = steps_of(data)
    run.effective(**form, steps=steps, n_jobs=run.threads)
    with run.stage("window"):
        begins, lengths = ends_of(data.step, data.horizon)
        values = windows(data.value, begins, lengths, data.scale, steps=steps, season=data.season, xp=np)
        series, step = (place.ravel() for place in np.indices(values.shape))
        table = pd.DataFrame({"unique_id": series, "ds": step, "y": values.ravel()})
    with run.stage("fit"):
        models = statsforecast.StatsForecast(models=[AutoETS(**form, alias="ets")], freq=1, n_jobs=run.threads)
        found = models.forecast(df=table, h=data.horizon)["ets"].to_numpy().reshape(-1, data.horizon)
        forecast = found * data.scale[:, None] + data.value[begins][:, None]
    return rated(run, forecast)


@task.pair(cpu="numba", gpu="numba.cuda", memory=Memory(copies=2))
def side_by_side(data: Panel, run: Run, numba):
    """Our own code (`_smoothing.py`): 64 series side by side on a core, a series for each thread of a GPU. Float32."""
    with run.stage("window"):
        begins, lengths = ends_of(data.step, data.horizon)
        series = data.value, begins, lengths, data.scale.astype(np.float32)
    return rated(run, smoothed(series, run, numba, plan_of(data, run)))


def plan_of(data: Panel, run: Run) -> dict[str, Any]:
    """What is the same for all series, on record."""
    plan = {"steps": steps_of(data), "season": data.season, "horizon": data.horizon}
    run.effective(model="AAA", dtype="float32", first=FIRST, highest=HIGHEST, length=LENGTH, rounds=ROUNDS, **plan)
    return plan


def smoothed(series, run: Run, numba, plan):
    """The forecasts of series on this device, by our own code."""
    from residency.suites.timeseries import _smoothing  # compiled by Numba, which listing tasks does not need

    plan = plan | {"search": _smoothing.Search(FIRST, HIGHEST, LENGTH, ROUNDS)}
    if run.device == "cpu":
        with run.stage("fit"):
            return _smoothing.forecast_by_cores(*series, **plan, threads=run.threads)
    with run.stage("put"):
        series = [numba.to_device(array) for array in series]
    with run.stage("fit"):
        forecast = _smoothing.forecast_by_threads(*series, **plan)
    with run.stage("get"):
        return forecast.copy_to_host()


@task.pair(cpu="jax", gpu="jax", memory=Memory(copies=7, fixed=0.05e9))
def all_at_once(data: Panel, run: Run, jax):
    """A step of all series is one operation, for the six places of the search together. JAX compiles the loop."""
    plan = plan_of(data, run)
    with run.stage("window"):
        begins, lengths = ends_of(data.step, data.horizon)
        units = data.scale.astype(np.float32)
    with run.stage("put"):
        series = [run.to_device(array, into=jax) for array in (data.value, begins, lengths, units)]
    with run.stage("fit"):
        forecast = jitted()(*series, **plan)
    with run.stage("get"):
        forecast = run.to_host(forecast)
    return rated(run, forecast)


@cache
def jitted():
    """`recursion`, compiled once a process for data of one shape."""
    import jax

    return partial(jax.jit, static_argnames=("steps", "season", "horizon"))(recursion)


def recursion(value, begins, lengths, units, *, steps: int, season: int, horizon: int):
    """The forecasts, shape (series, horizon). Arrays of parameters have the shape (3, places, series)."""
    import jax.numpy as jnp
    from jax import lax

    values = windows(value, begins, lengths, units, steps=steps, season=season, xp=jnp)
    first, values = starts(values, season=season, xp=jnp).T, values.T
    highest = jnp.array(HIGHEST)[:, None, None]
    directions = jnp.concatenate([jnp.eye(3), -jnp.eye(3)], 1)[:, :, None] * highest

    def follow(parameters: Any) -> Any:
        """The last level, trend and season, and the sum of squared errors, for each place and series."""
        a, b, c = parameters

        def step(state: Any, now: Any) -> Any:
            level, trend, squares = state
            value, seasonal = now
            error = value - (level + trend + seasonal)
            state = level + trend + a * error, trend + a * b * error, squares + error * error
            return state, seasonal + c * (1.0 - a) * error

        def one_season(state: Any, values: Any) -> Any:
            states, seasons = state
            return lax.scan(step, states, (values, seasons)), None

        level, trend = (jnp.broadcast_to(state, a.shape) for state in first[:2])
        seasons = jnp.broadcast_to(first[2:, None], (season, *a.shape))
        by_season = values.reshape(-1, season, 1, values.shape[1])
        (states, seasons), _ = lax.scan(one_season, ((level, trend, jnp.zeros_like(a)), seasons), by_season)
        return *states, seasons

    def search(_: Any, found: Any) -> Any:
        """Try six places; go to the best, or halve the step."""
        at, least, length = found
        tried = jnp.clip(at + directions * length, 0.0, highest)
        squares = follow(tried)[2]
        best = squares.min(0)
        there = jnp.take_along_axis(tried, squares.argmin(0)[None, None], 1)
        better = best < least
        return jnp.where(better, there, at), jnp.where(better, best, least), jnp.where(better, length, 0.5 * length)

    at = jnp.broadcast_to(jnp.array(FIRST)[:, None, None], (3, 1, len(begins)))
    at, *_ = lax.fori_loop(0, ROUNDS, search, (at, follow(at)[2][0], jnp.full(len(begins), LENGTH)))
    level, trend, _, seasons = (state[..., 0, :] for state in follow(at))
    ahead = jnp.arange(1, horizon + 1)[:, None]
    forecast = level + trend * ahead + seasons[jnp.arange(horizon) % season]
    return forecast.T * units[:, None] + value[begins][:, None]


@task.on_gpu("cuml.tsa", needs=["cupy"], memory=Memory(copies=6))
def batched(data: Panel, run: Run, tsa):
    """cuML's: all series in one call, a, b and c by its own search (BFGS). It is deprecated, and gone in 26.12."""
    if data.season < 2:
        raise Unavailable("cuML's exponential smoothing always has a season, and this data has none")
    xp, steps = run.xp, steps_of(data)
    form = {"seasonal": "additive", "seasonal_periods": data.season, "start_periods": START, "eps": 2.24e-3}
    run.effective(**form, steps=steps, dtype="float32")
    with run.stage("window"):
        begins, lengths = ends_of(data.step, data.horizon)
        units = data.scale.astype(np.float32)
    with run.stage("put"):
        value, begins, lengths, units = run.to_device(data.value, begins, lengths, units)
    with run.stage("window"):
        values = windows(value, begins, lengths, units, steps=steps, season=data.season, xp=xp)
    with run.stage("fit"):
        with warnings.catch_warnings():  # `batched` says the same
            warnings.filterwarnings("ignore", message=".*deprecated", category=FutureWarning)
            model = tsa.ExponentialSmoothing(values, ts_num=len(values), output_type="cupy", **form)
        model.fit()
        model.forecast(data.horizon, index=0)  # of all series, in an array; without `index`, a frame of as many columns
        forecast = model.forecasted_points * units[:, None] + value[begins][:, None]
    with run.stage("get"):
        forecast = run.to_host(forecast)
    return rated(run, forecast)


@task.on_cluster(cpu="numba", gpu="numba.cuda")
def shared_out(data: Panel, run: Run, numba):
    """Series need nothing of each other: each worker smooths a share of them by our own code."""
    places = run.partitions(data.step, data.value, data.unit)
    begins = sorted({place.start - int(data.step[place.start]) for place in places})  # of the series they begin in
    parts = [replace(places[0], start=start, stop=stop) for start, stop in pairwise([*begins, data.rows])]
    lane = {"device": run.device, "threads": run.workers * run.threads // run.lanes}
    with run.stage("fit"):
        forecasts = run.on_workers(on_worker, parts, lane=lane, library=numba.__name__, plan=plan_of(data, run))
    with run.stage("get"):
        forecast = np.concatenate(run.client.gather(forecasts))
    return rated(run, forecast)


def on_worker(rows: Rows, lane, library: str, plan):
    """Runs on a worker: the forecasts of the series in these rows."""
    import importlib

    step, value, unit = rows.read()
    begins, lengths = ends_of(step, plan["horizon"])
    return smoothed((value, begins, lengths, unit[begins]), Run(**lane), importlib.import_module(library), plan)
