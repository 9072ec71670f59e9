"""Boosted trees for the value of houses: 20,640 districts of California to score, fetched by scikit-learn."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.tabular.california_housing import SOURCE, california_housing
from residency.datasets.tabular.forest import Forest, of_table
from residency.harness.dataset import public


@public(SOURCE, "sklearn.datasets")
def california_housing_trees(seed: int, folder: Path, source: Path) -> Forest:
    """The 20,640 districts of `california_housing`, and two hundred trees that were grown from 8,192 of them.

    All districts are scored, first those that the trees have not seen. A remark tells how much of their variance the
    trees explain: about 0.7.
    """
    return of_table(california_housing.maker(seed, source), seed, folder)
