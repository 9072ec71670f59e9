"""What `gradient_boosting` asks of XGBoost and of LightGBM, the same in one process and on a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from residency.datasets.tabular.table import Table
from residency.harness import Run

ROUNDS, DEPTH, RATE = 100, 10, 0.1
BINS = 255  # the most that all three libraries take
L2 = 1.0
LEAF, GROUP = 30, 100  # rows that a leaf needs, and a category that is to be split apart; fewer of small tables
SHARE_OF_LEAF, SHARE_OF_GROUP = 0.01, 0.03  # of the rows to learn from, at most
ONE_HOT, SUBSET = 4, 64  # up to 4 categories are split one against the rest; at most 64 go to one side


@dataclass(frozen=True)
class Least:
    """What a leaf needs, the same for all libraries and put on record: rows, or as much curvature as they begin with.

    XGBoost and LightGBM count a leaf's curvature, the sum of p (1 - p) of its rows: with one row of a hundred positive
    thirty rows have 0.3. A fixed minimum would let them split nothing there, and scikit-learn, which counts rows, all.
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


def by_leaf(data: Table, run: Run) -> dict[str, Any]:
    """LightGBM's parameters, put on record."""
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
        **run.only(cpu={"device_type": "cpu", "force_row_wise": True}, gpu={"device_type": "gpu", "gpu_use_dp": False}),
    }
    run.effective(rounds=ROUNDS, **parameters)
    return parameters


def binning(data: Table) -> dict[str, Any]:
    """How XGBoost is to bin the columns: codes by themselves."""
    kinds = ["c" if column in data.categorical else "q" for column in range(data.x.shape[1])]
    return {"feature_types": kinds, "enable_categorical": True, "max_bin": BINS}
