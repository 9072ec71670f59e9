"""What `random_forest` asks of every library, what that costs at least, and how workers share out its trees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from residency.datasets.tabular.table import Table
from residency.harness import Run
from residency.harness.cluster import Rows
from residency.harness.device import place

TREES, DEPTH, LEAF = 100, 16, 5
COLUMNS = 0.4  # share of the columns tried at each node
BINS = 128
DISTINCT = 0.632  # share of the rows that a bootstrap sample holds, 1 - 1/e: the rest are repeats
PARAMETERS = {
    "n_estimators": TREES,
    "max_depth": DEPTH,
    "min_samples_leaf": LEAF,
    "min_samples_split": 2,
    "max_features": COLUMNS,
    "min_impurity_decrease": 0.0,
    "bootstrap": True,
    "max_samples": 1.0,
}


def by_bins(run: Run) -> dict[str, Any]:
    """The parameters of oneDAL's forest, and of cuML's."""
    return {
        **PARAMETERS,
        "random_state": run.seed,
        **run.only(
            cpu={"criterion": "squared_error", "max_bins": BINS, "min_bin_size": 1, "n_jobs": run.threads},
            gpu={"split_criterion": "mse", "n_bins": BINS, "n_streams": 8},
        ),
    }


def work(data: Table) -> tuple[float, float]:
    """The root of each tree alone: two additions (count and sum) a cell that is looked at, of one byte."""
    rows, columns = data.x.shape
    cells = TREES * DISTINCT * rows * COLUMNS * columns
    return 2 * cells, cells


def share_out(wanted: Mapping[str, Any], workers: int) -> list[dict[str, Any]]:
    """Parameters for each worker: its share of the trees, and a seed of its own."""
    bounds = [TREES * number // workers for number in range(workers + 1)]
    return [
        {**wanted, "n_estimators": stop - first, "random_state": wanted["random_state"] + first}
        for first, stop in pairwise(bounds)
    ]


def on_each(run: Run, workers: Sequence[str], function: Callable[..., Any], *columns: Sequence[Any]) -> list[Any]:
    """A future of `function` on each worker, of its own entry of each column; elsewhere only where a worker is lost."""
    return [
        run.client.submit(function, *entries, workers=[worker], allow_other_workers=True, pure=False)
        for worker, *entries in zip(workers, *columns, strict=True)
    ]


def read(device: str, *parts: Rows) -> list[Any]:
    """Runs on a worker: the arrays of files, on its device."""
    return [place(array, device) for rows in parts for array in rows.read()]


def grow(forest: Any, parameters: Mapping[str, Any], table: Sequence[Any]) -> Any:
    """Runs on a worker: a forest of its own."""
    x, y, _ = table
    return forest(**parameters).fit(x, y)


def predict(grown: Any, table: Sequence[Any]) -> Any:
    """Runs on a worker: what its forest predicts."""
    *_, x_test = table
    return grown.predict(x_test)
