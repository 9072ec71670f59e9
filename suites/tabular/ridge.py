"""Ridge regression by the normal equations: one matrix product, one small solve.

Question  From how many rows on does the GPU win, if the table is already there, and if it must be copied first?
Expect    The product does 2 x rows x columns² operations on rows x columns numbers: at 128 columns 64 a byte. A CPU's
          matrix units keep up with its memory there, so the CPU is a strong opponent; on a GPU the copy over PCIe
          takes longer than the arithmetic, and only a table that stays on the device shows the difference.
"""

from __future__ import annotations

import numpy as np

from residency.datasets.tabular.california_housing import california_housing
from residency.datasets.tabular.diabetes import diabetes
from residency.datasets.tabular.linear import linear
from residency.datasets.tabular.own import own_regression
from residency.datasets.tabular.rand_health_insurance import rand_health_insurance
from residency.datasets.tabular.table import Table
from residency.harness import Memory, Run, Task, quality
from residency.suites._mpi import ranks

ALPHA = 1.0
CHUNK = 100_000  # rows in float64 at a time


def exact(data: Table) -> float:
    """R² of the float64 solution, on the host: what every implementation must reach."""
    columns = data.x.shape[1]
    gram, moment = ALPHA * np.eye(columns), np.zeros(columns)
    for start in range(0, len(data.x), CHUNK):
        x = data.x[start : start + CHUNK].astype(np.float64)
        gram += x.T @ x
        moment += x.T @ data.y[start : start + CHUNK]
    return quality.r2(data, data.x_test @ np.linalg.solve(gram, moment))


def work(data: Table) -> tuple[float, float]:
    """One pass over the table: a multiply and an add for each pair of columns (the product is symmetric: half).

    The target counts as a column more. So does each row to predict, whose columns are read and multiplied once.
    """
    (rows, columns), asked = data.x.shape, data.x_test
    flops = rows * columns * (columns + 3) + 2 * asked.size
    return float(flops), float(data.x.nbytes + data.y.nbytes + asked.nbytes + 4 * len(asked))


task = Task(
    datasets=[linear, diabetes, rand_health_insurance, california_housing, own_regression],
    sizes={"smoke": 20_000, "lab": 1_000_000, "lecture": 20_000_000, "production": 400_000_000},  # rows
    quality=quality.r2,
    tolerance=1e-3,
    floor={"linear": 0.3, "diabetes": 0.2, "rand_health_insurance": 0.05, "california_housing": 0.5},
    reference=exact,
    work=work,
    memory=Memory(copies=1.5),
)


@task.pair(cpu="numpy", gpu="cupy")
def normal_equations(data: Table, run: Run, xp):
    """The same lines on both devices: `xp` is NumPy or CuPy."""
    run.effective(alpha=ALPHA, fit_intercept=False, dtype=str(data.x.dtype))
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("fit"):
        gram = x.T @ x + ALPHA * xp.eye(x.shape[1], dtype=x.dtype)
        weights = xp.linalg.solve(gram, x.T @ y)
    with run.stage("predict"):
        predicted = x_test @ weights
    with run.stage("get"):
        return run.to_host(predicted)


@task.pair(
    cpu="sklearn.linear_model", gpu="cuml.linear_model", memory=Memory(copies=3), plain=True, unchanged="cuml.accel"
)
def estimator(data: Table, run: Run, linear_model):
    """The library's own estimator: the same normal equations by Cholesky, or cuML's `eig`.

    `eig` computes a singular value decomposition of the table from the product's eigenvalues. It makes another table of
    the same size, and first copies the table into column order: three times the memory, and more work.
    """
    model = run.effective(
        linear_model.Ridge(
            alpha=ALPHA,
            fit_intercept=False,
            **run.only(cpu={"solver": "cholesky", "copy_X": False}, gpu={"solver": "eig"}),
        )
    )
    with run.stage("put"):
        x, y, x_test = run.to_device(data.x, data.y, data.x_test)
    with run.stage("fit"):
        model.fit(x, y)
    with run.stage("predict"):
        predicted = model.predict(x_test)
    with run.stage("get"):
        return run.to_host(predicted)


@task.on_cluster(cpu="numpy", gpu="cupy", needs=("dask.array",))
def partial_products(data: Table, run: Run, xp):
    """Every worker multiplies its own rows. Only sums of small matrices travel, never the table. The client solves."""
    run.effective(alpha=ALPHA, fit_intercept=False, dtype=str(data.x.dtype))
    with run.stage("load"):
        x, y = (part.persist() for part in run.array(data.x, data.y))
    with run.stage("fit"):
        gram, moment = run.client.gather(run.client.compute([x.T @ x, x.T @ y]))
        weights = xp.linalg.solve(gram + ALPHA * xp.eye(len(gram), dtype=gram.dtype), moment)
    with run.stage("put"):
        x_test = run.to_device(data.x_test)
    with run.stage("predict"):
        predicted = x_test @ weights
    with run.stage("get"):
        return run.to_host(predicted)


@task.on_cpu("mpi4py", memory=Memory(copies=2.5, fixed=0.1e9))
def message_passing(data: Table, run: Run, mpi4py):
    """A rank of MPI, a process with one thread, multiplies its own rows; MPI adds the products of all ranks up.

    Ranks start anew each time, and cannot see this process's memory: the table is copied to where they read it. The
    stages `share`, `start` and `stop` say what that takes.
    """
    run.effective(alpha=ALPHA, fit_intercept=False, dtype=str(data.x.dtype), ranks=run.threads)
    with ranks(run, products, data.x, data.y) as added_up, run.stage("fit"):
        sums = added_up()
        weights = np.linalg.solve(sums[:, :-1] + ALPHA * np.eye(len(sums), dtype=sums.dtype), sums[:, -1])
    with run.stage("predict"):
        return data.x_test @ weights


def products(world, x, y):
    """Runs in each rank: the products of its own rows, added to those of the others."""
    own = np.column_stack([x.T @ x, x.T @ y])
    total = np.empty_like(own)
    world.Reduce(own, total)  # to rank 0
    return total
