"""Join large tables: the revenue of lines that were shipped late, by country and month of the order.

Question  What is a GPU, or a cluster, worth if rows of two large tables must find each other?
Expect    A join makes a hash table of one side and looks every row of the other up in it, at an address that nobody can
          foresee: 33 bytes a line to read in order, and for each late line one access that may miss every cache. A GPU
          has more bandwidth for both, and keeps many accesses under way at once. Polars and DuckDB are the opponents to
          beat: both filter before they join, and fuse the steps on all cores.
          On a cluster the lines of an order lie in different parts of the file, so workers must exchange rows before
          they can join them: with n workers, each sends all but an nth of its rows. The report says how many bytes. On
          one machine this only costs time; it pays if a table does not fit into the memory of one worker.

Four tables in the shape of a decision-support benchmark: lines and orders, both large, customers, and countries.
`datasets/tabular/sales.py` says which rows count. Sums are integers, so the result is exact: a single wrong line shows.
An order is counted once, however many of its lines were late. Therefore all lines of an order go to one worker.
`load` reads files that were written before: from the page cache, not from a disk. Engines that read while they compute
have one stage, `query`.

Not yet seen on a real GPU: both implementations on cuDF, and how fast its workers exchange rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from residency.datasets.tabular.cells import fixed_width
from residency.datasets.tabular.sales import (
    AFTER,
    FIRST,
    KEYS,
    LINES,
    ORDERS,
    SEGMENT,
    Sales,
    correct_cells,
    sales,
    work,
)
from residency.harness import Memory, Run, Task
from residency.suites._spark import MEMORY, spark_session

TABLES = ("lines", "orders", "customers", "countries")
ORDER_BY = ["revenue", *KEYS]
ASCENDING = [False, True, True, True]
PARTITION = {"split_row_groups": 4, "dtype_backend": "pyarrow"}  # on CPUs a million rows; on GPUs by the card's memory
# P2P, Dask's default, sends rows as they come, through the host's memory and disk; `tasks` keeps them on the GPU.
EXCHANGE: Mapping[str, str] = {"cpu": "p2p", "gpu": "tasks"}
QUERY = f"""
    SELECT country, year(ordered) AS year, month(ordered) AS month, count(*) AS lines,
           count(DISTINCT order_id) AS orders, CAST(sum(price * (100 - discount)) AS BIGINT) AS revenue
    FROM lines JOIN orders USING (order_id) JOIN customers USING (customer_id) JOIN countries USING (country_code)
    WHERE shipped > promised AND segment = '{SEGMENT}'
      AND ordered >= DATE '{np.datetime_as_string(FIRST, "D")}' AND ordered < DATE '{np.datetime_as_string(AFTER, "D")}'
    GROUP BY ALL ORDER BY revenue DESC, country, year, month
"""


task = Task(
    datasets=[sales],
    sizes={"smoke": 200_000, "lab": 20_000_000, "lecture": 200_000_000, "production": 1_000_000_000},  # lines
    quality=correct_cells,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=work,
    unit="lines",
    memory=Memory(copies=0.5),
)


@task.pair(
    cpu="pandas", gpu="cudf", needs=("pyarrow",), memory=Memory(copies=3, host=0.7), plain=True, unchanged="cudf.pandas"
)
def data_frame(data: Sales, run: Run, frames):
    """One step after the other, each a pass over whole columns; `frames` is pandas or cuDF."""
    engine = run.only(cpu={"engine": "pyarrow", "dtype_backend": "pyarrow"}, gpu={"engine": "cudf"})
    run.effective(**engine)
    with run.stage("load"):
        lines = frames.read_parquet(data.lines, columns=LINES, **engine)
        orders = frames.read_parquet(data.orders, columns=ORDERS, **engine)
        customers = frames.read_parquet(data.customers, **engine)
        countries = frames.read_parquet(data.countries, **engine)
    with run.stage("filter"):
        lines, orders, customers = late(lines), recent(orders), customers[customers["segment"] == SEGMENT]
    with run.stage("join"):
        orders = orders.merge(customers, on="customer_id").merge(countries, on="country_code")
        table = lines.merge(months(orders), on="order_id")
    with run.stage("group"):
        table = totals(table)
    with run.stage("sort"):
        table = table.sort_values(ORDER_BY, ascending=ASCENDING)
    with run.stage("get"):
        return fixed_width(run.to_host(table))


def late(lines: Any) -> Any:
    """The lines that were shipped later than promised."""
    return lines[lines["shipped"] > lines["promised"]][["order_id", "price", "discount"]]


def recent(orders: Any) -> Any:
    """The orders of the years that count."""
    return orders[(orders["ordered"] >= FIRST) & (orders["ordered"] < AFTER)]


def months(orders: Any) -> Any:
    """What a line has to know of its order."""
    orders = orders.assign(year=orders["ordered"].dt.year, month=orders["ordered"].dt.month)
    return orders[["order_id", *KEYS]]


def totals(table: Any) -> Any:
    """Lines, orders and revenue of each group."""
    table = table.assign(revenue=table["price"] * (100 - table["discount"]))
    return table.groupby(KEYS, as_index=False, sort=False).agg(
        lines=("price", "count"), orders=("order_id", "nunique"), revenue=("revenue", "sum")
    )


@task.on_cluster(
    cpu="pandas",
    gpu="cudf",
    needs=("pyarrow",),
    memory={"cpu": Memory(copies=1, fixed=0.15e9), "gpu": Memory(copies=1.5, fixed=2.5e9, host=0.2)},
)
def partitions(data: Sales, run: Run, frames):
    """The same steps on Dask's frames: workers exchange rows by their order's key, then each joins its own rows."""
    exchange = EXCHANGE[run.device]
    partition = run.only(cpu=PARTITION, gpu={"blocksize": run.partition_bytes(data.lines.stat().st_size)})
    run.effective(**partition, shuffle_method=exchange)
    small = run.only(cpu={"dtype_backend": "pyarrow"})
    with run.stage("query"):
        lines = late(run.frame.read_parquet(data.lines, columns=LINES, **partition))
        orders = recent(run.frame.read_parquet(data.orders, columns=ORDERS, **partition))
        customers = run.frame.read_parquet(data.customers, **partition)
        customers = customers[customers["segment"] == SEGMENT]
        customers = customers.merge(frames.read_parquet(data.countries, **small), on="country_code")
        orders = months(orders.merge(customers, on="customer_id", shuffle_method=exchange))
        # Both tables by the key, into as many partitions: each order is in one of them, with all its lines.
        count = max(lines.npartitions, orders.npartitions, run.workers)
        lines, orders = (
            table.shuffle("order_id", npartitions=count, shuffle_method=exchange, ignore_index=True)
            for table in (lines, orders)
        )
        table = lines.map_partitions(joined_totals, orders, align_dataframes=False)
        table = table.groupby(KEYS)[["lines", "orders", "revenue"]].sum(split_out=1).compute()
    with run.stage("get"):
        return fixed_width(run.to_host(table.reset_index().sort_values(ORDER_BY, ascending=ASCENDING)))


def joined_totals(lines: Any, orders: Any) -> Any:
    """Runs on a worker: the totals of the orders in its partition; no other partition has lines of these orders."""
    return totals(lines.merge(orders, on="order_id"))


@task.on_cpu("polars", unchanged="polars.gpu")
def lazy_frame(data: Sales, run: Run, pl):
    """The same steps as a plan: Polars reads what the plan needs and streams it through all steps in batches."""
    run.effective(engine="streaming", threads=pl.thread_pool_size())
    with run.stage("query"):
        orders = (
            pl.scan_parquet(data.orders)
            .filter(pl.col("ordered") >= FIRST, pl.col("ordered") < AFTER)
            .join(pl.scan_parquet(data.customers).filter(pl.col("segment") == SEGMENT), on="customer_id")
            .join(pl.scan_parquet(data.countries), on="country_code")
        )
        table = (
            pl.scan_parquet(data.lines)
            .filter(pl.col("shipped") > pl.col("promised"))
            .join(orders, on="order_id")
            .group_by("country", pl.col("ordered").dt.year().alias("year"), pl.col("ordered").dt.month().alias("month"))
            .agg(
                lines=pl.len(),
                orders=pl.col("order_id").n_unique(),
                revenue=(pl.col("price") * (100 - pl.col("discount"))).sum(),
            )
            .sort(ORDER_BY, descending=[not one for one in ASCENDING])
            .collect(engine="streaming")
        )
    with run.stage("get"):
        return fixed_width(run.to_host(table))


@task.on_cpu("duckdb")
def sql(data: Sales, run: Run, duckdb):
    """The same steps as one SQL query, planned and run by DuckDB batch by batch."""
    run.effective(threads=run.threads)
    with run.stage("query"), duckdb.connect() as connection:
        connection.execute(f"SET threads = {run.threads}")
        for name in TABLES:
            connection.read_parquet(str(getattr(data, name))).create_view(name)
        table = connection.execute(QUERY).fetchnumpy()
    with run.stage("get"):
        return fixed_width(run.to_host(table))


@task.on_cpu("pyspark", memory=Memory(copies=0, fixed=1.5e9))
def spark(data: Sales, run: Run, pyspark):
    """The same query on Spark without a cluster: one Java virtual machine, which the cold execution starts."""
    run.effective(master=f"local[{run.threads}]", driver_memory=MEMORY)
    engine = spark_session(run)
    with run.stage("query"):
        for name in TABLES:
            engine.read.parquet(str(getattr(data, name))).createOrReplaceTempView(name)
        rows = engine.sql(QUERY).collect()
        return {name: np.array([row[name] for row in rows]) for name in [*KEYS, "lines", "orders", "revenue"]}
