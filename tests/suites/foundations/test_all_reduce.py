"""Sums over workers: the same as in one place, whoever has how many of the eight, and the rates that are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.vectors import VECTORS, Vectors, sums_correct, vectors
from residency.harness import Run
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites.foundations import all_reduce
from residency.suites.foundations.all_reduce import task

ROWS = 10_001  # not a multiple of the workers


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Vectors:
    return make(vectors, ROWS)


def test_in_one_place(data: Vectors) -> None:
    done = execute(task, task.implementation("in_one_place@cpu"), data, dataset="vectors", threads=2)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert 4 * 9 * ROWS / done.figures["sum_gb_per_s"] / 1e9 == pytest.approx(done.stages["reduce"])


@pytest.mark.slow
def test_over_two_workers(data: Vectors, cluster: Any, mapped: Any) -> None:
    together = task.implementation("over_workers@2xcpu")
    done = execute(task, together, mapped(data), dataset="vectors", cluster=cluster)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert [name for name in done.stages if name != "other"] == ["load", "reduce", "get"]
    assert done.parameters["by"] == "gloo"
    algorithm, bus = done.figures["algorithm_gb_per_s"], done.figures["bus_gb_per_s"]
    assert bus == pytest.approx(algorithm)  # 2 (n - 1) / n is 1 of two
    assert 4 * ROWS / algorithm / 1e9 < done.stages["reduce"]


def test_one_worker_alone_has_all(data: Vectors, cluster: Any, mapped: Any) -> None:
    run = Run("cpu", workers=1, client=cluster.client)
    import torch

    assert sums_correct(data, all_reduce.over_workers(mapped(data), run, torch)) == 1.0
    assert run.figures["bus_gb_per_s"] == 0.0  # there is none


def test_a_worker_without_a_vector_adds_nothing() -> None:
    assert all_reduce.load(Run("cpu"), 8, [], length=5).tolist() == [0.0] * 5


def test_every_vector_counts(data: Vectors) -> None:
    right = data.values.sum(axis=0, dtype=np.float32)
    assert sums_correct(data, right) == 1.0
    assert sums_correct(data, data.values[::-1].sum(axis=0, dtype=np.float32)) == 1.0
    for vector in data.values:
        assert sums_correct(data, right - vector) < 0.01
    assert sums_correct(data, right / VECTORS) < 0.01  # the mean is not what is asked for
    off = right.copy()
    off[-1] += 1e-3
    quality = sums_correct(data, off)
    assert quality == 1.0 - 1.0 / ROWS
    assert not task.quality.beyond(quality, task.floor)
    with pytest.raises(WrongResult):
        sums_correct(replace(data, values=data.values[:, 1:]), right)


def test_a_worker_that_keeps_its_own_sum_is_found_out(
    data: Vectors, cluster: Any, mapped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alone_on_the_second(run: Any, rank: int, mine: Any) -> tuple[Any, float]:
        import torch.distributed

        total = mine.clone()
        torch.distributed.all_reduce(total)
        total = mine if rank == 1 else total
        first, last = (len(total) * end // run.workers for end in (rank, rank + 1))
        return total[first:last].numpy().copy(), 1.0

    monkeypatch.setattr(all_reduce, "reduce", alone_on_the_second)
    done = execute(task, task.implementation("over_workers@2xcpu"), mapped(data), dataset="vectors", cluster=cluster)
    assert done.ending.outcome == "wrong"
    assert done.quality == pytest.approx(0.5, abs=0.01)
