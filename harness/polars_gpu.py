"""An accelerator for Polars: every query that a program collects runs on Polars' GPU engine, or fails.

By itself, Polars goes on with the CPU if its GPU engine cannot run a query. Here it raises an error (`raise_on_fail`).
The GPU engine also replaces the one that a program names, such as `collect(engine="streaming")`. Operations on a
DataFrame, which is not lazy, stay on the CPU and are not counted: the GPU engine is for queries only.

Not yet seen on a real GPU.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

_ran: Counter[str] = Counter()  # how often a function ran on the GPU, since counting began


@cache
def install() -> None:
    """Let Polars' GPU engine take over queries in this process; a second call changes nothing."""
    polars: Any = importlib.import_module("polars")
    collect, engine = polars.LazyFrame.collect, polars.GPUEngine(raise_on_fail=True)

    @wraps(collect)
    def on_gpu(query: Any, *arguments: Any, **named: Any) -> Any:
        result = collect(query, *arguments, **{**named, "engine": engine})
        _ran["LazyFrame.collect"] += 1  # not reached if the engine cannot run the query
        return result

    polars.LazyFrame.collect = on_gpu
    polars.Config.set_engine_affinity(engine)  # for what does not go through `collect`, as `sink_parquet`


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """How often each function ran on the GPU in the block."""
    _ran.clear()
    yield _ran
