"""The other ways to run Lloyd's algorithm on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    Elkan's bounds save distances and cost memory: at 64 centres in 32 columns they do not pay.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.blobs import blobs
from residency.datasets.tabular.points import Points
from residency.harness import Run, Task
from residency.suites.tabular import clustering

task = Task(
    datasets=[blobs],
    sizes=clustering.task.sizes,
    quality=clustering.unexplained,
    tolerance=1e-3,
    floor=0.6,
    reference=clustering.exact,
)


@task.on_cpu("sklearn.cluster")
def sklearn_lloyd(data: Points, run: Run, cluster: Any) -> Any:
    """The one that stayed."""
    return clustering.estimator(data, run, cluster)


@task.on_cpu("sklearnex.cluster")
def onedal_lloyd(data: Points, run: Run, cluster: Any) -> Any:
    """The one that stayed."""
    return clustering.onedal(data, run, cluster)


@task.on_cpu("sklearn.cluster")
def sklearn_elkan(data: Points, run: Run, cluster: Any) -> Any:
    """Bounds by the triangle inequality in place of distances."""
    model = run.effective(
        cluster.KMeans(
            n_clusters=len(data.initial),
            init=data.initial,
            n_init=1,
            max_iter=clustering.ROUNDS,
            tol=clustering.TOLERANCE,
            algorithm="elkan",
        )
    )
    with run.stage("fit"):
        model.fit(data.x)
    return model.cluster_centers_, model.labels_
