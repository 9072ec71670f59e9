"""On a cluster a task finds what one process finds: from the same parameters, and however few rows a part has."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.tabular.points import Points
from residency.datasets.tabular.table import Table
from residency.harness import Run, store
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.execute import Execution, execute
from residency.harness.task import Implementation, Task
from residency.runners.cluster import DaskCluster
from residency.suites import SHIPPED
from residency.suites.tabular import random_forest

pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries, of which each has its own

CATALOGUE = Catalogue([SHIPPED])
WORKERS, THREADS = 2, 2  # of the tests' cluster
PARTS = 4 * WORKERS * THREADS
SLOW = pytest.mark.slow
TWINS = [  # on a cluster, in one process
    ("clustering", "partial_sums", "array_operations"),
    pytest.param(("clustering", "partitioned_estimator", "estimator"), marks=SLOW),
    pytest.param(("gradient_boosting", "level_by_level_together", "level_by_level"), marks=SLOW),
    pytest.param(("gradient_boosting", "leaf_by_leaf_together", "leaf_by_leaf"), marks=SLOW),
    ("random_forest", "shares_of_trees", "histograms"),
]
DATA = {  # generated, with its rows, and shipped
    "clustering": [("blobs", 2_000), ("iris", None)],
    "gradient_boosting": [("flights", 5_000), ("breast_cancer", None)],
    "random_forest": [("friedman", 2_000), ("diabetes", None)],
}
MORE_ROWS = {"leaf_by_leaf_together": 12_000}  # of few rows, which of them a worker holds decides too much
BY_PLACE = {"n_jobs", "nthread", "num_threads", "rounds"}  # parameters that decide no result, and what a search needed


def find(task: str, name: str, place: str) -> tuple[Task, Implementation]:
    found = CATALOGUE.task(f"tabular/{task}")
    (one,) = (one for one in found.implementations if (one.name, one.runner, one.device) == (name, place, "cpu"))
    return found, one.on(WORKERS)


def run(task: str, name: str, data: Any, dataset: str, cluster: DaskCluster | None = None) -> Execution:
    found, one = find(task, name, "local" if cluster is None else "cluster")
    reference = found.reference(data) if found.reference else None
    return execute(found, one, data, dataset=dataset, reference=reference, threads=2, seed=1, cluster=cluster)


def in_workers(cluster: DaskCluster) -> Run:
    return Run("cpu", cluster.threads, workers=cluster.workers, client=cluster.client, frame=cluster.frame)


def in_files(data: Any, folder: Path) -> Any:
    """The same data as a cluster's client has it: mapped from files."""
    store.save(data, folder)
    return store.load(type(data), folder, mapped=True)


def made(task: str, dataset: str, folder: Path, rows: int | None = None) -> Any:
    data = CATALOGUE.task(f"tabular/{task}").dataset(dataset).make(Request(dataset, rows=rows), folder)
    return in_files(data, folder)


@pytest.mark.parametrize("twins", TWINS, ids="-".join)
@pytest.mark.parametrize("kind", [pytest.param(0, id="generated"), pytest.param(1, id="shipped", marks=SLOW)])
def test_a_cluster_finds_what_one_process_finds(
    twins: tuple[str, str, str], kind: int, cluster: DaskCluster, tmp_path: Path
) -> None:
    task, together, alone = twins
    dataset, rows = DATA[task][kind]
    rows = rows and MORE_ROWS.get(together, rows)
    found, data = CATALOGUE.task(f"tabular/{task}"), made(task, dataset, tmp_path, rows)
    one, many = run(task, alone, data, dataset), run(task, together, data, dataset, cluster)
    assert (one.ending.outcome, many.ending.outcome) == ("ok", "ok"), many.ending.reason
    assert found.quality.shortfall(many.quality, one.quality) <= found.tolerance
    shared = (set(one.parameters) & set(many.parameters)) - BY_PLACE
    assert len(shared) >= 4
    assert {name: one.parameters[name] for name in shared} == {name: many.parameters[name] for name in shared}


@pytest.mark.parametrize("together", ["level_by_level_together", "leaf_by_leaf_together"])
def test_parts_of_one_row_are_enough(together: str, cluster: DaskCluster, tmp_path: Path) -> None:
    data = made("gradient_boosting", "flights", tmp_path, rows=PARTS * 5 // 4)
    assert len(data.x) == PARTS
    many = run("gradient_boosting", together, data, "flights", cluster)
    assert many.quality is not None, many.ending.reason  # it came to an end; so few rows teach nothing


@pytest.mark.slow
@pytest.mark.parametrize("together", ["partial_sums", "partitioned_estimator"])
def test_clusters_of_parts_of_one_row(together: str, cluster: DaskCluster, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((PARTS, 3)).astype(np.float32)
    data = in_files(Points(x=x, initial=x[:4], labels=None, names=("a", "b", "c")), tmp_path)
    assert run("clustering", together, data, "own_points", cluster).ending.outcome == "ok"


def test_a_centre_without_rows_stays_where_it_is(cluster: DaskCluster, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    initial = np.concatenate([x[:3], np.full((1, 3), 100, np.float32)])
    data = in_files(Points(x=x, initial=initial, labels=None, names=("a", "b", "c")), tmp_path)
    many = run("clustering", "partial_sums", data, "own_points", cluster)
    assert many.ending.outcome == "ok", many.ending.reason
    assert many.quality == pytest.approx(run("clustering", "array_operations", data, "own_points").quality, rel=1e-6)


@pytest.mark.parametrize("together", ["level_by_level_together", "leaf_by_leaf_together"])
def test_a_worker_that_sees_one_class_alone_keeps_its_name(together: str, cluster: DaskCluster, tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal((PARTS * 100, 3)).astype(np.float32)
    y = np.ones(len(x), np.float32)
    x[:100], y[:100] = x[:100] + 9, 0  # the first part alone holds the other class
    data = in_files(Table(x=x, y=y, x_test=x, y_test=y, names=("a", "b", "c")), tmp_path)
    _, one = find("gradient_boosting", together, "cluster")
    chance = one.function(data, in_workers(cluster), importlib.import_module(one.library))
    # a row at the edge of its class may share its leaf: where the bins end depends on who got which part
    assert chance[100:].min() > 0.5 > chance[:100].max()
    assert np.median(chance[100:]) > 0.9
    assert np.median(chance[:100]) < 0.1


@pytest.mark.parametrize("workers", [1, 3, 7, random_forest.TREES])
def test_every_tree_is_grown_once_from_a_seed_of_its_own(workers: int) -> None:
    shares = random_forest.share_out({"n_estimators": random_forest.TREES, "random_state": 5}, workers)
    grown = [share["random_state"] + tree for share in shares for tree in range(share["n_estimators"])]
    assert grown == list(range(5, 5 + random_forest.TREES))
    assert min(share["n_estimators"] for share in shares) >= random_forest.TREES // workers
