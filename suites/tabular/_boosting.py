"""What `gradient_boosting` asks of XGBoost and of LightGBM, the same in one process and on a cluster."""

from __future__ import annotations

from typing import Any

from residency.datasets.table import Table
from residency.harness import Run

ROUNDS, DEPTH, RATE = 100, 10, 0.1
BINS = 255  # the most that all three libraries take
L2 = 1.0
CURVATURE = 5.0  # least sum of p (1 - p) in a leaf: about thirty flights, of which a fifth are late
ONE_HOT, SUBSET = 4, 64  # up to 4 categories are split one against the rest; at most 64 go to one side


def by_level(run: Run) -> dict[str, Any]:
    """XGBoost's parameters, put on record."""
    parameters = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "grow_policy": "depthwise",
        "max_depth": DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "reg_lambda": L2,
        "min_child_weight": CURVATURE,
        "max_cat_to_onehot": ONE_HOT,
        "max_cat_threshold": SUBSET,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return parameters


def by_leaf(run: Run) -> dict[str, Any]:
    """LightGBM's parameters, put on record."""
    parameters = {
        "objective": "binary",
        "max_depth": DEPTH,
        "num_leaves": 2**DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "lambda_l2": L2,
        "cat_l2": 10.0,  # on top of lambda_l2; this and the next two guard small categories, XGBoost has no such guard
        "cat_smooth": 10.0,
        "min_data_per_group": 100,
        "min_sum_hessian_in_leaf": CURVATURE,
        "min_data_in_leaf": 1,
        "max_cat_to_onehot": ONE_HOT,
        "max_cat_threshold": SUBSET,
        "deterministic": True,
        "seed": run.seed,
        "num_threads": run.threads,
        "verbosity": -1,
        **run.only(cpu={"device_type": "cpu", "force_row_wise": True}, gpu={"device_type": "gpu", "gpu_use_dp": False}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return parameters


def binning(data: Table) -> dict[str, Any]:
    """How XGBoost is to bin the columns: codes by themselves."""
    kinds = ["c" if column in data.categorical else "q" for column in range(data.x.shape[1])]
    return {"feature_types": kinds, "enable_categorical": True, "max_bin": BINS}
