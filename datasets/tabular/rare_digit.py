"""One handwritten digit among all: 1,797 images of 8 by 8 pixels, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import shipped

DIGIT = 8


@shipped("sklearn.datasets")
def rare_digit(seed: int) -> Table:
    """Is it an 8? One image in ten is: 174 of 1,797, of which a fifth judges.

    Binary classification, 64 numeric columns, the grey values of 8 by 8 pixels. These are the test part of Alpaydin and
    Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository. Boosted trees reach an
    average precision of 0.95 and more; a random guess has 0.1.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return split(bunch.data, bunch.target == DIGIT, bunch.feature_names, seed, binary=True)
