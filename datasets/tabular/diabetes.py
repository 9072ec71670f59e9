"""Diabetes progression: 442 patients, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import shipped


@shipped("sklearn.datasets")
def diabetes(seed: int) -> Table:
    """Disease progression a year after ten baseline measurements of 442 patients.

    Regression, 10 numeric columns. Efron, Hastie, Johnstone, Tibshirani (2004), "Least Angle Regression". The data is
    small and noisy: linear models explain about half of the variance, a little less on unseen rows.
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return split(bunch.data, bunch.target, bunch.feature_names, seed)
