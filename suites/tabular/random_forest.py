"""Random forest: the mean of a hundred deep trees that do not depend on each other.

Question  Independent trees look ideal for a GPU. Do they gain more there than boosted trees?
Expect    Near the root a tree counts whole columns into histograms, as boosting does, and many trees at once fill the
          device even where one does not. Towards depth 16 a tree has thousands of nodes of a dozen rows: little work a
          node, scattered reads, and on a GPU a launch for each batch of nodes on each of eight streams. The copy is 80
          bytes a row, once, for a hundred trees: it hardly counts. Against scikit-learn's exact splits, which sort each
          node's rows for every column tried, any histogram wins by five to ten times, on a CPU too: that part of a GPU
          forest's advertised speed is the method's and not the device's, so the twin here is a CPU forest with bins.

Bootstrapped rows, four columns in ten tried at each node, at least five rows a leaf, 128 bins where there are bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from residency.datasets import trees
from residency.datasets.tabular.california_housing import california_housing
from residency.datasets.tabular.diabetes import diabetes
from residency.datasets.tabular.diamonds import diamonds
from residency.datasets.tabular.friedman import friedman
from residency.datasets.tabular.own import own_forest
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task, quality
from residency.harness.cluster import Rows
from residency.harness.device import place

TREES, DEPTH, LEAF = 100, 16, 5
COLUMNS = 0.4  # share of the columns tried at each node
BINS = 128
DISTINCT = 0.632  # share of the rows that a bootstrap sample holds, 1 - 1/e: the rest are repeats
PARAMETERS = {
    "n_estimators": TREES,
    "max_depth": DEPTH,
    "min_samples_leaf": LEAF,
    "min_samples_split": 2,
    "max_features": COLUMNS,
    "min_impurity_decrease": 0.0,
    "bootstrap": True,
    "max_samples": 1.0,
}


def work(data: Table) -> tuple[float, float]:
    """Only the root of each tree, since nodes may end early: two additions (count and sum) a cell, of one byte."""
    rows, columns = data.x.shape
    cells = TREES * DISTINCT * rows * COLUMNS * columns
    return 2 * cells, cells


def best_work(data: Table) -> tuple[float, float]:
    """All levels that evenly split nodes have, as `datasets/trees.py` counts them, and the rows to predict.

    At each level every row is read: its number, its target and the cells tried. Sister nodes try different columns, so
    neither can be had by subtraction. Then the row's number is rewritten by the cell of the column that splits.
    """
    rows, columns = data.x.shape
    drawn, levels = DISTINCT * rows, min(DEPTH, max(1, math.ceil(math.log2(max(2.0, DISTINCT * rows / LEAF)))))
    flops, moved = trees.binning(rows, columns)
    number, tried, asked = trees.NUMBER, COLUMNS * columns, len(data.x_test)
    flops += TREES * drawn * levels * (2 * tried + 1) + float(TREES * asked * (levels + 1))
    moved += TREES * drawn * levels * (tried * trees.CELL + 2 * number + number + trees.CELL)
    return flops, moved + float(number * asked * (columns + 1))


task = Task(
    datasets=[friedman, diabetes, california_housing, diamonds, own_forest],
    sizes={"smoke": 2_000, "lab": 50_000, "lecture": 5_000_000, "production": 400_000_000},  # rows
    quality=quality.r2,
    tolerance=0.03,  # chance, and bins against exact splits; on the 88 patients to predict of `diabetes` it shows
    floor={
        "friedman": 0.5,
        "diabetes": 0.2,
        "california_housing": 0.7,
        "diamonds": 0.9,
    },
    work=work,
    memory={"cpu": Memory(copies=10, fixed=0.1e9), "gpu": Memory(copies=6, fixed=1.5e9)},  # `fixed`: the trees
    best_work=best_work,
    limiter=trees.LIMITER,
)


def by_bins(run: Run) -> dict[str, Any]:
    """The parameters of oneDAL's forest, and of cuML's."""
    return {
        **PARAMETERS,
        "random_state": run.seed,
        **run.only(
            cpu={"criterion": "squared_error", "max_bins": BINS, "min_bin_size": 1, "n_jobs": run.threads},
            gpu={"split_criterion": "mse", "n_bins": BINS, "n_streams": 8},
        ),
    }


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble")
def histograms(data: Table, run: Run, ensemble):
    """The same method on both devices, bins included: oneDAL's forest behind scikit-learn's interface, and cuML's."""
    model = run.effective(ensemble.RandomForestRegressor(**by_bins(run)))
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("fit"):
        model.fit(x, y)
    with run.stage("predict"):
        predicted = model.predict(x_test)
    with run.stage("get"):
        return run.to_host(predicted)


@task.on_cluster(
    cpu="sklearnex.ensemble",
    gpu="cuml.ensemble",
    memory={"cpu": Memory(copies=10, fixed=0.1e9, whole=True), "gpu": Memory(copies=10, fixed=1.5e9, whole=True)},
)
def shares_of_trees(data: Table, run: Run, ensemble):
    """Every worker reads the whole table and grows its share of the trees; the result is the mean prediction.

    cuML's forest for Dask shows a worker only its own rows, unless `broadcast_data` is set. That is another forest: at
    lab size R² falls by 0.007 on 2 workers, 0.017 on 4 and 0.031 on 8, at smoke size by 0.02 on 2 and 0.06 on 4,
    and it takes less time because it learns from less data. This one is equally good on any number of workers. The
    price: each worker needs memory for the whole table, and bins it again.
    """
    run.effective(**by_bins(run))
    parts = (*run.partitions(data.x, data.y, count=1), *run.partitions(data.x_test, count=1))
    workers = sorted(run.client.scheduler_info(n_workers=-1)["workers"])[:TREES]
    wanted = share_out(by_bins(run), len(workers))
    with run.stage("load"):
        tables = run.on_workers(read, [parts] * len(workers), at=workers, device=run.device)
    with run.stage("fit"):
        grown = run.on_workers(grow, wanted, tables, at=workers, forest=ensemble.RandomForestRegressor)
    with run.stage("predict"):
        predicted = run.on_workers(predict, grown, tables, at=workers)
    with run.stage("get"):
        each = [run.to_host(one) for one in run.client.gather(predicted)]
        return np.average(each, axis=0, weights=[one["n_estimators"] for one in wanted])


def share_out(wanted: Mapping[str, Any], workers: int) -> list[dict[str, Any]]:
    """Parameters for each worker: its share of the trees, and a seed of its own."""
    bounds = [TREES * number // workers for number in range(workers + 1)]
    return [
        {**wanted, "n_estimators": stop - first, "random_state": wanted["random_state"] + first}
        for first, stop in pairwise(bounds)
    ]


def read(parts: Sequence[Rows], device: str) -> list[Any]:
    """Runs on a worker: the arrays of files, on its device."""
    return [place(array, device) for rows in parts for array in rows.read()]


def grow(parameters: Mapping[str, Any], table: Sequence[Any], forest: Any) -> Any:
    """Runs on a worker: a forest of its own."""
    x, y, _ = table
    return forest(**parameters).fit(x, y)


def predict(grown: Any, table: Sequence[Any]) -> Any:
    """Runs on a worker: what its forest predicts."""
    *_, x_test = table
    return grown.predict(x_test)


@task.on_cpu("sklearn.ensemble", unchanged="cuml.accel")
def exact_splits(data: Table, run: Run, ensemble):
    """Scikit-learn's forest, which most people mean: every value of a column is a possible split."""
    model = run.effective(
        ensemble.RandomForestRegressor(
            **PARAMETERS, criterion="squared_error", random_state=run.seed, n_jobs=run.threads
        )
    )
    with run.stage("fit"):
        model.fit(data.x, data.y)
    with run.stage("predict"):
        return model.predict(data.x_test)


@task.pair(
    cpu="xgboost",
    gpu="xgboost",
    memory={"cpu": Memory(copies=10, fixed=0.5e9), "gpu": Memory(copies=10, fixed=1.5e9)},
)
def one_round(data: Table, run: Run, xgboost):
    """A single round of boosting with a hundred trees at full rate is a forest; rows are drawn without repeats."""
    parameters = {
        "objective": "reg:squarederror",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "num_parallel_tree": TREES,
        "learning_rate": 1.0,
        "max_depth": DEPTH,
        "min_child_weight": LEAF,
        "subsample": DISTINCT,
        "sampling_method": "uniform",
        "colsample_bynode": COLUMNS,
        "reg_lambda": 0.0,
        "max_bin": BINS,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=1, **parameters)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("bin"):
        binned = xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=run.threads)
    with run.stage("fit"):
        model = xgboost.train(parameters, binned, num_boost_round=1)
    with run.stage("predict"):
        predicted = model.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(predicted)
