"""The other ways to solve the ridge problem on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    One pass by the matrix units wins; orthogonal methods read and write the table many times.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.linear import linear
from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, quality
from residency.suites.tabular import ridge

task = Task(
    datasets=[linear],
    sizes=ridge.task.sizes,
    quality=quality.r2,
    tolerance=1e-3,
    floor=0.3,
    reference=ridge.exact,
)


@task.on_cpu("numpy")
def numpy_normal_equations(data: Table, run: Run, np: Any) -> Any:
    """The one that stayed."""
    return ridge.normal_equations(data, run, np)


@task.on_cpu("scipy.linalg")
def blas_half_product(data: Table, run: Run, linalg: Any) -> Any:
    """Only the lower half of the product, by BLAS's syrk, and Cholesky: half the arithmetic."""
    run.effective(alpha=ridge.ALPHA, method="ssyrk, cho_solve")
    with run.stage("fit"):
        gram = linalg.blas.ssyrk(1.0, data.x.T, lower=1)
        gram[range(len(gram)), range(len(gram))] += ridge.ALPHA
        weights = linalg.cho_solve(linalg.cho_factor(gram, lower=True), data.x.T @ data.y)
    with run.stage("predict"):
        return data.x_test @ weights


def _solver(data: Table, run: Run, linear_model: Any, solver: str) -> Any:
    model = run.effective(linear_model.Ridge(alpha=ridge.ALPHA, fit_intercept=False, solver=solver))
    with run.stage("fit"):
        model.fit(data.x, data.y)
    with run.stage("predict"):
        return model.predict(data.x_test)


@task.on_cpu("sklearn.linear_model")
def sklearn_lsqr(data: Table, run: Run, linear_model: Any) -> Any:
    """Scikit-learn's iterative least squares."""
    return _solver(data, run, linear_model, "lsqr")


@task.on_cpu("sklearn.linear_model")
def sklearn_svd(data: Table, run: Run, linear_model: Any) -> Any:
    """Scikit-learn's singular value decomposition."""
    return _solver(data, run, linear_model, "svd")
