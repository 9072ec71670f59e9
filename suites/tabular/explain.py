"""Explanations: how much each column adds to each prediction of a boosted model, by exact Shapley values.

Question  To predict, a row walks down a hundred trees. To explain the prediction, it meets every leaf of every tree.
          What is a GPU worth then?
Expect    A column's Shapley value is how much the prediction changes when this column becomes known, on average over
          all orders in which columns become known. A tree of depth 6 has up to 64 leaves with six columns on the way to
          each. Every column of every path needs the others (TreeSHAP: Lundberg, Erion, Lee 2018): 64 x 6² operations a
          tree, 230,000 for a hundred trees, where a prediction takes 600. A row is 64 bytes, and its explanation 68, so
          arithmetic decides, not memory and not the bus. Rows and paths do not depend on each other: a GPU has a warp
          for each path, a lane for each column (GPUTreeShap: Mitchell, Frank, Holmes 2022; up to 19 times as fast on a
          V100 as on 40 cores). We expect 15 to 20 times with a million rows to explain (an estimate: no GPU has been
          seen). Training is the same work on all CPU sides, and short: compare the stage `explain`.

The contributions of a row, and the mean prediction, add up to its log odds. The metric computes eight rows exactly from
the model's own trees (`datasets/tabular/contributions.py`): approximations do not pass. Codes of categories are taken
as numbers here, because not every library explains splits by sets of categories.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets import trees
from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.contributions import explained, largest_error
from residency.datasets.tabular.covertype import covertype
from residency.datasets.tabular.known_effects import known_effects
from residency.datasets.tabular.own import own_binary
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task

ROUNDS, DEPTH, RATE = 100, 6, 0.1
BINS = 255
LEAVES = 2**DEPTH


def work(data: Table) -> tuple[float, float]:
    """The rows are read, the contributions are written, and each row meets each tree once."""
    rows, columns = data.x_test.shape
    return float(rows * ROUNDS), float(4 * rows * (2 * columns + 1))


def best_work(data: Table) -> tuple[float, float]:
    """Training, and for each row and leaf a multiplication and an addition for each two columns of its path."""
    rows, columns = data.x.shape
    asked = len(data.x_test)
    flops, moved = trees.boosting(rows, columns, ROUNDS, DEPTH)
    return flops + 2.0 * asked * ROUNDS * LEAVES * DEPTH**2, moved + 4.0 * asked * (2 * columns + 1)


task = Task(
    datasets=[known_effects, breast_cancer, covertype, own_binary],
    sizes={"smoke": 2_000, "lab": 50_000, "lecture": 5_000_000, "production": 400_000_000},  # rows; a fifth explained
    quality=explained,
    tolerance=0.02,  # the model of a CPU and that of a GPU; the contributions are exact for either
    floor={"known_effects": 0.75, "breast_cancer": 0.95, "covertype": 0.85},
    work=work,
    best_work=best_work,
    limiter="arithmetic on short paths, one for each leaf",
    also={"largest_error_log_odds": largest_error},
    memory={"cpu": Memory(copies=6, fixed=0.2e9), "gpu": Memory(copies=5, fixed=1e9)},
)


def train(run: Run, xgboost: Any, x: Any, y: Any) -> Any:
    """The model to explain, on the device. It splits codes of categories like numbers."""
    parameters = {
        "objective": "binary:logistic",
        "base_score": 0.5,  # log odds of 0
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "max_depth": DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "reg_lambda": 1.0,
        "min_child_weight": 1.0,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return xgboost.train(parameters, xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=run.threads), ROUNDS)


def json_of(model: Any) -> NDArray[np.uint8]:
    """The model, for the metric to explain."""
    return np.frombuffer(model.save_raw("json"), dtype=np.uint8)


@task.pair(cpu="xgboost", gpu="xgboost")
def booster(data: Table, run: Run, xgboost):
    """XGBoost's own: a row at a time on all cores, or GPUTreeShap. It gives host memory, so `explain` copies back."""
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("train"):
        model = train(run, xgboost, x, y)
    with run.stage("explain"):
        contributions = model.predict(xgboost.DMatrix(x_test, nthread=run.threads), pred_contribs=True)
    with run.stage("get"):
        return run.to_host(contributions), json_of(model)


@task.on_cpu("daal4py", needs=("xgboost",))
def onedal(data: Table, run: Run, daal4py):
    """The same model, converted to oneDAL's trees: its TreeSHAP on all cores."""
    import xgboost

    with run.stage("train"):
        model = train(run, xgboost, data.x, data.y)
    with run.stage("convert"):
        daal4py.daalinit(nthreads=run.threads)  # it does not heed OpenMP's number of threads
        converted = daal4py.mb.convert_model(model)
    with run.stage("explain"):
        contributions = converted.predict(data.x_test, pred_contribs=True)
    with run.stage("get"):
        return contributions, json_of(model)


@task.on_cpu("xgboost", needs=("shap",))
def shap_package(data: Table, run: Run, xgboost):
    """The package shap: its own C code, on one core."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PendingDeprecationWarning)  # matplotlib's, which shap imports
        import shap

    with run.stage("train"):
        model = train(run, xgboost, data.x, data.y)
    with run.stage("convert"):
        explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
        explainer.model.model_type = "internal"  # else it would hand the rows to XGBoost, which is `booster`
    with run.stage("explain"):
        values = explainer.shap_values(data.x_test, check_additivity=False)
        log_odds = model.predict(xgboost.DMatrix(data.x_test[:1]), output_margin=True)
        mean = log_odds - values[0].sum()  # shap takes XGBoost's weight of the roots, which is not the mean
        contributions = np.column_stack([values, np.broadcast_to(mean, len(values))])
    with run.stage("get"):
        return contributions, json_of(model)


@task.on_gpu("cuml.explainer", needs=("xgboost",))
def explainer(data: Table, run: Run, explainer):
    """XGBoost's model explained by cuML: the same GPUTreeShap, and the contributions stay on the GPU until `get`."""
    import xgboost

    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("train"):
        model = train(run, xgboost, x, y)
    with run.stage("convert"):
        explain = explainer.TreeExplainer(model=model)
    with run.stage("explain"):
        values = explain.shap_values(x_test)
        mean = run.xp.full(len(x_test), explain.expected_value, dtype=values.dtype)
        contributions = run.xp.column_stack([values, mean])
    with run.stage("get"):
        return run.to_host(contributions), json_of(model)
