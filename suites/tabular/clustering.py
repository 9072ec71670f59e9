"""k-means by Lloyd's algorithm: assign every row to its nearest centre, move every centre to its rows' mean.

Question  What does one round cost, and which implementations pay in arithmetic, which in memory traffic?
Expect    A round multiplies the rows with 64 centres: 2 x 32 x 64 = 4,096 operations on a row of 128 bytes, 32 a byte.
          Kept in one kernel, as scikit-learn, oneDAL and cuML do, it reads the table once: arithmetic bound on a CPU,
          between the two limits on a GPU. Written with array operations it also writes 64 distances a row, reads them
          for the minimum, and writes 64 zeros and ones: several times the traffic, and some launches a block. The
          table goes to the GPU once for 25 rounds, so the copy weighs less with every round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from residency.datasets.tabular.blobs import blobs
from residency.datasets.tabular.covertype_points import covertype_points
from residency.datasets.tabular.digits import digits
from residency.datasets.tabular.iris import iris
from residency.datasets.tabular.own import own_points
from residency.datasets.tabular.points import ROUNDS, Points, exact, unexplained, work
from residency.datasets.tabular.wine import wine
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.harness.device import place

# The smallest float32: a search ends early only when the centres stand still. cuML refuses 0. It bounds the shift
# as it is (dask-ml, cuML) or scaled by the columns' variance (scikit-learn), or the inertia's relative change (cuML).
TOLERANCE = float(np.finfo(np.float32).tiny)
BLOCK = {"cpu": 16_384, "gpu": 1_048_576}  # rows: small for a CPU's caches, large for a GPU's launches

task = Task(
    datasets=[blobs, digits, wine, iris, covertype_points, own_points],
    sizes={"smoke": 10_000, "lab": 1_000_000, "lecture": 40_000_000, "production": 250_000_000},  # rows of 128 bytes
    quality=unexplained,
    tolerance=1e-3,
    floor={"blobs": 0.6, "digits": 0.7, "wine": 0.6, "iris": 0.3, "covertype_points": 0.7},  # ceilings; one centre: 1
    reference=exact,
    work=work,
    memory={"cpu": Memory(copies=4), "gpu": Memory(copies=1.5, fixed=1.5e9)},
)


def search(data: Points) -> dict[str, Any]:
    """The parameters that decide the result, for every library's `KMeans`."""
    return {"n_clusters": len(data.initial), "init": data.initial, "n_init": 1, "max_iter": ROUNDS, "tol": TOLERANCE}


@task.pair(cpu="numpy", gpu="cupy", plain=True)
def array_operations(data: Points, run: Run, xp):
    """The algorithm in ten lines, in blocks of rows."""
    run.effective(n_clusters=len(data.initial), max_iter=ROUNDS, block=BLOCK[run.device], dtype=str(data.x.dtype))
    with run.stage("put"):
        x, centres = run.to_device(data.x, data.initial)
    blocks = cut(x, BLOCK[run.device])
    with run.stage("fit"):
        for _ in range(ROUNDS):
            centres = moved(centres, *totals(blocks, centres, xp), xp)
    with run.stage("assign"):
        labels = assign(blocks, centres, xp)
    with run.stage("get"):
        return run.to_host(centres), run.to_host(labels)


def cut(x: Any, block: int) -> list[Any]:
    """The rows in blocks."""
    return [x[start : start + block] for start in range(0, len(x), block)]


def nearest(rows: Any, centres: Any) -> Any:
    """The centre where row · centre - |centre|² / 2 is largest: |row|² is the same for all."""
    score = rows @ centres.T
    score -= (centres * centres).sum(axis=1) / 2
    return score.argmax(axis=1)


def totals(blocks: Sequence[Any], centres: Any, xp: Any) -> tuple[Any, Any]:
    """The sum and the number of the rows nearest to each centre."""
    sums, counts = xp.zeros_like(centres), xp.zeros((len(centres), 1), centres.dtype)
    for rows in blocks:
        member = (xp.arange(len(centres))[:, xp.newaxis] == nearest(rows, centres)).astype(rows.dtype)  # 0 and 1
        sums += member @ rows
        counts += member.sum(axis=1, keepdims=True)  # along memory: CuPy would add up columns on two of a GPU's blocks
    return sums, counts


def moved(centres: Any, sums: Any, counts: Any, xp: Any) -> Any:
    """Each centre moves to the mean of its rows; a centre without rows stays."""
    return xp.where(counts > 0, sums / xp.maximum(counts, 1), centres)


def assign(blocks: Sequence[Any], centres: Any, xp: Any) -> Any:
    """The number of each row's centre."""
    return xp.concatenate([nearest(rows, centres) for rows in blocks])


@task.on_cluster(cpu="numpy", gpu="cupy")
def partial_sums(data: Points, run: Run, xp):
    """Each worker keeps its rows: in each round it receives the centres and returns sums and counts of rows."""
    run.effective(n_clusters=len(data.initial), max_iter=ROUNDS, block=BLOCK[run.device], dtype=str(data.x.dtype))
    with run.stage("load"):
        parts = run.on_workers(read, run.partitions(data.x), device=run.device, block=BLOCK[run.device])
        centres = run.to_device(data.initial)
    with run.stage("fit"):
        for _ in range(ROUNDS):
            found = run.client.gather(run.on_workers(totals, parts, centres=centres, xp=xp))
            sums, counts = (sum(one) for one in zip(*found, strict=True))
            centres = moved(centres, sums, counts, xp)
    with run.stage("assign"):
        labels = run.on_workers(assign, parts, centres=centres, xp=xp)
    with run.stage("get"):
        return run.to_host(centres), np.concatenate([run.to_host(part) for part in run.client.gather(labels)])


def read(rows: Rows, device: str, block: int) -> list[Any]:
    """Runs on a worker: its rows on its device, in blocks."""
    return cut(place(rows.read()[0], device), block)


@task.pair(cpu="sklearn.cluster", gpu="cuml.cluster", unchanged="cuml.accel")
def estimator(data: Points, run: Run, cluster):
    """The library's own: distances and minimum in one kernel, which also assigns the rows at its end."""
    extra = run.only(cpu={"algorithm": "lloyd"}, gpu={"max_samples_per_batch": 32_768})
    model = cluster.KMeans(**search(data), **extra)
    with run.stage("put"):
        x = run.to_device(data.x)
    with run.stage("fit"):
        model.fit(x)
    run.effective(model, rounds=model.n_iter_)
    with run.stage("get"):
        return run.to_host(model.cluster_centers_), run.to_host(model.labels_)


@task.on_cpu("sklearnex.cluster")
def onedal(data: Points, run: Run, cluster):
    """The same by Intel's oneDAL, a drop-in for scikit-learn's."""
    model = cluster.KMeans(**search(data), algorithm="lloyd", n_jobs=run.threads)
    with run.stage("fit"):
        model.fit(data.x)
    run.effective(model, rounds=model.n_iter_)
    return model.cluster_centers_, model.labels_


@task.on_cluster(cpu="dask_ml.cluster", gpu="cuml.dask.cluster")
def partitioned_estimator(data: Points, run: Run, cluster):
    """The libraries' own. dask-ml's checks the table first and plans every round anew; cuML's adds up over NCCL."""
    wanted = {**search(data), "init": np.asarray(data.initial), **run.only(gpu={"max_samples_per_batch": 32_768})}
    model = cluster.KMeans(**wanted)
    with run.stage("load"):
        x = run.array(data.x).persist()
    with run.stage("fit"):
        model.fit(x)
    run.effective(**wanted, rounds=model.n_iter_)
    with run.stage("assign"):
        labels = model.labels_.persist()  # of the fit: a prediction would send cuML's model with all labels in it
    with run.stage("get"):
        return run.to_host(model.cluster_centers_), run.to_host(labels.compute())
