"""The other ways to grow a forest on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    Bins beat exact splits; a library made for boosting grows each tree of a forest as carefully.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.friedman import friedman
from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, quality
from residency.suites.tabular import random_forest as forest

task = Task(
    datasets=[friedman],
    sizes=forest.task.sizes,
    quality=quality.r2,
    tolerance=0.03,
    floor=0.5,
)


@task.on_cpu("sklearnex.ensemble")
def onedal_histograms(data: Table, run: Run, ensemble: Any) -> Any:
    """The one that stayed."""
    return forest.histograms(data, run, ensemble)


@task.on_cpu("lightgbm")
def lightgbm_forest(data: Table, run: Run, lightgbm: Any) -> Any:
    """LightGBM's forest mode: bagged trees by leaves, without repeated rows."""
    parameters = {
        "objective": "regression",
        "boosting": "rf",
        "num_leaves": 2**14,
        "max_depth": forest.DEPTH,
        "min_data_in_leaf": forest.LEAF,
        "bagging_fraction": forest.DISTINCT,
        "bagging_freq": 1,
        "feature_fraction_bynode": forest.COLUMNS,
        "max_bin": forest.BINS,
        "num_threads": run.threads,
        "seed": run.seed,
        "verbosity": -1,
    }
    run.effective(trees=forest.TREES, **parameters)
    with run.stage("bin"):
        binned = lightgbm.Dataset(data.x, data.y, params=parameters).construct()
    with run.stage("fit"):
        model = lightgbm.train(parameters, binned, forest.TREES)
    with run.stage("predict"):
        return model.predict(data.x_test)
