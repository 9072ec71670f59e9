"""Wine from three cultivars: 178 bottles, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.points import Points, standardised
from residency.harness.dataset import shipped

CULTIVARS = 3


@shipped("sklearn.datasets")
def wine(seed: int) -> Points:
    """Thirteen chemical measurements of 178 Italian wines from three cultivars.

    13 columns, standardised. Forina et al. (1988), "PARVUS", from the UCI Machine Learning Repository. Three centres
    find the three cultivars, except for a few bottles, and leave about 55 % of the variance unexplained.
    """
    from sklearn.datasets import load_wine

    bunch = load_wine()
    return standardised(bunch.data, CULTIVARS, bunch.target, bunch.feature_names, seed)
