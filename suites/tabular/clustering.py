"""k-means by Lloyd's algorithm: assign every row to its nearest centre, move every centre to its rows' mean.

Question  What does one round cost, and who pays it in arithmetic, who in memory traffic?
Expect    A round multiplies the rows with 64 centres: 2 x 32 x 64 = 4,096 operations on a row of 128 bytes, 32 a byte.
          Kept in one kernel, as scikit-learn, oneDAL and cuML do, it reads the table once: arithmetic bound on a CPU,
          between the two limits on a GPU. Written with array operations it also writes 64 distances a row, reads them
          for the minimum, and writes 64 zeros and ones: several times the traffic, and some launches a block. The
          table goes to the GPU once for 25 rounds, so the copy weighs less with every round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.blobs import blobs
from residency.datasets.covertype_points import covertype_points
from residency.datasets.digits import digits
from residency.datasets.iris import iris
from residency.datasets.own import own_points
from residency.datasets.points import Points
from residency.datasets.wine import wine
from residency.harness import Run, Task
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

ROUNDS = 25
# The smallest float32, so that a search ends early only when the centres stand still: cuML refuses a tolerance of 0,
# and what the tolerance is compared with differs (scikit-learn: the centres' shift, scaled by the columns' variance;
# cuML: the relative change of the inertia, or the shift as it is).
TOLERANCE = float(np.finfo(np.float32).tiny)
CHUNK = 65_536  # rows in float64 at a time


@metric(name="unexplained variance", better="lower", relative=True)
def unexplained(data: Points, result: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared distances of the rows to their clusters' centres, as a share of those to the mean of all rows."""
    centres, labels = (np.asarray(part) for part in result)
    if centres.shape != data.initial.shape or labels.shape != (data.rows,):
        raise WrongResult(f"expected centres {data.initial.shape} and labels ({data.rows},)")
    if labels.min() < 0 or labels.max() >= len(centres):
        raise WrongResult(f"labels go from {labels.min()} to {labels.max()}, there are {len(centres)} centres")
    mean = data.x.mean(axis=0, dtype=np.float64)
    within = total = 0.0
    for start in range(0, data.rows, CHUNK):
        x = data.x[start : start + CHUNK].astype(np.float64)
        within += float(((x - centres[labels[start : start + CHUNK]]) ** 2).sum())
        total += float(((x - mean) ** 2).sum())
    return within / total


def nearest(rows: Any, centres: Any) -> Any:
    """The centre where |centre|² / 2 - row · centre is least: |row|² is the same for all. NumPy or CuPy arrays."""
    return ((centres * centres).sum(axis=1) / 2 - rows @ centres.T).argmin(axis=1)


def exact(data: Points) -> float:
    """Lloyd's algorithm in float64 on the host, from the same centres for as many rounds."""
    centres, labels = data.initial.astype(np.float64), np.empty(data.rows, np.int64)
    for step in range(ROUNDS + 1):  # the last one assigns only
        sums, counts = np.zeros_like(centres), np.zeros(len(centres))
        for start in range(0, data.rows, CHUNK):
            x = data.x[start : start + CHUNK].astype(np.float64)
            label = labels[start : start + CHUNK] = nearest(x, centres)
            counts += np.bincount(label, minlength=len(centres))
            for column, values in enumerate(x.T):
                sums[:, column] += np.bincount(label, weights=values, minlength=len(centres))
        if step < ROUNDS:
            centres = np.where(counts[:, np.newaxis] > 0, sums / np.maximum(counts, 1)[:, np.newaxis], centres)
    return unexplained(data, (centres, labels))


def work(data: Points) -> tuple[float, float]:
    """Every round multiplies the rows with the centres and adds the rows up, reading the table once."""
    (rows, columns), clusters = data.x.shape, len(data.initial)
    return float(ROUNDS * rows * columns * (2 * clusters + 1)), float(ROUNDS * data.x.nbytes)


task = Task(
    datasets=[blobs, digits, wine, iris, covertype_points, own_points],
    sizes={"smoke": 10_000, "lab": 1_000_000, "lecture": 40_000_000, "production": 250_000_000},  # rows of 128 bytes
    quality=unexplained,
    tolerance=1e-3,
    floor={"blobs": 0.6, "digits": 0.7, "wine": 0.6, "iris": 0.3, "covertype_points": 0.7},  # ceilings; one centre: 1
    reference=exact,
    work=work,
)


def search(data: Points) -> dict[str, Any]:
    """The parameters that decide the result, for every library's `KMeans`."""
    return {"n_clusters": len(data.initial), "init": data.initial, "n_init": 1, "max_iter": ROUNDS, "tol": TOLERANCE}


@task.pair(cpu="numpy", gpu="cupy")
def array_operations(data: Points, run: Run, xp):
    """The algorithm in five lines, in blocks of rows: small for a CPU's caches, large for a GPU's launches."""
    block = run.only(cpu={"rows": 65_536}, gpu={"rows": 1_048_576})["rows"]
    run.effective(n_clusters=len(data.initial), max_iter=ROUNDS, block=block, dtype=str(data.x.dtype))
    with run.stage("put"):
        x, centres = run.to_device(data.x, data.initial)
    blocks = [x[start : start + block] for start in range(0, len(x), block)]
    numbers = xp.arange(len(centres))
    with run.stage("fit"):
        for _ in range(ROUNDS):
            sums, counts = xp.zeros_like(centres), xp.zeros((len(centres), 1), centres.dtype)
            for rows in blocks:
                member = (nearest(rows, centres)[:, xp.newaxis] == numbers).astype(x.dtype)  # zeros and ones
                sums += member.T @ rows
                counts += member.sum(axis=0)[:, xp.newaxis]
            centres = xp.where(counts > 0, sums / xp.maximum(counts, 1), centres)
    with run.stage("assign"):
        labels = xp.concatenate([nearest(rows, centres) for rows in blocks])
    with run.stage("get"):
        return run.to_host(centres), run.to_host(labels)


@task.pair(cpu="sklearn.cluster", gpu="cuml.cluster")
def estimator(data: Points, run: Run, cluster):
    """The library's own: distances and minimum in one kernel, which also assigns the rows at its end."""
    model = cluster.KMeans(
        **search(data), **run.only(cpu={"algorithm": "lloyd"}, gpu={"max_samples_per_batch": 32_768})
    )
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
