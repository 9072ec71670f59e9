"""The neighbour graph: nearly all of the ten nearest rows of every row, without comparing all pairs.

Question  `anomaly` needs the exact distances. If one neighbour in twenty may be missed, what do a CPU and a GPU gain?
Expect    Inverted lists compare a row with the rows of a few lists: n² operations become n times a hundredth of n or
          less, and n^1.5 if the number of lists grows with the root of n. The lists are read once for many rows, so
          arithmetic decides, and a GPU has most of that. A tree may stop early too, but each step waits for the
          one before. Neighbours by descent start at random and ask their neighbours for better ones: reads in random
          order, where a GPU's bandwidth helps.
          The copy hardly counts: 64 bytes a row there, 40 back.

Clustering, embedding into two dimensions and anomaly detection all begin with this graph. Everybody states the same
recall, 0.95, and is compared with the others that reach it; who finds less is wrong. Lists and trees are first tuned
to it by 128 rows. The average precision of the distance to the tenth neighbour, as in `anomaly`, is shown beside the
recall.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from residency.datasets.tabular.breast_cancer_outliers import breast_cancer_outliers
from residency.datasets.tabular.clusters_with_outliers import clusters_with_outliers
from residency.datasets.tabular.kdd_cup99 import kdd_cup99
from residency.datasets.tabular.outliers import Outliers, precision_by_distance, recall
from residency.datasets.tabular.own import own_outliers
from residency.harness import Memory, Run, Task
from residency.suites._recall import RECALL, SAMPLE, WIDTHS, lists_by_cuvs, tuned

LISTS = 4  # inverted lists, in square roots of the number of rows
ITERATIONS = 5  # of k-means, which finds the lists
TRAINED_BY = 64  # rows for each list that k-means looks at
PROBES = (2, 3, 4, 6, 8, *WIDTHS)  # lists that a row looks at
DEGREE = 32  # neighbours that a row keeps during the descent
LEAF = 32  # rows in a leaf of the tree
GREED = (3.0, 2.0, 1.5, 1.25, 1.0, 0.5, 0.0)  # by which share a box must be nearer for the tree to open it

task = Task(
    datasets=[clusters_with_outliers, breast_cancer_outliers, kdd_cup99, own_outliers],
    sizes={"smoke": 8_000, "lab": 100_000, "lecture": 1_000_000, "production": 4_000_000},
    quality=recall,
    also={"average_precision": precision_by_distance},
    tolerance=1.0 - RECALL,
    floor=RECALL,
    reference=lambda _: 1.0,
    stated=f"recall of at least {RECALL}",
    memory={"cpu": Memory(copies=6, fixed=0.05e9), "gpu": Memory(copies=8, fixed=2e9)},
)


def lists_of(data: Outliers) -> int:
    """How many inverted lists the rows are in."""
    return min(len(data.x) // 8, round(LISTS * sqrt(len(data.x))))


def others(xp: Any, found: Any) -> Any:
    """The neighbours without the row itself; if it is not among them, without the farthest."""
    itself = found == xp.arange(len(found))[:, None]
    itself[:, -1] |= ~itself.any(axis=1)
    return found[~itself].reshape(len(found), -1)


@task.on_cpu("faiss")
def inverted_lists(data: Outliers, run: Run, faiss):
    """k-means makes lists of rows that lie together; a row looks through the nearest lists."""
    faiss.omp_set_num_threads(run.threads)
    lists, columns, count = lists_of(data), data.x.shape[1], data.neighbours + 1  # a row finds itself, too
    run.effective(lists=lists, iterations=ITERATIONS, trained_by=TRAINED_BY)
    with run.stage("fit"):
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(columns), columns, lists)
        index.cp.niter, index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = ITERATIONS, TRAINED_BY, 1
        index.train(data.x)
        index.add(data.x)

    def search(rows: Any, probes: int) -> Any:
        index.nprobe = min(probes, lists)
        return index.search(rows, count)[1]

    with run.stage("tune"):
        some = data.x[:SAMPLE]
        _, exact = faiss.knn(some, data.x, count)
        probes = tuned(run, search, some, exact, PROBES)
    with run.stage("search"):
        return others(run.xp, search(data.x, probes))


@task.on_gpu("cuvs.neighbors.ivf_flat", needs=["cupy"])
def ivf_flat(data: Outliers, run: Run, ivf_flat):
    """The same lists on a GPU."""
    from cuvs.neighbors import brute_force

    index, count = {"lists": lists_of(data), "iterations": ITERATIONS, "trained_by": TRAINED_BY}, data.neighbours + 1
    run.effective(**index)
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        search = lists_by_cuvs(run, ivf_flat, x, neighbours=count, **index)
    with run.stage("tune"):
        some = x[:SAMPLE]
        _, exact = brute_force.search(brute_force.build(x), some, count)
        probes = tuned(run, search, some, run.xp.asarray(exact), PROBES)
    with run.stage("search"):
        # Half the bytes to copy. Where a neighbour is missing, cuVS puts -1 or the greatest int64: both become -1.
        found = others(run.xp, search(x, probes)).astype(run.xp.int32)
    with run.stage("get"):
        return run.to_host(found)


@task.on_gpu("cuvs.neighbors.nn_descent", needs=["cupy"], memory=Memory(copies=20, fixed=2e9, host=12))
def descent(data: Outliers, run: Run, nn_descent):
    """Neighbours by descent: the neighbours of my neighbours may be mine. What is found comes back to the host."""
    run.effective(stated_recall=RECALL, degree=DEGREE)
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("search"):
        shape = nn_descent.IndexParams(
            metric="sqeuclidean", graph_degree=DEGREE, intermediate_graph_degree=2 * DEGREE, dist_comp_dtype="fp32"
        )
        index = nn_descent.build(shape, x)
    with run.stage("get"):
        return others(np, index.graph[:, : data.neighbours + 1]).astype(np.int32)


@task.on_cpu("scipy.spatial")
def greedy_tree(data: Outliers, run: Run, spatial):
    """A k-d tree that does not open a box of rows unless they may be much nearer than the tenth neighbour so far."""
    count = data.neighbours + 1
    run.effective(leafsize=LEAF)
    with run.stage("fit"):
        tree = spatial.KDTree(data.x, leafsize=LEAF)

    def search(rows: Any, greed: float) -> Any:
        return tree.query(rows, k=count, eps=greed, workers=run.threads)[1]

    with run.stage("tune"):
        some = data.x[:SAMPLE]
        greed = tuned(run, search, some, search(some, 0.0), GREED)
    with run.stage("search"):
        return others(run.xp, search(data.x, greed))
