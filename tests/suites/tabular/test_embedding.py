"""Maps of a table: the trustworthiness that judges them, and tables with few or equal rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as expected

from residency.datasets.tabular.points import Points, standardised
from residency.datasets.tabular.trust import NEIGHBOURS, trustworthiness
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.harness.store import hash_data
from residency.suites import SHIPPED

TASK = Catalogue([SHIPPED]).task("tabular/embedding")
TSNE = TASK.implementation("tsne@cpu")


def points(x: np.ndarray) -> Points:
    return standardised(x, 1, None, [f"x{column}" for column in range(x.shape[1])], 0)


def test_trustworthiness_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    for rows in (40, 200):  # fewer than the sample, so all are judged
        data = points(generator.standard_normal((rows, 6)))
        for places in (data.x[:, :2], generator.standard_normal((rows, 2))):
            score = expected(data.x.astype(np.float64), places, n_neighbors=NEIGHBOURS)
            assert trustworthiness(data, places) == pytest.approx(score, abs=1e-12)
    lost = np.where(places > 1, np.nan, places)
    for wrong in (places[1:], data.x[:, :3], places.astype(int), lost, (places, places[0])):
        with pytest.raises(WrongResult):
            trustworthiness(data, wrong)


def test_a_sample_tells_nearly_what_all_rows_tell() -> None:
    generator = np.random.default_rng(1)
    data = points(generator.standard_normal((2_000, 4)))
    places = data.x[:, :2].astype(np.float64)
    assert trustworthiness(data, places) == pytest.approx(expected(data.x, places, n_neighbors=NEIGHBOURS), abs=0.02)


@pytest.mark.parametrize("name", ["curved_sheets", "digits", "wine", "iris"])
def test_a_shuffled_map_does_not_pass(name: str, tmp_path: Path) -> None:
    dataset = TASK.dataset(name)
    data = dataset.make(Request(name, rows=800 if dataset.kind == "generated" else None), tmp_path)
    generator = np.random.default_rng(0)
    _, _, directions = np.linalg.svd(data.x - data.x.mean(axis=0), full_matrices=False)
    flat = data.x @ directions[:2].T  # linear: neighbours on it are half right
    for places in (generator.permutation(flat), generator.standard_normal((data.rows, 2))):
        assert not TASK.quality.beyond(TASK.quality(data, places), TASK.floor_for(name) or 1.0)


@pytest.mark.parametrize("rows", [50, 120])
def test_few_rows_some_of_them_equal_get_a_map(rows: int) -> None:
    x = np.random.default_rng(2).standard_normal((rows, 3))
    x[: rows // 5] = x[0]
    result = execute(TASK, TSNE, points(x), dataset="own_points")
    assert result.ending.outcome == "ok", result.ending
    assert (result.quality or 0.0) > 0.7


@pytest.mark.parametrize(("rows", "digest"), [(1_000, "cba76bfa9d31ed63"), (20_000, "984b44d8de26334b")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    data = TASK.datasets[0].make(Request("curved_sheets", rows=rows), tmp_path)
    assert hash_data(data).startswith(digest)
