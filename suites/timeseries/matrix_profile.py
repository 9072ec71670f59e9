"""Anomalies of a series by its matrix profile: every window against every other.

Question  The same distances take few operations in a strict order, or many operations in any order. Which is faster on
          which device, and what is gained by code that fits the device?
Expect    A window that occurs only once is far from its nearest neighbour. All pairs of n windows of m points are n² /
          2 distances. Along a diagonal of that table the next one follows from the last by two multiply-adds, whatever
          m: some ten operations a pair, in float64, for errors add up along the way. The plain way leaves much of
          either device unused. STUMPY follows one diagonal at a time on a core: a chain of dependent steps, without
          vector units. Its GPU kernel does one row in each launch, so there are n launches. Python hands over some 25
          arguments each time, which takes 50 microseconds or more. Each product is read from device memory and written
          back. As matrix products of normalised windows a pair costs 2 m operations, 200 here, in float32, but
          libraries do them at full speed.
          `tiled_diagonals` has both advantages: diagonals do not depend on each other, so a core takes many of them
          side by side, and a GPU cuts the table into tiles that keep everything in registers and shared memory (as
          SCAMP does). Many cards have few float64 units, and gain less there; data-centre cards have them.
          The copy is 8 n bytes: too little to matter. With 500,000 points we expect a GPU, against `tiled_diagonals` on
          16 cores, to be 20 times as fast with `tiled_diagonals`, 1.6 times with matrix products, and 8 times slower
          with STUMPY (an estimate: no GPU has been seen).

Windows that begin within a quarter of their length of each other match trivially, and are left out.
"""

from __future__ import annotations

import numpy as np

from residency.datasets.timeseries.anomalous import Anomalous, anomalies_found
from residency.datasets.timeseries.el_nino import el_nino
from residency.datasets.timeseries.machine_cycles import machine_cycles
from residency.datasets.timeseries.nab import machine_temperature, nyc_taxi
from residency.harness import Memory, Run, Task

HELD = {"cpu": 2**24, "gpu": 2**28}  # similarities at a time: 64 MB, and 1 GB, for a GPU needs large products


def work(data: Anomalous) -> tuple[float, float]:
    """Two multiply-adds for each pair of windows, half of which count (symmetry), and the series read once."""
    windows = data.rows - data.window + 1
    return 2.0 * windows**2, 8.0 * data.rows


def best_work(data: Anomalous) -> tuple[float, float]:
    """Eight operations a pair: the two multiply-adds, two multiplications to normalise, a comparison for each window.

    They are float64, of which many devices do half as many a second as of float32 that they are held against.
    """
    windows = data.rows - data.window + 1
    return 4.0 * windows**2, 8.0 * data.rows


task = Task(
    datasets=[machine_cycles, el_nino, nyc_taxi, machine_temperature],
    sizes={"smoke": 10_000, "lab": 100_000, "lecture": 500_000, "production": 4_000_000},  # time grows by points²
    quality=anomalies_found,
    tolerance=0.0,
    floor={"machine_cycles": 1.0, "el_nino": 1.0, "nyc_taxi": 0.8, "machine_temperature": 0.0},
    work=work,
    best_work=best_work,
    unit="points",
    # A window of 100 points for each point, in float64 and again in float32; and the similarities that are held.
    memory={"cpu": Memory(copies=200, fixed=0.14e9), "gpu": Memory(copies=200, fixed=2.2e9)},
)


@task.pair(cpu="stumpy", gpu="stumpy")
def recurrence(data: Anomalous, run: Run, stumpy):
    """Each distance from the one before it, by STUMPY: along diagonals on a CPU, row by row on a GPU. Float64."""
    search = getattr(stumpy, {"cpu": "stump", "gpu": "gpu_stump"}[run.device])
    run.effective(window=data.window, exclusion_zone=data.zone, normalize=True, dtype=str(data.values.dtype))
    with run.stage("search"):  # it takes and gives host arrays, and copies inside
        return np.array(search(data.values, data.window)[:, 0], np.float64)


@task.pair(
    cpu="numba", gpu="numba.cuda", memory={"cpu": Memory(copies=40, fixed=0.1e9), "gpu": Memory(copies=8, fixed=0.6e9)}
)
def tiled_diagonals(data: Anomalous, run: Run, numba):
    """The same recurrence by our own code in Numba (`_diagonals.py`): many diagonals at once. Float64."""
    from residency.suites.timeseries import _diagonals  # compiled by Numba, which listing tasks does not need

    run.effective(window=data.window, exclusion_zone=data.zone, dtype=str(data.values.dtype))
    if run.device == "cpu":
        with run.stage("search"):
            similar = _diagonals.nearest_by_cores(data.values, data.window, data.zone, run.threads)
            return np.sqrt(2.0 * data.window * np.maximum(1.0 - similar, 0.0))
    with run.stage("put"):
        values = numba.to_device(data.values)
    with run.stage("search"):
        nearest = _diagonals.nearest_by_tiles(values, data.window, data.zone)
    with run.stage("get"):
        return np.sqrt(2.0 * data.window * np.maximum(1.0 - nearest.copy_to_host(), 0.0))


@task.on_cluster(cpu="stumpy")
def diagonals(data: Anomalous, run: Run, stumpy):
    """STUMPY's version for Dask: each worker takes an equal share of the diagonals and returns its own profile."""
    run.effective(window=data.window, exclusion_zone=data.zone, normalize=True, dtype=str(data.values.dtype))
    with run.stage("search"):  # the client sends the series to all, and takes the least of the profiles
        return np.array(stumpy.stumped(run.client, np.array(data.values), data.window)[:, 0], np.float64)


@task.pair(cpu="numpy", gpu="cupy", plain=True)
def matrix_products(data: Anomalous, run: Run, xp):
    """Each distance by itself: the correlations of all windows are one large matrix product, made in blocks of rows."""
    window, zone, windows = data.window, data.zone, data.rows - data.window + 1
    rows = max(1, HELD[run.device] // windows)
    run.effective(window=window, exclusion_zone=zone, dtype="float32", rows_of_a_block=rows)
    with run.stage("put"):
        values = run.to_device(data.values)
    with run.stage("normalise"):
        step = values.strides[0]
        shaped = xp.lib.stride_tricks.as_strided(values, (windows, window), (step, step))
        shaped = shaped - shaped.mean(axis=1, keepdims=True)
        shaped /= xp.sqrt((shaped**2).sum(axis=1, keepdims=True))
        shaped = shaped.astype(xp.float32)
        nearest = xp.empty(windows, xp.float32)
    with run.stage("search"):
        for start in range(0, windows, rows):
            similar = shaped[start : start + rows] @ shaped.T
            row = xp.arange(len(similar))[:, None]
            trivial = xp.clip(start + row + xp.arange(-zone, zone + 1), 0, windows - 1)
            similar[row, trivial] = -1.0
            nearest[start : start + rows] = similar.max(axis=1)
        profile = xp.sqrt(2.0 * window * xp.maximum(1.0 - nearest, 0.0))
    with run.stage("get"):
        return run.to_host(profile)
