"""The rarest forest cover type among 581,012 patches of forest in Colorado, fetched by scikit-learn."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.tabular.covertype import SOURCE
from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import public

COTTONWOOD = 4


@public(SOURCE, "sklearn.datasets")
def rare_cover(seed: int, source: Path) -> Table:
    """Cottonwood and willow, 2,747 of 581,012 patches of 30 by 30 metres, one in 212, against the other cover types.

    Binary classification with the file and the columns of `covertype`. Blackard and Dean (1999), "Comparative
    accuracies of artificial neural networks and discriminant analysis in predicting forest cover types". A random guess
    has an average precision of 0.005.
    """
    bunch = SOURCE.load(source)
    remarks = ("binary target: class 4, cottonwood and willow, against the six others",)
    return split(bunch.data, bunch.target == COTTONWOOD, bunch.feature_names, seed, binary=True, remarks=remarks)
