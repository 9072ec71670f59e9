"""The other ways to find neighbours on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    The same tree costs more where its search is less tight.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.clusters_with_outliers import clusters_with_outliers
from residency.datasets.tabular.outliers import Outliers
from residency.harness import Run, Task, quality
from residency.suites.tabular import anomaly

task = Task(
    datasets=[clusters_with_outliers],
    sizes=anomaly.task.sizes,
    quality=quality.average_precision,
    tolerance=5e-3,
    floor=0.3,
)


@task.on_cpu("scipy.spatial")
def scipy_tree(data: Outliers, run: Run, spatial: Any) -> Any:
    """The one that stayed."""
    return anomaly.tree(data, run, spatial)


@task.on_cpu("sklearnex.neighbors")
def onedal_brute_force(data: Outliers, run: Run, neighbors: Any) -> Any:
    """The one that stayed."""
    return anomaly.onedal(data, run, neighbors)


def _neighbours(data: Outliers, run: Run, neighbors: Any, algorithm: str) -> Any:
    model = run.effective(
        neighbors.NearestNeighbors(
            n_neighbors=data.neighbours, algorithm=algorithm, metric="euclidean", n_jobs=run.threads
        )
    )
    with run.stage("fit"):
        model.fit(data.x)
    with run.stage("search"):
        return model.kneighbors()[0][:, -1]


@task.on_cpu("sklearn.neighbors")
def sklearn_tree(data: Outliers, run: Run, neighbors: Any) -> Any:
    """Scikit-learn's k-d tree, on threads."""
    return _neighbours(data, run, neighbors, "kd_tree")


@task.on_cpu("sklearn.neighbors")
def sklearn_balls(data: Outliers, run: Run, neighbors: Any) -> Any:
    """Scikit-learn's ball tree, on threads."""
    return _neighbours(data, run, neighbors, "ball_tree")
