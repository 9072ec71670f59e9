"""California housing: 20,640 districts of the 1990 census, fetched by scikit-learn."""

from __future__ import annotations

from pathlib import Path

from residency.datasets.sources import ScikitLearn
from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import public

SOURCE = ScikitLearn("fetch_california_housing", "https://ndownloader.figshare.com/files/5976036", "0.4 MB")


@public(SOURCE, "sklearn.datasets")
def california_housing(seed: int, source: Path) -> Table:
    """Median house value of 20,640 Californian districts, from eight numbers of the 1990 census.

    Regression, 8 numeric columns: income, age of the houses, rooms, bedrooms, population, occupants, latitude and
    longitude. Pace and Barry (1997), "Sparse spatial autoregressions". The value is in 100,000 dollars. It was capped
    at 5, which affects one district in twenty. A linear model explains about 0.6 of the variance, a forest about 0.8,
    mostly because it learns from the place.
    """
    bunch = SOURCE.load(source)
    remarks = ("the target is capped at 5 (500,000 dollars) in the source",)
    return split(bunch.data, bunch.target, bunch.feature_names, seed, remarks=remarks)
