"""The other ways to boost on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    Row by row suits few columns: one pass fills all histograms.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.flights import flights
from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, quality
from residency.suites.tabular import gradient_boosting

task = Task(
    datasets=[flights],
    sizes=gradient_boosting.task.sizes,
    quality=quality.auc,
    tolerance=0.03,
    floor=0.55,
)


@task.on_cpu("lightgbm")
def lightgbm_row_wise(data: Table, run: Run, lightgbm: Any) -> Any:
    """The one that stayed."""
    return gradient_boosting.leaf_by_leaf(data, run, lightgbm)


@task.on_cpu("xgboost")
def xgboost_depth_wise(data: Table, run: Run, xgboost: Any) -> Any:
    """The one that stayed."""
    return gradient_boosting.level_by_level(data, run, xgboost)


@task.on_cpu("lightgbm")
def lightgbm_column_wise(data: Table, run: Run, lightgbm: Any) -> Any:
    """A pass for each column."""

    class Columns(Run):
        def only(self, **sides: Any) -> dict[str, Any]:
            return {"device_type": "cpu", "force_col_wise": True}

    other = Columns(run.device, run.threads, run.seed)
    result = gradient_boosting.leaf_by_leaf(data, other, lightgbm)
    run.stages.update(other.stages)
    run.parameters.update(other.parameters)
    return result


@task.on_cpu("xgboost")
def xgboost_one_thread(data: Table, run: Run, xgboost: Any) -> Any:
    """The same on one thread."""
    run.threads = 1
    return gradient_boosting.level_by_level(data, run, xgboost)
