"""`residency scale`: one task on clusters of several sizes, and in a single process for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.task import SIZES, Task
from residency.runners import machine
from residency.runners.plan import Group, Selection, plan


def doubling(devices: Sequence[str]) -> list[int]:
    """Numbers of workers: 1, 2, 4, ... up to the cores of this machine, but at least two; or up to its GPUs.

    GPUs decide if no other `devices` are asked for.
    """
    gpus = len(machine.gpus()[0]) if list(devices) == ["gpu"] else 0
    most = gpus or max(2, machine.cores())
    return [2**power for power in range(most.bit_length()) if 2**power <= most]


def threads_of_each(most: int) -> int:
    """Threads of each worker, the same for every number of workers: the cores divided by the largest number."""
    return max(1, machine.cores() // most)


def groups(catalogue: Catalogue, task: Task, wanted: Selection, weak: bool) -> list[Group]:
    """The whole size on each number of workers and in a single process; with `weak` also each number's share of it.

    `wanted` names one size, and growing numbers of workers.
    """
    if not any(one.runner == "cluster" for one in task.implementations):
        raise UsageError(
            f"{task.path} has no implementation for a cluster; see `residency list` for tasks that have one"
        )
    alone = replace(wanted, implementations=(), runners=("local",))
    (clusters,), (single,) = plan(catalogue, wanted), plan(catalogue, alone)
    found = [replace(clusters, implementations=single.implementations + clusters.implementations)]
    (size,), counts = wanted.sizes, wanted.workers
    rows = task.sizes[size] if size in SIZES else int(size)
    for count in counts[:-1] if weak else ():
        share = str(max(1, rows * count // counts[-1]))
        found += plan(catalogue, replace(wanted, sizes=(share,), workers=(count,)))
    return found
