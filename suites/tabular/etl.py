"""Extract, transform, load: from a file of taxi trips to a table by borough, weekday and hour.

Question  What is a GPU worth to a job that hardly computes: read, filter, join, group?
Expect    Bytes decide. A trip is 20 bytes on disk and about 60 decoded, for a dozen comparisons and four additions,
          so every step runs at the speed of some memory. A data frame makes each step a pass of its own: pandas does
          most of them on one core, cuDF as a kernel at the GPU's memory bandwidth, where Parquet is decoded too and
          only compressed bytes cross PCIe. A query engine fuses all steps into one pass that stays in cache, on all
          cores: Polars and DuckDB are the opponents to beat, not pandas. On the 6,433 real trips launches and Python
          take all the time, and the GPU must lose.

`load` reads files that were written and hashed before: from the page cache, not from a disk. On a GPU it ends with
columns in device memory, so there is no `put`. The lazy engines read while they compute; theirs is one stage, `query`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.taxis import taxis
from residency.datasets.trips import CARD, LEAST_FARE, LEAST_SECONDS, MOST_MILES, MOST_SECONDS, Trips, trips
from residency.harness import Run, Task
from residency.harness.errors import WrongResult
from residency.harness.quality import metric

NEEDED = ["pickup", "dropoff", "pickup_zone", "passengers", "distance", "fare", "tip", "payment"]
KEYS = ["borough", "weekday", "hour"]
QUERY = f"""
    SELECT borough, isodow(pickup) - 1 AS weekday, hour(pickup) AS hour,
           count(*) AS trips, sum(fare)::BIGINT AS fare, avg(distance) AS distance, avg(tip) AS tip
    FROM read_parquet(?) JOIN read_parquet(?) ON pickup_zone = zone
    WHERE payment = '{CARD}' AND passengers > 0 AND fare >= {LEAST_FARE}
      AND distance > 0 AND distance <= {MOST_MILES}
      AND epoch_us(dropoff) - epoch_us(pickup) BETWEEN {LEAST_SECONDS * 1_000_000} AND {MOST_SECONDS * 1_000_000}
    GROUP BY ALL ORDER BY borough, weekday, hour
"""


@metric(name="correct cells")
def correct_cells(data: Trips, result: Any) -> float:
    """Share of the table's cells that are right, row by row in sorted order.

    Keys, counts and sums of cents must be equal. A mean must be as near as float64 sums of so many positive terms in
    any order are: count x 2**-53, and a little for rounding the terms, the quotient and the truth itself.
    """
    kept = np.nonzero(data.count)  # in the order of the keys
    count = data.count[kept]
    exact = {"borough": data.boroughs[kept[0]], "weekday": kept[1], "hour": kept[2], "trips": count}
    exact["fare"] = data.fare[kept]
    means = {"distance": data.distance[kept] / (100.0 * count), "tip": data.tip[kept] / count}
    names = [*exact, *means]
    if not isinstance(result, dict) or set(result) != set(names):
        raise WrongResult(f"the result must be a dict of the columns {', '.join(names)}")
    for name in names:
        if result[name].shape != count.shape:
            raise WrongResult(f"column {name} has shape {result[name].shape}, expected {count.shape}")
    right = sum(np.sum(result[name] == truth) for name, truth in exact.items())
    right += sum(np.sum(abs(result[name] - mean) <= (count + 4) * 2.0**-53 * mean) for name, mean in means.items())
    return float(right / (len(names) * len(count)))


def work(data: Trips) -> tuple[float, float]:
    """Four additions for each trip that counts, and every compressed byte of the needed columns read once."""
    from pyarrow.parquet import read_metadata

    meta = read_metadata(data.trips)
    groups = [meta.row_group(group) for group in range(meta.num_row_groups)]
    chunks = [group.column(column) for group in groups for column in range(group.num_columns)]
    read = sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in NEEDED)
    return 4.0 * float(data.count.sum()), float(read)


task = Task(
    datasets=[trips, taxis],
    sizes={"smoke": 200_000, "lab": 20_000_000, "lecture": 200_000_000, "production": 2_000_000_000},  # rows
    quality=correct_cells,
    tolerance=0.0,
    floor=1.0,
    work=work,
)


@task.pair(cpu="pandas", gpu="cudf", needs=("pyarrow",))
def data_frame(data: Trips, run: Run, frames):
    """One step after the other, each a pass over whole columns; `frames` is pandas or cuDF."""
    engine = run.only(cpu={"engine": "pyarrow"}, gpu={"engine": "cudf"})
    run.effective(**engine)
    with run.stage("load"):
        table = frames.read_parquet(data.trips, columns=NEEDED, **engine)
        zones = frames.read_parquet(data.zones, **engine)
    with run.stage("filter"):  # comparing a missing value gives false in pandas, missing in cuDF: both drop the row
        lasted = table["dropoff"] - table["pickup"]
        good = (table["payment"] == CARD) & (table["passengers"] > 0) & (table["fare"] >= LEAST_FARE)
        good &= (table["distance"] > 0) & (table["distance"] <= MOST_MILES)
        good &= (lasted >= np.timedelta64(LEAST_SECONDS, "s")) & (lasted <= np.timedelta64(MOST_SECONDS, "s"))
        table = table[["pickup", "pickup_zone", "distance", "fare", "tip"]][good]
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


@task.on_cpu("polars")
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


def fixed_width(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns of Python strings, as all these libraries export text, as NumPy's own fixed-width text."""
    return {name: column.astype(np.str_) if column.dtype == object else column for name, column in columns.items()}
