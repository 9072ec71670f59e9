"""Forecasting by two models: a regression a shop for trend and seasons, one forest for weather and web visits.

Question  Two models share the work: thousands of tiny regressions, and one forest over all shops. Which of them does a
          GPU speed up, and does the forest pay for itself?
Expect    All regressions are one batched product: 38 columns, so 1,500 multiply-adds a value of four bytes, and a
          system of 38 equations a shop. That is arithmetic, which suits a GPU: 29 million values keep an H200 busy for
          some ten milliseconds. The forest takes nearly all the time on either device: 100 trees of ten levels count
          five columns in a quarter of all rows. The copy is 33 bytes a value. So the forest decides how much a GPU
          gains. With 29 million values we expect 3 to 10 times, against 16 cores (an estimate: no GPU has been seen).
          MASE on the generated sales at smoke size: repeating the last week 1.08, the regression alone 0.85, with the
          forest 0.50, the truth 0.37. The forest pays wherever columns are known in advance.

The regression has a line with eight bends and waves (Fourier terms), held back by a little ridge, as Prophet's prior
does. What it leaves over, the residual, is what the forest learns: from the columns that are known in advance, and the
place in the season. Prophet itself can be the first model (`prophet_first`): one fit a shop, on one core each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from residency.datasets import trees
from residency.datasets.timeseries.half_daily_sales import half_daily_sales
from residency.datasets.timeseries.half_daily_taxis import half_daily_taxis
from residency.datasets.timeseries.mauna_loa import mauna_loa
from residency.datasets.timeseries.own_series import own_series
from residency.datasets.timeseries.series import Panel, Values, mase, seasonal_naive, smape
from residency.harness import Memory, Run, Task
from residency.harness.device import place
from residency.suites.timeseries._series_parts import Part, parts

BENDS, WITHIN = 8, 0.8  # bends of the trend, in this share of the history, evenly spaced
WAVES = 7  # harmonics of each period at most: all 7 of the 14 half days of a week
RIDGE = 5.0  # rows of zeros that hold each coefficient back
TREES, DEPTH, LEAF, BINS = 100, 10, 2, 128
SAMPLE, LEAST = 0.25, 1_000  # share of the rows that are drawn for a tree, with repeats; so many rows at least
USED = ("series", "moment", "future", "value", "unit", "known")  # arrays of the panel
FOREST = {
    "n_estimators": TREES,
    "max_depth": DEPTH,
    "min_samples_leaf": LEAF,
    "min_samples_split": 2,
    "max_features": 1.0,
    "min_impurity_decrease": 0.0,
    "bootstrap": True,
}


def drawn(data: Panel) -> float:
    """The share of the rows that is drawn for a tree."""
    return min(1.0, max(SAMPLE, LEAST / float((~data.future).sum())))


def distinct(data: Panel) -> float:
    """The share of the rows that is drawn at least once."""
    return 1 - math.exp(-drawn(data))


def work(data: Panel) -> tuple[float, float]:
    """Only the root of each tree, since nodes may end early: two additions (count and sum) a cell, of one byte."""
    cells = TREES * distinct(data) * float((~data.future).sum()) * (len(data.names) + 1)
    return 2 * cells, cells


def best_work(data: Panel) -> tuple[float, float]:
    """Each value times each column of the regression, and back again; then all levels of evenly split trees."""
    rows, columns = float((~data.future).sum()), len(data.names) + 1
    begin, end = moments({"moment": data.moment})
    terms = 2 + BENDS + 2 * len(waves(periods(data, end - begin)))
    sample = distinct(data) * rows
    levels = min(DEPTH, max(1, math.ceil(math.log2(max(2.0, sample / LEAF)))))
    flops, moved = trees.binning(int(rows), columns)
    flops += 4.0 * rows * terms + TREES * sample * levels * (2 * columns + 1)
    moved += 3.0 * trees.NUMBER * rows + TREES * sample * levels * (columns + 1 + 3 * trees.NUMBER)
    return flops, moved


def periods(data: Panel, steps: int) -> list[int]:
    """The periods that a history of all steps but the horizon holds: the season at least once, longer ones twice."""
    return [period for period in data.phases if (1 + (period > data.season)) * period <= steps - data.horizon]


def waves(periods: Sequence[int]) -> list[Fraction]:
    """The frequencies of the seasons, in turns a step; a harmonic that two periods share is there once."""
    return sorted({Fraction(n, period) for period in periods for n in range(1, min(WAVES, period // 2) + 1)})


def regression_alone(data: Panel) -> Values:
    """The forecast of the first stage, without the forest."""
    table = {name: np.asarray(getattr(data, name)) for name in USED}
    forecast: Values = (regression(data, table, np) * table["unit"])[data.future].astype(np.float64)
    return forecast


task = Task(
    datasets=[half_daily_sales, mauna_loa, half_daily_taxis, own_series],
    sizes={"smoke": 11_760, "lab": 294_000, "lecture": 29_400_000, "production": 588_000_000},  # 1,470 a shop
    quality=mase,
    also={"sMAPE": smape},
    naive={"repeating the last season": seasonal_naive, "the regression without the forest": regression_alone},
    tolerance=0.05,  # between libraries and seeds: up to 0.02 on the sales of 8 shops, up to 0.03 on a single series
    floor={"half_daily_sales": 0.65, "mauna_loa": 0.9, "half_daily_taxis": 0.5},  # sales, taxis: the forest is needed
    work=work,
    best_work=best_work,
    limiter=trees.LIMITER,
    unit="values",
    memory={"cpu": Memory(copies=6, fixed=0.1e9), "gpu": Memory(copies=6, fixed=1.5e9)},  # `fixed`: the trees
)


def regression(data: Panel, table: Mapping[str, Any], xp, span: tuple[int, int] | None = None):
    """What trend and seasons of its shop say in each row, in units: one ridge regression a shop, all at once.

    `span` is the first moment and the one after the last, of all shops. Series may begin and end at any moment, so
    each has a system of its own; a value that is not there has the weight 0.
    """
    begin, end = span or moments(table)
    shop, steps = (table["series"] - table["series"][0]).astype(xp.int64), end - begin
    at, shops = shop * steps + (table["moment"] - begin), int(shop[-1]) + 1
    weight, scaled = xp.zeros(shops * steps, xp.float32), xp.zeros(shops * steps, xp.float32)
    weight[at] = ~table["future"]
    scaled[at] = table["value"] / table["unit"]
    weight, scaled = weight.reshape(shops, steps), (scaled * weight).reshape(shops, steps)
    mean = scaled.sum(1) / weight.sum(1)
    terms = columns(begin, steps, data, xp)
    gram = xp.stack([weight @ (terms * term[:, None]) for term in terms.T], axis=1)
    gram += RIDGE * xp.eye(terms.shape[1], dtype=xp.float32)
    coefficients = xp.linalg.solve(gram, ((scaled - weight * mean[:, None]) @ terms)[:, :, None])[:, :, 0]
    return (coefficients @ terms.T + mean[:, None]).ravel()[at]


def columns(begin: int, steps: int, data: Panel, xp):
    """The columns of the regression at each step, the same for all shops: a constant, a line, its bends, the waves."""
    step, history = xp.arange(steps), steps - data.horizon
    bends = [xp.maximum(0.0, step - WITHIN * history * n / (BENDS + 1)) for n in range(1, BENDS + 1)]
    line = [xp.ones(steps), *(part / history for part in (step, *bends))]
    turns = [2 * math.pi * ((step + begin) % wave.denominator * float(wave)) for wave in waves(periods(data, steps))]
    return xp.stack([*line, *map(xp.cos, turns), *map(xp.sin, turns)], axis=1).astype(xp.float32)


def moments(table: Mapping[str, Any]) -> tuple[int, int]:
    """The first moment, and the one after the last."""
    return int(table["moment"].min()), int(table["moment"].max()) + 1


def residuals(data: Panel, table: Mapping[str, Any], fitted, xp):
    """What the forest learns from, its target, and what it is asked: known columns and the place in the season."""
    past, ahead = xp.flatnonzero(~table["future"]), xp.flatnonzero(table["future"])

    def rows(at: Any) -> Any:
        return xp.concatenate([table["known"][:, at], (table["moment"][at] % data.season)[None]], dtype=xp.float32).T

    return rows(past), (table["value"] / table["unit"] - fitted)[past], rows(ahead)


def by_bins(data: Panel, run: Run) -> dict[str, Any]:
    """The parameters of oneDAL's forest, and of cuML's."""
    return {
        **FOREST,
        "max_samples": drawn(data),
        "random_state": run.seed,
        **run.only(
            cpu={"criterion": "squared_error", "max_bins": BINS, "min_bin_size": 1, "n_jobs": run.threads},
            gpu={"split_criterion": "mse", "n_bins": BINS, "n_streams": 8},
        ),
    }


def two_models(data: Panel, run: Run, fit: Callable[[Any, Any], Callable[[Any], Any]]):
    """Both stages on the device of the run, by NumPy or CuPy. `fit` grows the forest: it returns what predicts."""
    xp = run.xp
    run.effective(bends=BENDS, waves=WAVES, ridge=RIDGE, phases=data.phases)
    with run.stage("put"):
        table = dict(zip(USED, run.to_device(*(getattr(data, name) for name in USED)), strict=True))
    with run.stage("regression"):
        fitted = regression(data, table, xp)
    with run.stage("features"):
        x, residual, ahead = residuals(data, table, fitted, xp)
    with run.stage("fit"):
        predict = fit(x, residual)
    with run.stage("predict"):
        forecast = (fitted[table["future"]] + predict(ahead)) * table["unit"][table["future"]]
    with run.stage("get"):
        return run.to_host(forecast)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs={"gpu": ["cupy"]})
def histograms(data: Panel, run: Run, ensemble):
    """The same on both devices: NumPy and oneDAL's forest, behind scikit-learn's interface, or CuPy and cuML's."""
    model = run.effective(ensemble.RandomForestRegressor(**by_bins(data, run)))
    return two_models(data, run, lambda x, residual: model.fit(x, residual).predict)


@task.on_cpu("sklearn.ensemble", unchanged="cuml.accel")
def exact_splits(data: Panel, run: Run, ensemble):
    """Scikit-learn's own forest: every value of a column is a possible split."""
    exact = {"max_samples": drawn(data), "criterion": "squared_error", "random_state": run.seed, "n_jobs": run.threads}
    model = run.effective(ensemble.RandomForestRegressor(**FOREST, **exact))
    return two_models(data, run, lambda x, residual: model.fit(x, residual).predict)


@task.pair(cpu="xgboost", gpu="xgboost", needs={"gpu": ["cupy"]})
def one_round(data: Panel, run: Run, xgboost):
    """A round of XGBoost with many trees at full rate is a forest; rows are drawn without repeats.

    A GPU grows all trees in one round. On a CPU each thread has a round of its own, with its share of the trees:
    threads that grow one tree together wait for each other at every level. Each thread also bins all rows for itself,
    which more threads do not make shorter.
    """
    parameters = {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "learning_rate": 1.0,
        "max_depth": DEPTH,
        "min_child_weight": LEAF,
        "subsample": distinct(data),
        "sampling_method": "uniform",
        "colsample_bynode": 1.0,
        "reg_lambda": 0.0,
        "max_bin": BINS,
        **run.only(cpu={"device": "cpu", "nthread": 1}, gpu={"device": "cuda", "nthread": run.threads}),
    }
    lanes = min(TREES, run.threads) if run.device == "cpu" else 1
    run.effective(trees=TREES, lanes=lanes, seed=run.seed, **parameters)

    def fit(x, residual):
        def grow(first: int, stop: int):
            binned = xgboost.QuantileDMatrix(x, residual, max_bin=BINS, nthread=parameters["nthread"])
            own = {**parameters, "num_parallel_tree": stop - first, "seed": run.seed + first}
            return xgboost.train(own, binned, num_boost_round=1), (stop - first) / TREES

        settings = partial(xgboost.set_config, **xgboost.get_config())  # a thread begins without them
        with ThreadPoolExecutor(lanes, initializer=settings) as threads:
            grown = list(threads.map(grow, *zip(*shares(lanes), strict=True)))
        return lambda ahead: sum(model.inplace_predict(ahead) * weight for model, weight in grown)

    return two_models(data, run, fit)


def shares(count: int) -> list[tuple[int, int]]:
    """The trees in as many shares, each from its first tree to the one after its last."""
    return list(pairwise(TREES * number // count for number in range(count + 1)))


@task.on_cpu("prophet", needs=["pandas", "sklearnex.ensemble"])
def prophet_first(data: Panel, run: Run, prophet):
    """Prophet as the first stage, with the same bends and waves: a fit a shop, as many at once as there are threads."""
    from sklearnex import ensemble

    forest = run.effective(ensemble.RandomForestRegressor(**by_bins(data, run)), phases=data.phases, **PROPHET)
    table = {name: getattr(data, name) for name in USED}
    begins = np.append(np.flatnonzero(data.step == 0), data.rows)
    shops = [slice(begin, end) for begin, end in pairwise(begins.tolist())]
    with run.stage("regression"), ThreadPoolExecutor(run.threads) as pool:  # Stan runs in a process of its own
        fitted = np.concatenate(list(pool.map(lambda rows: prophesied(data, rows, prophet), shops)))
    with run.stage("features"):
        x, residual, ahead = residuals(data, table, fitted, np)
    with run.stage("fit"):
        forest.fit(x, residual)
    with run.stage("predict"):
        return (fitted[data.future] + forest.predict(ahead)) * data.unit[data.future]


PROPHET = {
    "growth": "linear",
    "n_changepoints": BENDS,
    "changepoint_range": WITHIN,
    "changepoint_prior_scale": 0.05,
    "seasonality_mode": "additive",
    "seasonality_prior_scale": 10.0,
    "daily_seasonality": False,
    "weekly_seasonality": False,
    "yearly_seasonality": False,
    "uncertainty_samples": 0,
}


def prophesied(data: Panel, rows: slice, prophet: Any) -> Any:
    """What Prophet says in each row of a shop. A step counts as half a day, whatever it is: only periods matter."""
    import logging

    import pandas as pd

    logging.getLogger("cmdstanpy").setLevel(logging.WARNING)  # it tells of each fit
    times = pd.Timestamp("2000-01-03") + pd.to_timedelta(data.moment[rows] * 12, unit="h")
    table = pd.DataFrame({"ds": times, "y": (data.value[rows] / data.unit[rows]).astype(np.float64)})
    model = prophet.Prophet(**PROPHET)
    for period in periods(data, rows.stop - rows.start):
        model.add_seasonality(str(period), period=period / 2, fourier_order=min(WAVES, period // 2))
    return model.fit(table[~data.future[rows]]).predict(table)["yhat"].to_numpy(np.float32)


@task.on_cluster(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs={"gpu": ["cupy"]})
def shares_of_shops(data: Panel, run: Run, ensemble):
    """A worker regresses its own shops and grows its share of the trees on them; all workers' trees correct each shop.

    For each tree as many rows are drawn as on one machine, but only of one worker's shops: on up to four workers a
    tree sees as much as before, on more of them less.
    """
    run.effective(**by_bins(data, run), bends=BENDS, waves=WAVES, ridge=RIDGE, phases=data.phases)
    pieces = parts(data, run, count=run.workers)
    wanted = share_out(by_bins(data, run), pieces, data.rows)
    with run.stage("load"):
        tables = run.on_workers(read_part, pieces, where=run.device)
    with run.stage("regression"):
        begins, ends = zip(*run.client.gather(run.on_workers(moments, tables)), strict=True)
        made = run.on_workers(part_residuals, pieces, tables, span=(min(begins), max(ends)), xp=run.xp.__name__)
    with run.stage("fit"):
        grown = run.on_workers(grow, wanted, made, forest=ensemble.RandomForestRegressor)
    with run.stage("predict"):
        weights = [own["n_estimators"] for own in wanted]
        forecasts = run.on_workers(part_forecast, made, forests=grown, weights=weights)
    with run.stage("get"):
        return np.concatenate([run.to_host(one) for one in run.client.gather(forecasts)])


def share_out(wanted: Mapping[str, Any], pieces: Sequence[Part], rows: int) -> list[dict[str, Any]]:
    """Parameters of each part's forest: its share of the trees, the rows to draw for each, and a seed of its own."""
    return [
        {
            **wanted,
            "n_estimators": stop - first,
            "max_samples": min(1.0, wanted["max_samples"] * rows / len(piece.rows)),
            "random_state": wanted["random_state"] + first,
        }
        for piece, (first, stop) in zip(pieces, shares(len(pieces)), strict=True)
    ]


def read_part(part: Part, where: str) -> dict[str, Any]:
    """Runs on a worker: the arrays of the part's rows on its device."""
    panel = part.read()
    return {name: place(getattr(panel, name), where) for name in USED}


def part_residuals(part: Part, table: Mapping[str, Any], span: tuple[int, int], xp: str) -> Any:
    """Runs on a worker: what its forest learns from, and what the regression says of the future, with its units."""
    import importlib

    library = importlib.import_module(xp)
    fitted = regression(part.plan, table, library, span)
    return *residuals(part.plan, table, fitted, library), fitted[table["future"]], table["unit"][table["future"]]


def grow(parameters: Mapping[str, Any], made: Any, forest: Any) -> Any:
    """Runs on a worker: a forest of its share of the trees; none if its share is empty."""
    x, residual, *_ = made
    return forest(**parameters).fit(x, residual) if parameters["n_estimators"] else None


def part_forecast(made: Any, forests: Sequence[Any], weights: Sequence[int]) -> Any:
    """Runs on a worker: the future of its shops, corrected by all forests."""
    _, _, ahead, fitted, unit = made
    correction = sum(
        forest.predict(ahead) * (weight / TREES) for forest, weight in zip(forests, weights, strict=True) if weight
    )
    return (fitted + correction) * unit
