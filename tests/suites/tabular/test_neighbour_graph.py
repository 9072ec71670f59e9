"""The metric of the neighbour graph."""

from __future__ import annotations

import numpy as np
import pytest

from residency.datasets.tabular.outliers import Outliers, precision_by_distance, recall
from residency.harness import quality
from residency.harness.errors import WrongResult
from residency.suites.tabular.neighbour_graph import others


@pytest.fixture(scope="module")
def rows() -> Outliers:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((600, 5)).astype(np.float32)
    return Outliers(x, (generator.random(600) < 0.05).astype(np.int8), tuple("abcde"))


@pytest.fixture(scope="module")
def exact(rows: Outliers) -> np.ndarray:
    """The eleven nearest of each row, itself first."""
    x = rows.x.astype(np.float64)
    return np.argsort(np.linalg.norm(x[:, None] - x, axis=2), axis=1)[:, :11]


def test_recall_counts_what_is_near_nothing_twice_and_no_row_itself(rows: Outliers, exact: np.ndarray) -> None:
    assert recall(rows, exact[:, 1:]) == 1.0
    assert recall(rows, exact[:, :10]) == pytest.approx(0.9)
    assert recall(rows, np.repeat(exact[:, 1:2], 10, axis=1)) == pytest.approx(0.1)
    assert recall(rows, np.where(np.arange(10) < 4, -1, exact[:, 1:])) == pytest.approx(0.6)  # four are missing
    for result in (exact, exact[1:, 1:], exact[:, 1:].astype(float), exact[:, 1:] + 600):
        with pytest.raises(WrongResult):
            recall(rows, result)


def test_a_row_is_dropped_from_its_neighbours_wherever_it_stands(exact: np.ndarray) -> None:
    assert (others(np, exact[:, ::-1]) == exact[:, :0:-1]).all()
    found = exact.copy()
    found[0] = exact[1]  # as if the first row had not found itself
    found[0, found[0] == 0] = exact[1, 0]
    assert others(np, found).shape == (600, 10)


def test_average_precision_of_the_graph_is_that_of_its_distances(rows: Outliers, exact: np.ndarray) -> None:
    distance = np.linalg.norm(rows.x.astype(np.float64) - rows.x[exact[:, 10]].astype(np.float64), axis=1)
    assert precision_by_distance(rows, exact[:, 1:]) == pytest.approx(quality.average_precision(rows, distance))
