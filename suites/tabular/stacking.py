"""Stacking: a linear model, a forest and boosted trees, and a model of their predictions.

Question  Is a stack better than the best of its models, and what does it cost? Does a GPU, which trains each of the
          models faster, make it worth while?
Expect    The last model may learn only from predictions for rows that a model has not seen. So each model is trained
          five times on four fifths of the rows, and once on all: as much work as five trainings. The stack gains
          little if one model is clearly the best: on `friedman` 0.005 of R² over boosting with 800 rows to learn from,
          nothing with 24,000. It gains most where no model is: 0.01 on 354 patients of `diabetes`.
          On a GPU the table is copied once for 18 trainings. Six forests decide the time on either device, so a GPU
          gains on the stack what it gains on a forest. The linear model and the last one take almost no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from residency.datasets import trees
from residency.datasets.tabular.california_housing import california_housing
from residency.datasets.tabular.diabetes import diabetes
from residency.datasets.tabular.friedman import friedman
from residency.datasets.tabular.own import own_forest
from residency.datasets.tabular.stacked import r2_of_each, r2_of_stack
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task

FOLDS = 5
ALPHA, LAST_ALPHA = 1.0, 1e-3
TREES, LEAF, COLUMNS, FOREST_DEPTH, BINS = 40, 5, 0.4, 12, 128
ROUNDS, RATE, DEPTH = 60, 0.15, 5
MODELS = ("ridge", "forest", "boosting")


def work(data: Table) -> tuple[float, float]:
    """The first level of each boosted tree, in what adds up to five trainings on all rows."""
    return float(FOLDS * ROUNDS * data.x.size), float(FOLDS * ROUNDS * data.x.size)


def best_work(data: Table) -> tuple[float, float]:
    """Boosting alone, as `datasets/trees.py` counts it."""
    rows, columns = data.x.shape
    return trees.boosting(FOLDS * rows, columns, ROUNDS, DEPTH, len(data.x_test))


task = Task(
    datasets=[friedman, diabetes, california_housing, own_forest],
    sizes={"smoke": 1_000, "lab": 30_000, "lecture": 2_000_000, "production": 100_000_000},  # rows
    quality=r2_of_stack,
    tolerance=0.03,  # chance, and bins against exact splits; on the 88 patients to predict of `diabetes` it shows
    floor={"friedman": 0.6, "diabetes": 0.2, "california_housing": 0.6},
    work=work,
    best_work=best_work,
    limiter=trees.LIMITER,
    also=r2_of_each(MODELS),
    memory={"cpu": Memory(copies=8, fixed=0.2e9), "gpu": Memory(copies=6, fixed=2e9)},
)


def forest_parameters(run: Run) -> dict[str, Any]:
    """What all libraries' forests take."""
    return {
        "n_estimators": TREES,
        "max_depth": FOREST_DEPTH,
        "min_samples_leaf": LEAF,
        "max_features": COLUMNS,
        "bootstrap": True,
        "random_state": run.seed,
    }


def boosting_parameters(run: Run) -> dict[str, Any]:
    """What XGBoost takes on either device."""
    return {
        "tree_method": "hist",
        "max_depth": DEPTH,
        "learning_rate": RATE,
        "max_bin": BINS,
        "reg_lambda": 1.0,
        "min_child_weight": LEAF,
        "seed": run.seed,
        "nthread": run.threads,
        **run.only(cpu={"device": "cpu"}, gpu={"device": "cuda"}),
    }


def told(run: Run) -> dict[str, Any]:
    """All parameters that decide the result, for the record."""
    of_forest = {f"forest_{name}": value for name, value in forest_parameters(run).items()}
    of_last = {"alpha": ALPHA, "last_alpha": LAST_ALPHA, "folds": FOLDS}
    return {**of_last, **of_forest, "rounds": ROUNDS, **boosting_parameters(run)}


def ridge(run: Run, ensemble: Any, x: Any, y: Any, asked: Any) -> Any:
    """Predictions of a linear model, by the normal equations."""
    return linear(run.xp, x, y, asked, ALPHA)


def linear(xp: Any, x: Any, y: Any, asked: Any, alpha: float) -> Any:
    """The same, with the penalty on the squares of its weights."""
    middle, level = x.mean(axis=0), y.mean()
    centred = x - middle
    gram = centred.T @ centred + alpha * xp.eye(x.shape[1], dtype=x.dtype)
    return (asked - middle) @ xp.linalg.solve(gram, centred.T @ (y - level)) + level


def forest(run: Run, ensemble: Any, x: Any, y: Any, asked: Any) -> Any:
    """Predictions of a forest with bins: oneDAL's, or cuML's."""
    one_sided = run.only(
        cpu={"max_bins": BINS, "min_bin_size": 1, "n_jobs": run.threads}, gpu={"n_bins": BINS, "n_streams": 8}
    )
    return ensemble.RandomForestRegressor(**forest_parameters(run), **one_sided).fit(x, y).predict(asked)


def boosting(run: Run, ensemble: Any, x: Any, y: Any, asked: Any) -> Any:
    """Predictions of boosted trees."""
    import xgboost

    rows = xgboost.QuantileDMatrix(x, y, max_bin=BINS, nthread=run.threads)
    parameters = {"objective": "reg:squarederror", **boosting_parameters(run)}
    return xgboost.train(parameters, rows, ROUNDS).inplace_predict(asked)


@task.pair(cpu="sklearnex.ensemble", gpu="cuml.ensemble", needs=("xgboost",))
def by_hand(data: Table, run: Run, ensemble):
    """The same lines on both devices: the table, its folds and all predictions stay there."""
    run.effective(bins_of_forest=BINS, **told(run))
    xp, bounds = run.xp, np.linspace(0, len(data.x), FOLDS + 1).astype(int).tolist()
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    unseen, asked = xp.empty((len(x), len(MODELS)), y.dtype), xp.empty((len(x_test), len(MODELS)), y.dtype)
    for place, learn in enumerate((ridge, forest, boosting)):
        with run.stage(learn.__name__):
            for start, stop in pairwise(bounds):
                others, other_y = (xp.concatenate([whole[:start], whole[stop:]]) for whole in (x, y))
                unseen[start:stop, place] = learn(run, ensemble, others, other_y, x[start:stop])
            asked[:, place] = learn(run, ensemble, x, y, x_test)
    with run.stage("stack"):
        stacked = linear(xp, unseen, y, asked, LAST_ALPHA)
    with run.stage("get"):
        return run.to_host(xp.column_stack([stacked, asked]))


@task.on_cpu("sklearn.ensemble", needs=("xgboost",), unchanged="cuml.accel")
def estimator(data: Table, run: Run, ensemble):
    """Scikit-learn's own stack, with its own forest, which tries every value of a column as a split.

    Under cuml.accel, XGBoost stays on the CPU: its parameters say so.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold
    from xgboost import XGBRegressor

    boosted = XGBRegressor(n_estimators=ROUNDS, objective="reg:squarederror", **boosting_parameters(run))
    models: Sequence[Any] = (
        Ridge(alpha=ALPHA, fit_intercept=True, solver="cholesky"),
        ensemble.RandomForestRegressor(**forest_parameters(run), n_jobs=run.threads),
        boosted,
    )
    stack = ensemble.StackingRegressor(
        list(zip(MODELS, models, strict=True)),
        final_estimator=Ridge(alpha=LAST_ALPHA, fit_intercept=True, solver="cholesky"),
        cv=KFold(FOLDS, shuffle=False),
        passthrough=False,
    )
    run.effective(stack, **told(run))
    with run.stage("fit"):
        stack.fit(data.x, data.y)
    with run.stage("predict"):
        each = stack.transform(data.x_test)
        return np.column_stack([stack.final_estimator_.predict(each), each])
