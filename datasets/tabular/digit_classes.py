"""Handwritten digits to recognise: 1,797 images of 8 by 8 pixels, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import shipped


@shipped("sklearn.datasets")
def digit_classes(seed: int) -> Table:
    """Which of ten digits was written, from the grey values of 8 by 8 pixels.

    Ten classes of about 180 images each, 64 columns, standardised; three pixels are never written on and stay 0. These
    are the test part of Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository. A support vector machine finds the class of 98 % of the 359 images to predict; the commonest class would
    be right for one in nine.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return split(bunch.data, bunch.target, bunch.feature_names, seed, binary=True)  # the codes stay as they are
