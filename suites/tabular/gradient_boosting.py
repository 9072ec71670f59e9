"""Gradient boosting: a hundred trees of depth ten, by histograms of binned columns.

Question  What does a GPU gain if the work is to count into small tables, at addresses that depend on the data?
Expect    Every level of every tree adds each row's gradient and curvature to one bin of each column: two additions for
          some ten bytes read, so memory and the speed of scattered additions decide, not arithmetic. A CPU keeps the
          histograms of a node in its cache, a GPU in shared memory with atomic additions from thousands of threads.
          100 trees x 10 levels are thousands of dependent launches and waits, at about ten microseconds each, however
          few the rows: at smoke size the CPU wins, at ten million rows the GPU should by about ten. The copy is 320 MB,
          hundredths of a second, once. LightGBM's OpenCL counts on the GPU and grows the tree on the CPU, node by
          node: many more and smaller transfers, and a smaller gain. Its CUDA, which pip's build lacks, does both there,
          but still leaf by leaf: a thousand leaves a tree are a thousand dependent steps, where XGBoost takes ten.

The table, the trees and the 10 million rows to learn from at lecture size follow GBM-perf (Pafka), which reports for
XGBoost V100 5 s, A100 3.7 s, H100 3.6 s, and 40 s for 32 CPU cores. Its clock leaves out the making of the matrix, the
stages `put` and `bin` here, and it gives XGBoost a column for each airport; here every library takes codes as codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from residency.datasets import trees
from residency.datasets.tabular.breast_cancer import breast_cancer
from residency.datasets.tabular.covertype import covertype
from residency.datasets.tabular.flights import flights
from residency.datasets.tabular.own import own_binary
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task, quality
from residency.harness.errors import Unavailable
from residency.runners import builds

ROUNDS, DEPTH, RATE = 100, 10, 0.1
BINS = 255  # the most that all three libraries take
L2 = 1.0
LEAF, GROUP = 30, 100  # rows that a leaf needs, and a category that is to be split apart; fewer of small tables
SHARE_OF_LEAF, SHARE_OF_GROUP = 0.01, 0.03  # of the rows to learn from, at most
NO_DEVICE = "No OpenCL device found"
REMEDY = "install the driver's libnvidia-opencl.so.1, or start the container with NVIDIA_DRIVER_CAPABILITIES=all"
LACKING = {
    "gpu": "lightgbm is built without OpenCL: pip install --force-reinstall lightgbm has it",
    "cuda": f"lightgbm is built without CUDA: {builds.LIGHTGBM_CUDA}, with CMake and CUDA's compiler; conda's has it",
}
ONE_HOT, SUBSET = 4, 64  # up to 4 categories are split one against the rest; at most 64 go to one side


def work(data: Table) -> tuple[float, float]:
    """Only each tree's first level, as others may end early: two additions a cell of a byte, eight bytes a row."""
    rows, columns = data.x.shape
    return float(ROUNDS * rows * columns * 2), float(ROUNDS * rows * (columns + 8))


def best_work(data: Table) -> tuple[float, float]:
    """All levels of all trees, as `datasets/trees.py` counts them, and the rows to predict."""
    rows, columns = data.x.shape
    return trees.boosting(rows, columns, ROUNDS, DEPTH, len(data.x_test))


task = Task(
    datasets=[flights, breast_cancer, covertype, own_binary],
    sizes={"smoke": 5_000, "lab": 250_000, "lecture": 12_500_000, "production": 800_000_000},  # rows
    quality=quality.auc,
    tolerance=0.03,  # libraries group categories differently: up to 0.015 between them, most on few rows
    floor={"flights": 0.55, "breast_cancer": 0.95, "covertype": 0.9},
    work=work,
    memory={"cpu": Memory(copies=6, fixed=0.05e9), "gpu": Memory(copies=4)},
    best_work=best_work,
    limiter=trees.LIMITER,
)


@dataclass(frozen=True)
class Least:
    """The least that a leaf needs, recorded and the same for all libraries: rows, or the curvature they start with.

    XGBoost and LightGBM limit a leaf's curvature, the sum of p (1 - p) over its rows. If one row in a hundred is
    positive, thirty rows have 0.3. With a fixed minimum those two could split nothing, while scikit-learn, which counts
    rows, could split everything.
    """

    rows: int
    curvature: float
    group: int

    @classmethod
    def of(cls, data: Table) -> Least:
        """By the rows to learn from."""
        rows, positive = len(data.y), float(data.y.mean(dtype=np.float64))
        leaf = max(1, min(LEAF, int(SHARE_OF_LEAF * rows)))
        return cls(leaf, leaf * positive * (1.0 - positive), max(1, min(GROUP, int(SHARE_OF_GROUP * rows))))


def binning(data: Table) -> dict[str, Any]:
    """How XGBoost is to bin the columns: codes by themselves."""
    kinds = ["c" if column in data.categorical else "q" for column in range(data.x.shape[1])]
    return {"feature_types": kinds, "enable_categorical": True, "max_bin": BINS}


def by_level(data: Table, run: Run) -> dict[str, Any]:
    """XGBoost's parameters, put on record."""
    least = Least.of(data)
    run.observe(least_curvature_of_leaf=least.curvature)
    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "max_depth": DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "reg_lambda": L2,
        "min_child_weight": least.curvature,
        "max_cat_to_onehot": ONE_HOT,
        "max_cat_threshold": SUBSET,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return parameters


@task.pair(cpu="xgboost", gpu="xgboost")
def level_by_level(data: Table, run: Run, xgboost):
    """XGBoost: all nodes of a level at once, which suits a GPU; the data stays there from `put` to `get`."""
    parameters = by_level(data, run)
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("bin"):
        binned = xgboost.QuantileDMatrix(x, y, **binning(data), nthread=run.threads)
    with run.stage("fit"):
        model = xgboost.train(parameters, binned, ROUNDS)
    with run.stage("predict"):
        chance = model.inplace_predict(x_test)
    with run.stage("get"):
        return run.to_host(chance)


@task.on_cluster(cpu="xgboost.dask", gpu="xgboost.dask", needs=("dask.array",))
def level_by_level_together(data: Table, run: Run, xgboost):
    """Every worker counts its rows, all add up their histograms at every level, and all grow the same tree."""
    parameters = by_level(data, run)
    with run.stage("load"):
        x, y = (part.persist() for part in run.array(data.x, data.y))
        x_test = run.array(data.x_test).persist()
        binned = xgboost.DaskQuantileDMatrix(run.client, x, y, **binning(data))
    with run.stage("fit"):
        model = xgboost.train(run.client, parameters, binned, ROUNDS)
    with run.stage("predict"):
        chance = xgboost.inplace_predict(run.client, model, x_test).persist()
    with run.stage("get"):
        return run.to_host(chance.compute())


def by_leaf(data: Table, run: Run, device: str) -> dict[str, Any]:
    """LightGBM's parameters for a `device_type`, put on record."""
    least = Least.of(data)
    run.observe(least_curvature_of_leaf=least.curvature, least_rows_of_category=least.group)
    parameters = {
        "objective": "binary",
        "max_depth": DEPTH,
        "num_leaves": 2**DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "lambda_l2": L2,
        "cat_l2": 10.0,  # on top of lambda_l2; this and the next two guard small categories, XGBoost has no such guard
        "cat_smooth": 10.0,
        "min_data_per_group": least.group,
        "min_sum_hessian_in_leaf": least.curvature,
        "min_data_in_leaf": 1,
        "max_cat_to_onehot": ONE_HOT,
        "max_cat_threshold": SUBSET,
        "deterministic": True,
        "seed": run.seed,
        "num_threads": run.threads,
        "verbosity": -1,
        "device_type": device,
        **run.only(cpu={"force_row_wise": True}, gpu={"gpu_use_dp": False}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return parameters


@task.pair(cpu="lightgbm", gpu="lightgbm", plain=True)
def leaf_by_leaf(data: Table, run: Run, lightgbm):
    """LightGBM: best leaf first, equally deep. On a GPU by OpenCL, which only counts there.

    It takes host arrays, copies inside `fit`, and predicts on the CPU. Not yet seen on a real GPU: its OpenCL ran on
    the processor.
    """
    return leaves(data, run, lightgbm, "cpu" if run.device == "cpu" else "gpu")


@task.on_gpu("lightgbm")
def leaf_by_leaf_cuda(data: Table, run: Run, lightgbm):
    """The same by LightGBM's CUDA, which grows the whole tree on the GPU. pip's build lacks it."""
    return leaves(data, run, lightgbm, "cuda")


def leaves(data: Table, run: Run, lightgbm: Any, device: str):
    """LightGBM on one of its devices; raises `Unavailable` if its build lacks the device, or the machine does."""
    if device != "cpu" and device not in builds.lightgbm_devices():
        raise Unavailable(LACKING[device])
    parameters = by_leaf(data, run, device)
    with run.stage("bin"):
        binned = lightgbm.Dataset(
            data.x, data.y, categorical_feature=list(data.categorical), params=parameters
        ).construct()
    with run.stage("fit"):
        try:
            model = lightgbm.train(parameters, binned, ROUNDS)
        except lightgbm.basic.LightGBMError as error:
            if NO_DEVICE not in str(error):
                raise
            raise Unavailable(f"lightgbm says `{NO_DEVICE}`: {REMEDY}") from error
    with run.stage("predict"):
        return model.predict(data.x_test)


@task.on_cluster(cpu="lightgbm.dask", needs=("dask.array",))
def leaf_by_leaf_together(data: Table, run: Run, lightgbm):
    """The same by leaves, with more messages: one exchange a leaf, not a level.

    Each worker finds the bins of some columns from its own rows, so the result depends on which rows it holds.
    `predict` writes the model as text and sends it with every part: it takes longer than the predictions themselves.
    """
    model = lightgbm.DaskLGBMRegressor(  # the classifier would number the labels anew on each worker
        n_estimators=ROUNDS, client=run.client, **by_leaf(data, run, "cpu")
    )
    with run.stage("load"):
        x, y = (part.persist() for part in run.array(data.x, data.y))
        x_test = run.array(data.x_test).persist()
    with run.stage("fit"):
        model.fit(x, y, categorical_feature=list(data.categorical))
    with run.stage("predict"):
        chance = model.predict(x_test, num_threads=1).persist()
    with run.stage("get"):
        return run.to_host(chance.compute())


@task.on_cpu("sklearn.ensemble")
def estimator(data: Table, run: Run, ensemble):
    """Scikit-learn's own: the same method, on as many OpenMP threads as the run allows; it bins inside `fit`."""
    least = Least.of(data)
    run.observe(least_rows_of_leaf=least.rows)
    model = run.effective(
        ensemble.HistGradientBoostingClassifier(
            max_iter=ROUNDS,
            max_depth=DEPTH,
            max_leaf_nodes=None,
            learning_rate=RATE,
            max_bins=BINS,
            l2_regularization=L2,
            min_samples_leaf=least.rows,
            categorical_features=list(data.categorical),
            early_stopping=False,
            random_state=run.seed,
        )
    )
    with run.stage("fit"):
        model.fit(data.x, data.y)
    with run.stage("predict"):
        return model.predict_proba(data.x_test)[:, 1]
