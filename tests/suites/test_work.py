"""The work that tasks declare: the least, which nobody can go below, and that of the best implementation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from residency.datasets import trees
from residency.harness.dataset import Dataset
from residency.harness.discovery import Catalogue
from residency.suites import SHIPPED

CATALOGUE = Catalogue([SHIPPED])
BEST = ("tabular/gradient_boosting", "tabular/random_forest", "timeseries/lag_features")
BEST += ("timeseries/matrix_profile", "timeseries/sales_hybrid", "timeseries/spectrogram", "nlp/classify")


@pytest.mark.parametrize("path", BEST)
def test_the_best_work_is_more_than_the_least(make: Callable[[Dataset, int], Any], path: str) -> None:
    """The least alone is held against times: a fast implementation is not called impossible by another's bytes."""
    task = CATALOGUE.task(path)
    data = make(task.datasets[0], min(task.sizes.values()))
    assert task.work is not None
    assert task.best_work is not None
    least, best = task.work(data), task.best_work(data)
    assert all(more >= less for more, less in zip(best, least, strict=True))
    assert best != least


def test_the_work_of_boosting_is_that_of_all_levels() -> None:
    """Ten rows of two columns, a tree of two levels, five rows to predict, added up by hand."""
    assert trees.boosting(10, 2, trees=1, levels=2, predicted=5) == (
        10 * 2 * 8 + 10 * (4 + 2 * 2 + 2 * 2 / 2 + 2 + 1) + 5 * 2,
        10 * 2 * 5 + 10 * (16 + (2 + 8) + (2 + 8 + 4) / 2 + 2 * 9 + 12) + 5 * 4 * 3,
    )
