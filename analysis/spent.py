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
    moving: float  # between the GPUs and the host's memory, because a card was full
    idle: float  # without a task
    fetched: int  # bytes
    shuffled: int  # bytes that were exchanged by key, a worker's own share included
    spilled: int
    moved_out: int  # from the GPUs to the host's memory
    moved_back: int


def spent(cluster: Mapping[str, float], seconds: float, lanes: int) -> Spent:
    """The shares, from what the workers spent in an execution of `seconds`, on `lanes` that take tasks."""
    whole = seconds * lanes
    names = ("task", "fetch", "spill", "device_spill")
    tasks, fetching, spilling, moving = (cluster.get(f"{name}_seconds", 0.0) / whole for name in names)
    moved = ("fetched", "shuffled", "spilled", "device_spilled", "device_unspilled")
    fetched, shuffled, spilled, out, back = (int(cluster.get(f"{name}_bytes", 0)) for name in moved)
    idle = max(0.0, 1.0 - tasks)
    return Spent(tasks, fetching, spilling, moving, idle, fetched, shuffled, spilled, out, back)
