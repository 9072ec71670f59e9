"""Anomalies by the distance to the tenth neighbour: every row against every row, or a tree.

Question  A GPU compares all pairs of rows very fast. Does it beat a CPU that need not compare all pairs?
Expect    All pairs of n rows of 16 numbers take 32 n² operations on 64 n bytes. So the copy hardly counts and
          arithmetic decides, of which a GPU can do far more. But the distances must stay on the chip and only the
          nearest may leave it: all distances of a million rows would take 4 TB.
          A k-d tree skips rows that are far away. These rows differ in few directions at a time, so on a CPU it needs
          a third of the time of the best brute force at 100,000 rows and a fifth at a million: its work grows a
          little faster than n, the GPU's with n². Beyond some size the tree must win; look for it. (With 16 independent
          columns the tree visits nearly everything, out of order, and loses at every size.)
"""

from __future__ import annotations

from residency.datasets.tabular.breast_cancer_outliers import breast_cancer_outliers
from residency.datasets.tabular.clusters_with_outliers import clusters_with_outliers
from residency.datasets.tabular.kdd_cup99 import kdd_cup99
from residency.datasets.tabular.outliers import Outliers
from residency.datasets.tabular.own import own_outliers
from residency.harness import Memory, Run, Task, quality

LEAF = 32  # rows in a leaf of the tree, below which it compares them all

task = Task(
    datasets=[clusters_with_outliers, breast_cancer_outliers, kdd_cup99, own_outliers],
    sizes={"smoke": 8_000, "lab": 100_000, "lecture": 1_000_000, "production": 4_000_000},  # rows; time grows by rows²
    quality=quality.average_precision,
    tolerance=5e-3,  # all are exact: a pair of rows may change places where float32 cannot tell their distances apart
    floor={"clusters_with_outliers": 0.3, "breast_cancer_outliers": 0.2, "kdd_cup99": 0.01},
    memory={"cpu": Memory(copies=6, fixed=0.05e9), "gpu": Memory(copies=6, fixed=2e9)},
)


@task.pair(cpu="sklearn.neighbors", gpu="cuml.neighbors", plain=True, unchanged="cuml.accel")
def brute_force(data: Outliers, run: Run, neighbors):
    """All pairs. Both libraries compute blocks of distances and keep the nearest of each block before the next."""
    model = run.effective(
        neighbors.NearestNeighbors(
            n_neighbors=data.neighbours,
            algorithm="brute",
            metric="euclidean",
            **run.only(cpu={"n_jobs": run.threads}),
        )
    )
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        model.fit(x)  # brute force has nothing to learn: this keeps the table
    with run.stage("search"):
        distance, _ = model.kneighbors()  # without an argument no row is its own neighbour
        score = distance[:, -1]
    with run.stage("get"):
        return run.to_host(score)


@task.on_cpu("sklearnex.neighbors")
def onedal(data: Outliers, run: Run, neighbors):
    """All pairs by Intel's oneDAL, in float32 by matrix products: the fastest brute force on a CPU."""
    model = run.effective(
        neighbors.NearestNeighbors(
            n_neighbors=data.neighbours, algorithm="brute", metric="euclidean", n_jobs=run.threads
        )
    )
    with run.stage("fit"):
        model.fit(data.x)
    with run.stage("search"):
        distance, _ = model.kneighbors()
        return run.to_host(distance[:, -1])


@task.on_cpu("scipy.spatial")
def tree(data: Outliers, run: Run, spatial):
    """Few pairs: a k-d tree skips every box of rows that is farther away than the tenth neighbour so far."""
    run.effective(n_neighbors=data.neighbours, algorithm="kd_tree", metric="euclidean", leafsize=LEAF)
    with run.stage("fit"):
        searcher = spatial.KDTree(data.x, leafsize=LEAF)
    with run.stage("search"):
        # The nearest neighbour of a row is the row itself.
        distance, _ = searcher.query(data.x, k=[data.neighbours + 1], p=2.0, workers=run.threads)
        return run.to_host(distance[:, 0])
