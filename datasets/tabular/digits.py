"""Handwritten digits: 1,797 images of 8 by 8 pixels, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.points import Points, standardised
from residency.harness.dataset import shipped

DIGITS = 10


@shipped("sklearn.datasets")
def digits(seed: int) -> Points:
    """The grey values of 1,797 handwritten digits, 8 by 8 pixels, to be grouped into ten clusters.

    64 columns, standardised; three pixels are never written on and stay 0. These are the test part of Alpaydin and
    Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository. Ten centres leave about
    64 % of the variance unexplained: digits are not round blobs.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return standardised(bunch.data, DIGITS, bunch.target, bunch.feature_names, seed)
