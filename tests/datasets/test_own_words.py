"""What is said of a user's table: one row is a row, two are rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from residency.datasets.tabular.own import own_binary, own_outliers, own_points, own_regression
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError

ROWS = 100


def remarks(dataset: Dataset, path: Path, target: str | None) -> tuple[str, ...]:
    return tuple(dataset.make(Request(dataset.name, path=path, target=target), path.parent).remarks)


def test_one_of_a_kind_is_told_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    size = np.random.default_rng(7).normal(size=ROWS)
    columns = {"size": size, "ratio": [np.inf, *size[1:]], "colour": ["red", "blue"] * 50, "sold": [1] + [0] * 99}
    pd.DataFrame({**columns, "price": [None, *size[1:]]}).to_csv(path, index=False)
    said = remarks(own_regression, path, "price")
    assert "`price`: 1 row without a target left out" in said
    assert "`colour`: a category, 1 column of 0 and 1; all 0 is blue" in said
    said = remarks(own_points, path, None)
    assert "`ratio`: 1 infinite value counts as missing" in said
    assert any(one.startswith("`ratio`: 1 missing value filled with the median") for one in said)
    assert "`sold`: 1 marks the one anomaly of 100 rows" in remarks(own_outliers, path, "sold")


def test_a_single_row(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("size,price\n1.5,2\n")
    for dataset in (own_regression, own_binary, own_outliers):
        with pytest.raises(UsageError, match=r"one\.csv has 1 row with a value in `price`; at least 50 are needed"):
            remarks(dataset, path, "price")
