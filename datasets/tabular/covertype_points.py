"""Patches of forest to cluster: the ten numbers of the cover type map, fetched by scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.sources import ScikitLearn
from residency.datasets.tabular.points import Points, standardised
from residency.harness.dataset import public

SOURCE = ScikitLearn("fetch_covtype", "https://ndownloader.figshare.com/files/5976039", "11 MB")
NUMBERS = 10  # the columns after them are indicators of wilderness area and soil
COVER_TYPES = 7


@public(SOURCE, "sklearn.datasets")
def covertype_points(seed: int, source: Path) -> Points:
    """Elevation, slope, shade and distances of 581,012 patches of forest in Colorado, of seven cover types.

    10 numeric columns, standardised. The 44 indicator columns are left out, because the mean of an indicator has no
    meaning on a map. Blackard and Dean (1999), "Comparative accuracies of artificial neural networks and discriminant
    analysis in predicting forest cover types". Seven centres group the patches by terrain, not by trees.
    """
    bunch = SOURCE.load(source)
    return standardised(
        bunch.data[:, :NUMBERS], COVER_TYPES, bunch.target.astype(np.int32) - 1, bunch.feature_names[:NUMBERS], seed
    )
