"""Torch's ranks on a cluster's workers: when one fails all end, the error is told, and the cluster is fit for more."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from residency.harness import Run
from residency.harness.execute import ending_of
from residency.runners import ranks
from residency.runners.cluster import DaskCluster

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskCluster]:
    pytest.importorskip("torch")
    with closing(DaskCluster("cpu", workers=2, threads=1)) as made:
        made.open()
        yield made


def both(cluster: DaskCluster) -> ranks.Ranks:
    return ranks.Ranks(Run("cpu", workers=2, client=cluster.client))


def total(run: Run, rank: int) -> float:
    """One more than the rank, summed over all."""
    import torch

    mine = torch.tensor([rank + 1.0])
    torch.distributed.all_reduce(mine)
    return float(mine)


def trains(run: Run, rank: int) -> None:
    """The second rank fails after some steps, while the first waits for its gradients."""
    import torch

    network = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(100, 100))
    for step in range(4):
        if rank == 1 and step == 3:
            raise ValueError("the second rank's own error")
        network(torch.ones(1, 100)).sum().backward()


def holds_the_lock(run: Run, rank: int) -> None:
    """The first rank's process stops answering, the second fails."""
    if rank == 1:
        raise ValueError("the second rank's own error")
    ctypes.PyDLL(None).sleep(600)  # unlike CDLL's functions these keep the interpreter's lock


@pytest.mark.slow
def test_failures_leave_the_workers_as_they_were(cluster: DaskCluster) -> None:
    before = cluster.client.run(os.getpid)
    for _ in range(25):  # where the group was the last to go, one in some twenty never ended
        with pytest.raises(ValueError, match="the second rank's own error"):
            both(cluster).together(trains)
    assert cluster.client.run(os.getpid) == before
    assert cluster.client.gather(both(cluster).together(total)) == [3.0, 3.0]


@pytest.mark.slow
def test_a_rank_that_is_stuck_is_started_anew(cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    before: dict[str, Any] = cluster.client.run(os.getpid)
    monkeypatch.setattr(ranks, "STUCK_SECONDS", 2.0)
    with pytest.raises(ValueError, match="the second rank's own error") as caught:
        both(cluster).together(holds_the_lock)
    stuck = min(before)  # the first rank's
    assert f"the rank on {stuck} did not end then, and its worker was restarted (OK)" in ending_of(caught.value).reason
    after = cluster.client.run(os.getpid)
    assert len(after) == 2
    assert len(set(before.values()) & set(after.values())) == 1
    assert cluster.client.gather(both(cluster).together(total)) == [3.0, 3.0]
