"""The sum of eight vectors that lie on several workers: every worker needs the whole sum.

Question  What does it cost several GPUs to add up their gradients? Training on more than one GPU does so at every step.
Expect    Each of n workers ends with the sum of all their vectors, of B bytes. The best way is a ring: each worker
          passes on one nth of the vector at a time. Each sends 2 (n - 1) / n x B bytes and receives as many, which is
          nearly twice the vector for many workers. Two rates are reported, under the names of NVIDIA's nccl-tests. The
          algorithm's rate is B / seconds: what training sees. The bus rate is that times 2 (n - 1) / n: what each
          worker's link carries, to be compared with what the link can carry. A vector of 4 MB (`smoke`), the gradients
          of a small network, takes two GPUs on NVLink (450 GB/s each way on an H100) some 30 microseconds, more for the
          start than for the bytes; on PCIe at 20 GB/s 0.2 ms. Of 256 MB (`lecture`) the bytes decide: 1 ms and 13.
          Workers on a CPU use Gloo, and on one machine the loopback, through which each byte is copied four times:
          about 1 GB/s, while one process reads what it needs at the speed of memory. So adding up in one place wins
          where one place can hold everything, and that is all that can be learned on one machine without GPUs; what is
          right there is right on many.

A worker reads its vectors of the eight and adds them up. Then all workers join a process group and add up five times;
the stage `reduce` includes the start of the group. The rates come from the slowest worker's median time, without that
start. Each worker returns a part of its own sum, so a worker with a wrong sum is noticed.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from residency.datasets.foundations.vectors import VECTORS, Vectors, sums_correct, vectors
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.harness.device import synchronise
from residency.runners.ranks import Ranks
from residency.suites.foundations._laps import lap, observe_bytes

REPEATS = 5

task = Task(
    datasets=[vectors],
    sizes={"smoke": 2**20, "lab": 2**24, "lecture": 2**26, "production": 2**29},  # numbers of a vector
    quality=sums_correct,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=lambda data: (data.rows * (VECTORS - 1.0), data.rows * 4.0 * (VECTORS + 1.0)),
    unit="numbers",
    memory=Memory(copies=2),
)


@task.pair(cpu="torch", gpu="torch")
def in_one_place(data: Vectors, run: Run, torch):
    """Torch in one process that holds all eight, on all cores of a CPU."""
    run.effective(vectors=VECTORS, dtype="float32")
    with run.stage("put"):
        values = run.to_device(data.values, into=torch)
    with lap(run, "reduce") as reducing:
        total = values.sum(dim=0)
    observe_bytes(run, 4.0 * data.rows * (VECTORS + 1), sum=reducing)
    with run.stage("get"):
        return run.to_host(total)


@task.on_cluster(cpu="torch", gpu="torch")
def over_workers(data: Vectors, run: Run, torch):
    """Torch on every worker, each with some of the eight; they add up by Gloo between CPUs, by NCCL between GPUs."""
    ranks = Ranks(run)
    n = ranks.run.workers
    run.effective(vectors=VECTORS, dtype="float32", repeats=REPEATS, by={"cpu": "gloo", "gpu": "nccl"}[run.device])
    with run.stage("load"):
        parts = run.partitions(data.values, count=VECTORS)
        mine = ranks.each(load, [parts[rank::n] for rank in range(n)], length=data.rows)
    with run.stage("reduce"):
        reduced = ranks.together(reduce, mine)
    with run.stage("get"):
        totals, seconds = zip(*run.client.gather(reduced), strict=True)
        total = np.concatenate(totals)
    algorithm = 4.0 * data.rows / max(seconds) / 1e9
    run.observe(algorithm_gb_per_s=algorithm, bus_gb_per_s=algorithm * 2 * (n - 1) / n)
    return total


def load(run: Run, rank: int, parts: Sequence[Rows], *, length: int) -> Any:
    """Runs on a worker: the sum of its vectors, on its device; zeros if it has none."""
    import torch

    total = np.zeros(length, np.float32)
    for part in parts:
        total += part.read()[0][0]
    return run.to_device(total, into=torch)


def reduce(run: Run, rank: int, mine: Any) -> tuple[Any, float]:
    """Runs on a worker, at the same time on all of them: its part of the sum, and what a sum took in the middle."""
    distributed: Any = importlib.import_module("torch.distributed")
    total, seconds = mine.clone(), []
    for _ in range(1 + REPEATS):
        total.copy_(mine)
        distributed.barrier(**run.only(gpu={"device_ids": [0]}))
        synchronise(run.device)
        start = perf_counter()
        distributed.all_reduce(total)
        synchronise(run.device)
        seconds.append(perf_counter() - start)
    first, last = (len(total) * end // run.workers for end in (rank, rank + 1))
    return run.to_host(total[first:last].clone()), median(seconds[1:])  # the first one makes the connections
