"""Breast cancer in Wisconsin: 569 tumours, shipped with scikit-learn."""

from __future__ import annotations

from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import shipped


@shipped("sklearn.datasets")
def breast_cancer(seed: int) -> Table:
    """Malignant or benign, from 30 measurements of the cell nuclei of 569 tumours.

    Binary classification, 30 numeric columns, class 1 (63 % of the rows) is benign. Street, Wolberg, Mangasarian
    (1993), "Nuclear feature extraction for breast tumor diagnosis". The classes are nearly separable: every sensible
    model reaches an AUC of 0.98 or more on the 114 rows to predict. One tumour in another place of the ranking changes
    the AUC by up to 0.02, so this data can check that a model works, but it cannot rank models.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    return split(bunch.data, bunch.target, bunch.feature_names, seed, binary=True)
