"""Irises of three species: 150 flowers, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.points import Points, standardised
from residency.harness.dataset import shipped

SPECIES = 3


@shipped("sklearn.datasets")
def iris(seed: int) -> Points:
    """Length and width of the sepals and petals of 150 irises, fifty of each of three species.

    4 columns, standardised. Fisher (1936), "The use of multiple measurements in taxonomic problems". Three centres
    leave about 23 % of the variance unexplained; two of the species overlap and are never separated cleanly.
    """
    from sklearn.datasets import load_iris

    bunch = load_iris()
    return standardised(bunch.data, SPECIES, bunch.target, bunch.feature_names, seed)
