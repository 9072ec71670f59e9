"""Extract, transform, load: from a file of taxi trips to a table by borough, weekday and hour.

Question  What is a GPU worth for a job with hardly any arithmetic: read, filter, join, group?
Expect    Bytes decide. A trip is 20 bytes on disk and about 60 decoded, for a dozen comparisons and four additions,
          so every step runs at the speed of some memory. A data frame makes each step a pass of its own: pandas does
          most of them on one core, cuDF as a kernel at the GPU's memory bandwidth, where Parquet is decoded too and
          only compressed bytes cross PCIe. A query engine fuses all steps into one pass that stays in cache, on all
          cores: Polars and DuckDB are the opponents to beat, not pandas. On the 6,433 real trips launches and Python
          take all the time, and the GPU must lose.
          On a GPU, a join of all trips writes the borough's name for each, and grouping by names follows pointers to
          strings. `eager_aggregation` groups by one integer first, so that few groups are joined, and reads the next
          part of the file meanwhile. Query engines gain nothing from that order: their joined rows stay in cache.

`load` reads files that were written and hashed before, so they come from the page cache, not from a disk. On a GPU it
ends with columns in device memory, so there is no `put`. The lazy engines read while they compute, so they have one
stage, `query`, and so has `eager_aggregation`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.parquet import parts
from residency.datasets.tabular.cells import fixed_width
from residency.datasets.tabular.taxis import taxis
from residency.datasets.tabular.trips import (
    CARD,
    KEYS,
    LEAST_FARE,
    LEAST_SECONDS,
    MOST_MILES,
    MOST_SECONDS,
    NEEDED,
    Trips,
    correct_cells,
    trips,
    work,
)
from residency.harness import Memory, Run, Task
from residency.suites._spark import MEMORY, spark_session

PARTITION = {"split_row_groups": 4}  # on CPUs a million rows; on GPUs by the card's memory
PART = {"cpu": 2**25, "gpu": 2**29}  # uncompressed bytes that a thread takes at a time
LANES = 3  # threads that read and start kernels on a GPU: one part is read while others are computed
SUMMED = ["trips", "fare", "distance", "tip"]
QUERY = f"""
    SELECT borough, isodow(pickup) - 1 AS weekday, hour(pickup) AS hour,
           count(*) AS trips, sum(fare)::BIGINT AS fare, avg(distance) AS distance, avg(tip) AS tip
    FROM read_parquet(?) JOIN read_parquet(?) ON pickup_zone = zone
    WHERE payment = '{CARD}' AND passengers > 0 AND fare >= {LEAST_FARE}
      AND distance > 0 AND distance <= {MOST_MILES}
      AND epoch_us(dropoff) - epoch_us(pickup) BETWEEN {LEAST_SECONDS * 1_000_000} AND {MOST_SECONDS * 1_000_000}
    GROUP BY ALL ORDER BY borough, weekday, hour
"""
COUNTS = f"""
    payment = '{CARD}' AND passengers > 0 AND fare >= {LEAST_FARE} AND distance > 0 AND distance <= {MOST_MILES}
    AND dropoff - pickup BETWEEN INTERVAL '{LEAST_SECONDS}' SECOND AND INTERVAL '{MOST_SECONDS}' SECOND
"""  # a trip, in Spark's SQL


task = Task(
    datasets=[trips, taxis],
    sizes={"smoke": 200_000, "lab": 20_000_000, "lecture": 200_000_000, "production": 2_000_000_000},  # rows
    quality=correct_cells,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=work,
    memory=Memory(copies=0.1, fixed=0.2e9),  # engines that stream hold a batch
    limiter="decoding compressed Parquet",
)


@task.pair(
    cpu="pandas",
    gpu="cudf",
    needs=("pyarrow",),
    memory={"cpu": Memory(copies=4), "gpu": Memory(copies=2.5, host=0.7)},
    plain=True,
    unchanged="cudf.pandas",
)
def data_frame(data: Trips, run: Run, frames):
    """One step after the other, each a pass over whole columns; `frames` is pandas or cuDF."""
    engine = run.only(cpu={"engine": "pyarrow", "dtype_backend": "pyarrow"}, gpu={"engine": "cudf"})
    run.effective(**engine)
    with run.stage("load"):
        table = frames.read_parquet(data.trips, columns=NEEDED, **engine)
        zones = frames.read_parquet(data.zones, **engine)
    with run.stage("filter"):
        table = table[["pickup", "pickup_zone", "distance", "fare", "tip"]][good(table)]
    with run.stage("derive"):
        table = table.assign(weekday=table["pickup"].dt.weekday, hour=table["pickup"].dt.hour)
    with run.stage("join"):
        table = table.merge(zones, how="inner", left_on="pickup_zone", right_on="zone")
    with run.stage("group"):
        table = table.groupby(KEYS, as_index=False, sort=False).agg(
            trips=("fare", "count"), fare=("fare", "sum"), distance=("distance", "mean"), tip=("tip", "mean")
        )
    with run.stage("sort"):
        table = table.sort_values(KEYS, ignore_index=True)
    with run.stage("get"):
        return fixed_width(run.to_host(table))


def good(table: Any) -> Any:
    """Which trips count. Comparing a missing value gives false in pandas, missing in cuDF: both drop the row."""
    lasted = table["dropoff"] - table["pickup"]
    known = (table["payment"] == CARD) & (table["passengers"] > 0) & (table["fare"] >= LEAST_FARE)
    possible = (table["distance"] > 0) & (table["distance"] <= MOST_MILES)
    return known & possible & lasted.between(np.timedelta64(LEAST_SECONDS, "s"), np.timedelta64(MOST_SECONDS, "s"))


@task.pair(cpu="pandas", gpu="cudf", needs=("pyarrow",), memory={"cpu": Memory(0.1, 1e9), "gpu": Memory(0.1, 8e9, 0.7)})
def eager_aggregation(data: Trips, run: Run, frames):
    """Group by integers, then join the few groups (Yan and Larson 1995); a thread takes a part of the file at a time.

    On a GPU, the kernels of all threads run in one queue, but a part is read while another is computed.
    """
    lanes = run.threads if run.device == "cpu" else LANES
    run.effective(lanes=lanes, part_bytes=PART[run.device])
    with run.stage("query"), ThreadPoolExecutor(lanes) as pool:
        grouped = list(pool.map(partial(totals, data.trips, run, frames), parts(data.trips, PART[run.device])))
        table = frames.concat(grouped).groupby("group", as_index=False, sort=False).sum()
        table = table.assign(zone=table["group"] // 168, weekday=table["group"] // 24 % 7, hour=table["group"] % 24)
        table = table.merge(frames.read_parquet(data.zones), on="zone").groupby(KEYS, as_index=False)[SUMMED].sum()
        table = table.assign(distance=table["distance"] / table["trips"], tip=table["tip"] / table["trips"])
        table = table.sort_values(KEYS, ignore_index=True)
    with run.stage("get"):
        return fixed_width(run.to_host(table))


def totals(path: Path, run: Run, frames: Any, groups: list[int]) -> Any:
    """Trips and sums of these row groups by pickup zone and hour of the week; both in one integer, `group`."""
    table = row_groups(path, run, frames, groups)
    table = table[["pickup", "pickup_zone", "distance", "fare", "tip"]][good(table)]
    hour = table["pickup"].dt.weekday * 24 + table["pickup"].dt.hour
    table = table.assign(group=(table["pickup_zone"].astype("int32") * 168 + hour).astype("int32"))
    return table.groupby("group", as_index=False, sort=False).agg(
        trips=("fare", "count"), fare=("fare", "sum"), distance=("distance", "sum"), tip=("tip", "sum")
    )


def row_groups(path: Path, run: Run, frames: Any, groups: list[int]) -> Any:
    """The columns that the task needs of these row groups, as a frame of pandas on Arrow's columns or of cuDF."""
    if run.device == "gpu":
        return frames.read_parquet(path, columns=NEEDED, row_groups=groups)
    from pyarrow import parquet

    table = parquet.ParquetFile(path).read_row_groups(groups, NEEDED, use_threads=False)
    return table.to_pandas(types_mapper=frames.ArrowDtype)


@task.on_cluster(
    cpu="pandas",
    gpu="cudf",
    needs=("pyarrow",),
    memory={"cpu": Memory(copies=0.05, fixed=0.4e9), "gpu": Memory(copies=0.05, fixed=2.5e9, host=0.2)},
)
def partitions(data: Trips, run: Run, frames):
    """The same steps on Dask's frames: each worker takes row groups from the file to sums, the sums are added up."""
    partition = run.only(cpu=PARTITION, gpu={"blocksize": run.partition_bytes(data.trips.stat().st_size)})
    run.effective(**partition)
    with run.stage("query"):
        table = run.frame.read_parquet(data.trips, columns=NEEDED, **partition)
        table = table[good(table)]
        table = table.assign(weekday=table["pickup"].dt.weekday, hour=table["pickup"].dt.hour)
        table = table.merge(frames.read_parquet(data.zones), how="inner", left_on="pickup_zone", right_on="zone")
        found = table.groupby(KEYS).agg({"fare": ["count", "sum"], "distance": "mean", "tip": "mean"}).compute()
    with run.stage("get"):
        found.columns = ["trips", "fare", "distance", "tip"]
        return fixed_width(run.to_host(found.reset_index().sort_values(KEYS)))


@task.on_cpu("polars", unchanged="polars.gpu")
def lazy_frame(data: Trips, run: Run, pl):
    """The same steps as a plan: Polars reads what the plan needs and streams it through all steps in batches."""
    run.effective(engine="streaming", threads=pl.thread_pool_size())
    lasted = pl.col("dropoff") - pl.col("pickup")
    with run.stage("query"):
        table = (
            pl.scan_parquet(data.trips)
            .filter(
                pl.col("payment") == CARD,
                pl.col("passengers") > 0,
                pl.col("fare") >= LEAST_FARE,
                pl.col("distance").is_between(0, MOST_MILES, closed="right"),
                lasted.is_between(pl.duration(seconds=LEAST_SECONDS), pl.duration(seconds=MOST_SECONDS)),
            )
            .with_columns(weekday=pl.col("pickup").dt.weekday() - 1, hour=pl.col("pickup").dt.hour())
            .join(pl.scan_parquet(data.zones), how="inner", left_on="pickup_zone", right_on="zone")
            .group_by(KEYS)
            .agg(pl.len().alias("trips"), pl.col("fare").sum(), pl.col("distance", "tip").mean())
            .sort(KEYS)
            .collect(engine="streaming")
        )
    with run.stage("get"):
        return fixed_width(run.to_host(table))


@task.on_cpu("duckdb")
def sql(data: Trips, run: Run, duckdb):
    """The same steps as one SQL query, planned and run by DuckDB batch by batch."""
    run.effective(threads=run.threads)
    with run.stage("query"), duckdb.connect() as connection:
        connection.execute(f"SET threads = {run.threads}")
        table = connection.execute(QUERY, [str(data.trips), str(data.zones)]).fetchnumpy()
    with run.stage("get"):
        return fixed_width(run.to_host(table))


@task.on_cpu("pyspark", memory=Memory(copies=0, fixed=1.6e9))
def spark(data: Trips, run: Run, pyspark):
    """The same steps on Spark without a cluster: one Java virtual machine, which the cold execution starts."""
    run.effective(master=f"local[{run.threads}]", driver_memory=MEMORY)
    engine = spark_session(run)
    with run.stage("query"):
        return spark_totals(engine.read.parquet(str(data.trips)), engine.read.parquet(str(data.zones)))


def spark_totals(trips: Any, zones: Any) -> dict[str, Any]:
    """The table by borough, weekday and hour, of two data frames of Spark's."""
    from pyspark.sql import functions as f

    table = trips.where(COUNTS).join(zones, trips["pickup_zone"] == zones["zone"])
    table = table.groupBy("borough", f.weekday("pickup").alias("weekday"), f.hour("pickup").alias("hour"))
    means = [f.mean(name).alias(name) for name in ("distance", "tip")]
    table = table.agg(f.count("*").alias("trips"), f.sum("fare").alias("fare"), *means)
    rows = table.orderBy(KEYS).collect()
    return {name: np.array([row[name] for row in rows]) for name in [*KEYS, *SUMMED]}
