"""The query that joins: the data's laws, its truth by another way, every CPU implementation, and workers that die."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from residency.datasets.tabular.sales import FIRST, KEYS, SEGMENT, Sales, answer, correct_cells, sales, shuffled
from residency.harness.errors import WrongResult
from residency.harness.execute import Execution, execute
from residency.harness.outcomes import Outcome
from residency.harness.task import Implementation
from residency.runners.cluster import DaskCluster
from residency.suites.tabular import etl_join
from residency.suites.tabular.etl_join import task

SPARK = bool(shutil.which("java")) and importlib.util.find_spec("pyspark") is not None
LOCAL = [
    pytest.param(one, id=one.name, marks=[pytest.mark.slow] if one.name == "spark" else [])
    for one in task.implementations
    if (one.device, one.runner) == ("cpu", "local") and (one.name != "spark" or SPARK)
]
(TOGETHER,) = (one for one in task.implementations if (one.device, one.runner) == ("cpu", "cluster"))
ROWS, GROUP = 60_000, 10_000  # lines, in six row groups
ORDERS = 15_001  # 2,142 rounds of seven, and the first seven of the next


def run(implementation: Implementation, data: Sales, cluster: DaskCluster | None = None) -> Execution:
    if cluster is not None:
        implementation = implementation.on(cluster.workers)
    return execute(task, implementation, data, dataset="sales", threads=2, seed=1, cluster=cluster)


def tables(data: Sales) -> list[pd.DataFrame]:
    return [pd.read_parquet(path) for path in (data.lines, data.orders, data.customers, data.countries)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sales]:
    """Many small row groups, made in several chunks, so that the rows of an order lie in different partitions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("residency.datasets.tabular.sales.ROW_GROUP", GROUP)
        patch.setattr("residency.datasets.tabular.sales.CHUNK", 2 * GROUP)
        yield sales.maker(ROWS, 20_260, tmp_path_factory.mktemp("sales"))


@pytest.fixture
def finely(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition is one row group."""
    monkeypatch.setitem(etl_join.PARTITION, "split_row_groups", 1)


def test_the_truth_is_what_a_join_finds(data: Sales) -> None:
    """By pandas, row by row as the rule says it; nothing here is shared with the truth or an implementation."""
    lines, orders, customers, countries = tables(data)
    joined = lines.merge(orders, on="order_id").merge(customers, on="customer_id").merge(countries, on="country_code")
    joined = joined[(joined["shipped"] > joined["promised"]) & (joined["segment"] == SEGMENT)]
    joined = joined[joined["ordered"].between("2020-01-01", "2024-12-31")]
    joined["revenue"] = joined["price"] * (100 - joined["discount"].astype(int))
    groups = joined.groupby(["country", joined["ordered"].dt.year, joined["ordered"].dt.month.rename("month")])
    found = groups.agg(lines=("price", "size"), orders=("order_id", "nunique"), revenue=("revenue", "sum"))
    assert found["orders"].sum() < found["lines"].sum() - 1_000
    truth = pd.DataFrame(answer(data)).set_index(KEYS)
    assert truth["revenue"].is_monotonic_decreasing
    found.index.names = KEYS
    pd.testing.assert_frame_equal(found.sort_index(), truth.sort_index(), check_dtype=False, check_index_type=False)


def test_the_rows_are_as_the_card_says(data: Sales) -> None:
    lines, orders, customers, countries = tables(data)
    assert (len(lines), len(orders), len(customers)) == (ROWS, ORDERS, ORDERS // 10)
    assert all(table.iloc[:, 0].is_unique for table in (orders, customers, countries))
    known = lines["order_id"].isin(orders["order_id"])
    assert 1 / 80 < 1 - known.mean() < 1 / 50
    assert 1 / 90 < 1 - orders["customer_id"].isin(customers["customer_id"]).mean() < 1 / 45
    assert 0.05 < 1 - customers["customer_id"].isin(orders["customer_id"]).mean() < 0.5
    assert set(lines["order_id"].value_counts()) <= set(range(1, 8))
    assert orders["customer_id"].value_counts().iloc[0] > 30
    assert (lines["shipped"] > orders["ordered"].min()).all()


def test_rows_that_belong_together_lie_apart(data: Sales) -> None:
    """Of two lines of an order, both are in the same row group hardly more often than chance puts them there."""
    group = np.arange(ROWS) // GROUP
    lines = tables(data)[0].assign(group=group)
    pairs = lines.merge(lines, on="order_id", suffixes=("", "_other"))
    pairs = pairs[pairs["price"] < pairs["price_other"]]
    assert (pairs["group"] == pairs["group_other"]).mean() < 2 / (ROWS / GROUP)
    orders = tables(data)[1]
    assert abs(np.corrcoef(orders["order_id"], np.arange(len(orders)))[0, 1]) < 0.1


@pytest.mark.parametrize("rows", [1, 19, 20, 21, 60])
def test_every_row_is_written_once(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residency.datasets.tabular.sales.CHUNK", 20)
    chunks = list(shuffled(rows, np.random.default_rng(0)))
    assert sorted(np.concatenate(chunks)) == list(range(rows))
    assert max(map(len, chunks)) <= 20


def test_the_same_rows_everywhere(tmp_path: Path) -> None:
    """Of the rows as they are read, for the files' bytes change with the version of Arrow."""
    made = sales.maker(2_000, 20_260, tmp_path)
    found = hashlib.sha256()
    for path in (made.lines, made.orders, made.customers, made.countries):
        for name, column in pq.read_table(path).to_pydict().items():
            found.update(f"{name} {[str(value) for value in column]}".encode())
    found.update(str([column.tolist() for column in answer(made).values()]).encode())
    assert found.hexdigest() == "3db461f213d5f220cd3de15d9e33b46ba809a38c476c5a16f947a031fd2c5301"


@pytest.mark.parametrize("implementation", LOCAL)
def test_one_process_finds_the_exact_table(data: Sales, implementation: Implementation) -> None:
    done = run(implementation, data)
    assert (done.ending.outcome, done.quality) == (Outcome.OK, 1.0), done.ending.reason
    assert {"load", "query"} & set(done.stages)


@pytest.mark.parametrize("implementation", LOCAL)
def test_a_lost_line_is_seen(data: Sales, implementation: Implementation, tmp_path: Path) -> None:
    """One line that counts is missing in the file: one cell at least is wrong, and that is too much."""
    lines, orders, customers, _ = tables(data)
    good = customers.loc[customers["segment"] == SEGMENT, "customer_id"]
    good = orders[(orders["ordered"] >= pd.Timestamp(FIRST)) & orders["customer_id"].isin(good)]["order_id"]
    counts = (lines["shipped"] > lines["promised"]) & lines["order_id"].isin(good)
    table = pq.read_table(data.lines)
    kept = np.delete(np.arange(ROWS), int(np.flatnonzero(counts)[0]))
    pq.write_table(table.take(kept), tmp_path / "lines.parquet")
    done = run(implementation, replace(data, lines=tmp_path / "lines.parquet"))
    assert done.ending.outcome is Outcome.WRONG
    assert 0.9 < done.quality < 1.0


def test_cells_are_right_where_they_are_equal(data: Sales) -> None:
    right = answer(data)
    assert correct_cells(data, right) == 1.0
    one = {**right, "orders": right["orders"] + (np.arange(len(right["orders"])) == 3)}
    assert correct_cells(data, one) == pytest.approx(1 - 1 / (6 * len(right["orders"])))
    for wrong in (None, {**right, "more": right["lines"]}, {name: column[1:] for name, column in right.items()}):
        with pytest.raises(WrongResult):
            correct_cells(data, wrong)


@pytest.mark.slow
def test_the_fewest_lines(tmp_path: Path, cluster: DaskCluster) -> None:
    few = sales.maker(sales.least_rows, 3, tmp_path)
    for implementation in (one.values[0] for one in LOCAL if one.id != "spark"):
        assert run(implementation, few).quality == 1.0, implementation.id
    assert run(TOGETHER, few, cluster).quality == 1.0


@pytest.mark.parametrize("exchange", ["p2p", pytest.param("tasks", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("finely")
def test_two_workers_exchange_rows(
    data: Sales, cluster: DaskCluster, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the way that a GPU's workers do it; every late line travels, with three columns of 17 bytes."""
    monkeypatch.setitem(etl_join.EXCHANGE, "cpu", exchange)
    done = run(TOGETHER, data, cluster)
    assert (done.ending.outcome, done.quality) == (Outcome.OK, 1.0), done.ending.reason
    travel = 0.3 * ROWS * 17
    if exchange == "p2p":
        assert travel < done.cluster["shuffled_bytes"] < 10 * travel
    else:
        assert "shuffled_bytes" not in done.cluster or done.cluster["shuffled_bytes"] == 0
        assert 0.3 * travel < done.cluster["fetched_bytes"] < 20 * travel
    assert done.cluster.get("spilled_bytes", 0) == 0


@pytest.fixture(scope="module")
def three() -> Iterator[DaskCluster]:
    """Three workers of one thread."""
    with closing(DaskCluster("cpu", workers=3, threads=1, dashboard="127.0.0.1:0")) as made:
        made.open()
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("exchange", ["p2p", "tasks"])
@pytest.mark.usefixtures("finely")
def test_a_worker_killed_during_the_exchange_changes_nothing(
    data: Sales, three: DaskCluster, exchange: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Three workers, of which one dies as soon as it has sent a part of its rows."""
    monkeypatch.setitem(etl_join.EXCHANGE, "cpu", exchange)
    three.client.wait_for_workers(3, timeout=120)
    assert run(TOGETHER, data, three).quality == 1.0
    three.client.register_plugin(dies_after("shuffle-transfer" if exchange == "p2p" else "split", tmp_path / "dead"))
    done = run(TOGETHER, data, three)
    assert (tmp_path / "dead").exists()
    assert (done.ending.outcome, done.quality) == (Outcome.OK, 1.0), done.ending.reason
    assert any("was lost" in event for event in done.events)
    three.client.unregister_worker_plugin("dies")


def dies_after(task_name: str, mark: Path) -> Any:
    """A plugin of every worker: the first that has finished a task of this name is killed."""
    from distributed import WorkerPlugin

    class Dies(WorkerPlugin):
        name = "dies"

        def transition(self, key: Any, start: str, finish: str, **more: Any) -> None:
            if finish != "memory" or task_name not in str(key):
                return
            try:
                mark.touch(exist_ok=False)
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    return Dies()
