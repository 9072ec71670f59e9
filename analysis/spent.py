"""What a cluster's workers did with their time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """Shares of the workers' time, all together, and the bytes that they moved."""

    tasks: float
    fetching: float  # from each other
    spilling: float  # to disk
    idle: float  # without a task
    fetched: int  # bytes
    shuffled: int  # bytes that were exchanged by key, a worker's own share included
    spilled: int


def spent(cluster: Mapping[str, float], seconds: float, lanes: int) -> Spent:
    """The shares, from what the workers spent in an execution of `seconds`, on `lanes` that take tasks."""
    whole = seconds * lanes
    tasks, fetching, spilling = (cluster.get(f"{name}_seconds", 0.0) / whole for name in ("task", "fetch", "spill"))
    fetched, shuffled, spilled = (int(cluster.get(f"{name}_bytes", 0)) for name in ("fetched", "shuffled", "spilled"))
    return Spent(tasks, fetching, spilling, max(0.0, 1.0 - tasks), fetched, shuffled, spilled)
