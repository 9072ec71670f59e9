"""Breast cancer with few malignant cases: 378 tumours, shipped with scikit-learn."""

from __future__ import annotations

import numpy as np

from residency.datasets.tabular.outliers import Outliers, standardised
from residency.harness.dataset import shipped

MALIGNANT = 0
KEPT = 21


@shipped("sklearn.datasets")
def breast_cancer_outliers(seed: int) -> Outliers:
    """The 357 benign tumours of the Wisconsin diagnostic set and 21 of the 212 malignant ones, as anomalies.

    30 numeric columns, standardised. Street, Wolberg, Mangasarian (1993), "Nuclear feature extraction for breast tumor
    diagnosis". The share of anomalies is reduced to 5.6 %, as is usual for outlier detection; the seed decides which 21
    are kept. The distance to the tenth neighbour reaches an average precision of about 0.5, a random guess 0.06.
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    malignant = bunch.target == MALIGNANT
    drawn = np.random.default_rng(seed).choice(np.flatnonzero(malignant), size=KEPT, replace=False)
    kept = np.sort(np.concatenate([np.flatnonzero(~malignant), drawn]))
    remarks = (f"{KEPT} of {malignant.sum()} malignant tumours kept",)
    return standardised(bunch.data[kept], malignant[kept], bunch.feature_names, remarks)
