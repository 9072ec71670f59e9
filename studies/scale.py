"""`residency scale`: one task on clusters of several sizes, and in a single process beside them."""

from __future__ import annotations

from dataclasses import replace

from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.task import SIZES, Task
from residency.runners import machine
from residency.runners.plan import Group, Selection, plan


def doubling() -> list[int]:
    """Workers: 1, 2, 4, ... up to the cores of this machine, two at least."""
    most = max(2, machine.cores())
    return [2**power for power in range(most.bit_length()) if 2**power <= most]


def threads_of_each(most: int) -> int:
    """Threads of a worker, the same on every count of workers: the cores shared out among the most of them."""
    return max(1, machine.cores() // most)


def groups(catalogue: Catalogue, task: Task, wanted: Selection, weak: bool) -> list[Group]:
    """The whole size on every count of workers and in a single process, and with `weak` each count's share of it.

    `wanted` names one size, and counts of workers that grow.
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
