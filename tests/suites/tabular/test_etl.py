"""The query over trips: what it makes of a file of several parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from residency.datasets.parquet import parts
from residency.datasets.tabular.trips import ROW_GROUP, trips
from residency.harness.execute import execute
from residency.suites.tabular.etl import PART, task


def test_the_totals_of_all_parts_are_added_up(make: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(trips, 2 * ROW_GROUP + 1_000)
    monkeypatch.setitem(PART, "cpu", 2**22)
    assert parts(data.trips, PART["cpu"]) == [[0], [1], [2]]
    assert parts(data.trips, 2**40) == [[0, 1, 2]]
    implementation = task.implementation("eager_aggregation@cpu")
    done = execute(task, implementation, data, dataset="trips", reference=1.0, threads=2, seed=0, cold=False)
    assert done.quality == 1.0, done.ending
