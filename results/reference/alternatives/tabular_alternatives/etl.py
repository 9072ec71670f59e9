"""The other ways to run the etl job on a CPU that were tried, beside those that stayed.

Question  Is the baseline the strongest?
Expect    Streaming engines win; what they fuse, the others write out.
"""

from __future__ import annotations

from typing import Any

from residency.datasets.tabular.trips import Trips, trips
from residency.harness import Run, Task
from residency.suites.tabular import etl

task = Task(
    datasets=[trips],
    sizes=etl.task.sizes,
    quality=etl.correct_cells,
    tolerance=0.0,
    floor=1.0,
)


@task.on_cpu("polars")
def polars_streaming(data: Trips, run: Run, pl: Any) -> Any:
    """The one that stayed."""
    return etl.lazy_frame(data, run, pl)


@task.on_cpu("duckdb")
def duckdb_sql(data: Trips, run: Run, duckdb: Any) -> Any:
    """The one that stayed."""
    return etl.sql(data, run, duckdb)


@task.on_cpu("polars")
def polars_in_memory(data: Trips, run: Run, pl: Any) -> Any:
    """The same plan by Polars' other engine, which holds every step's whole columns."""
    streaming = pl.LazyFrame.collect
    pl.LazyFrame.collect = lambda frame, **_: streaming(frame, engine="in-memory")
    try:
        return etl.lazy_frame(data, run, pl)
    finally:
        pl.LazyFrame.collect = streaming


@task.on_cpu("duckdb")
def duckdb_one_thread(data: Trips, run: Run, duckdb: Any) -> Any:
    """The same query on one thread."""
    run.threads = 1
    return etl.sql(data, run, duckdb)
