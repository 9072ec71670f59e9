"""Clusters by density: how many there are, how wide, and which rows are noise, all found by HDBSCAN.

Question  k-means must be told the number of clusters, and it puts every row into one. What does it cost to find the
          number and the noise, too? Does a GPU that compares all pairs of rows beat a CPU's tree?
Expect    Three steps. The distance of a row to its fourth neighbour says how dense the place is. The shortest tree that
          joins all rows is built on distances that are at least that large. Cutting its longest edges one after the
          other leaves the clusters that last. The first two steps compare rows. scikit-learn's tree of rows helps with
          the first, but in the second each row meets all others: n² distances, on one core. fast_hdbscan uses a tree
          of rows in both steps, on all cores. A GPU compares all pairs: 16 n² operations on 32 n bytes, so arithmetic
          decides. The third step follows one edge after the other: a GPU gains nothing there. We expect it to be ten
          times as fast as the tree with 200,000 rows (an estimate: no GPU has been seen).
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.digits import digits
from residency.datasets.tabular.iris import iris
from residency.datasets.tabular.own import own_groups
from residency.datasets.tabular.points import Points, adjusted_rand
from residency.datasets.tabular.uneven_clusters import uneven_clusters
from residency.datasets.tabular.wine import wine
from residency.harness import Memory, Run, Task

NEIGHBOURS = 5  # the row itself is the first of them: the distance to the last says how dense a place is
SMALLEST, SHARE = 10, 1_000  # a cluster has ten rows, or one of a thousand if that is more

task = Task(
    datasets=[uneven_clusters, digits, wine, iris, own_groups],
    sizes={"smoke": 4_000, "lab": 30_000, "lecture": 200_000, "production": 2_000_000},  # rows
    quality=adjusted_rand,
    tolerance=0.02,  # cuML computes in float32, the others in float64: nearly equal edges may be cut in another order
    floor={"uneven_clusters": 0.8, "digits": 0.15, "wine": 0.25, "iris": 0.5},  # a shuffled answer reaches 0
    work=lambda data: (3.0 * NEIGHBOURS * data.x.size, float(data.x.nbytes)),  # the distances to the neighbours found
    limiter="edges taken one after the other, from the shortest to the longest",
    memory={"cpu": Memory(copies=10, fixed=0.2e9), "gpu": Memory(copies=20, fixed=2e9)},
)


def search(data: Points) -> dict[str, Any]:
    """The parameters that decide the result and have the same names in all libraries."""
    return {
        "min_cluster_size": max(SMALLEST, data.rows // SHARE),
        "cluster_selection_method": "eom",
        "cluster_selection_epsilon": 0.0,
        "allow_single_cluster": False,
    }


@task.pair(cpu="sklearn.cluster", gpu="cuml.cluster", unchanged="cuml.accel")
def estimator(data: Points, run: Run, cluster):
    """The library's own. scikit-learn joins the rows one by one, on one core; cuML compares all pairs."""
    one_sided = run.only(
        cpu={"min_samples": NEIGHBOURS, "algorithm": "kd_tree", "leaf_size": 40, "n_jobs": run.threads, "copy": True},
        gpu={"min_samples": NEIGHBOURS - 1, "build_algo": "brute_force"},  # cuML does not count the row itself
    )
    model = run.effective(cluster.HDBSCAN(metric="euclidean", alpha=1.0, **search(data), **one_sided))
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        model.fit(x)
    with run.stage("get"):
        return run.to_host(model.labels_)


@task.on_cpu("fast_hdbscan")
def tree(data: Points, run: Run, fast_hdbscan):
    """A tree of rows for the neighbours and for the edges, on all cores (Boruvka's algorithm, compiled by Numba)."""
    model = fast_hdbscan.HDBSCAN(min_samples=NEIGHBOURS - 1, **search(data))  # it does not count the row itself
    run.effective(model)
    with run.stage("fit"):
        model.fit(data.x)
    return model.labels_
