"""Copies: what came back, and the rates that are told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness import Run
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites.foundations import copies
from residency.suites.foundations.copies import came_back, task

CPU = [one for one in task.implementations if one.device == "cpu"]


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Numbers:
    return make(numbers, 2**20)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
@pytest.mark.parametrize("calls", [1, 10])
def test_all_comes_back_and_rates_are_of_one_call(data: Numbers, implementation: Any, calls: int) -> None:
    done = execute(task, implementation, data, dataset="numbers", threads=2, calls=calls)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert set(done.figures) == {"copy_gb_per_s", "copy_to_new_memory_gb_per_s"}
    for stage, figure in (("copy", "copy_gb_per_s"), ("copy_to_new", "copy_to_new_memory_gb_per_s")):
        told = 2 * data.values.nbytes / done.figures[figure] / 1e9
        if calls == 1:
            assert told == pytest.approx(done.stages[stage])
        assert told < 9.5 * done.stages[stage]  # and not of all ten calls together


def test_what_was_lost_on_any_way_is_seen(data: Numbers) -> None:
    whole = data.values
    assert came_back(data, (whole, whole.copy())) == 1.0
    for place in (0, len(whole) - 1):
        lost = whole.copy()
        lost.view(np.uint32)[place] ^= 1
        for returned in ((lost, whole), (whole, lost)):
            quality = came_back(data, returned)
            assert quality == 1.0 - 1.0 / len(whole)
            assert not task.quality.beyond(quality, task.floor)
    with pytest.raises(WrongResult):
        came_back(data, (whole, whole[1:]))
    with pytest.raises(WrongResult):
        came_back(data, (whole, whole.astype(np.float64)))


def test_bits_are_compared_not_values(data: Numbers) -> None:
    signed = np.array([0.0, np.nan], np.float32)
    assert came_back(Numbers(signed), (signed.copy(),)) == 1.0
    assert came_back(Numbers(signed), (np.array([-0.0, np.nan], np.float32),)) == 0.5


class OnDevice:
    """In place of CuPy's arrays: host memory that is reached by `set` and `get` alone."""

    def __init__(self, size: int, dtype: Any) -> None:
        self._memory = np.zeros(size, dtype)

    def set(self, arr: np.ndarray) -> None:
        self._memory[:] = arr

    def get(self, *, out: np.ndarray) -> np.ndarray:
        out[:] = self._memory
        return out


WAYS = ("pageable", "pinned", "staged")
GPU_FIGURES = {f"to_{place}_{way}_gb_per_s" for place in ("device", "host") for way in WAYS}


def test_the_lines_for_cupy_bring_all_back(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for CuPy, which this cannot vouch for: that is for a real GPU."""
    pinned: list[np.ndarray] = []

    def zeros_pinned(shape: int, dtype: Any) -> np.ndarray:
        pinned.append(np.zeros(shape, dtype))
        return pinned[-1]

    monkeypatch.setitem(sys.modules, "cupyx", SimpleNamespace(zeros_pinned=zeros_pinned))
    run = Run("cpu")
    ordinary, back, again = copies.arrays_over_the_bus(data, run, SimpleNamespace(zeros=OnDevice))
    assert came_back(data, (ordinary, back, again)) == 1.0
    assert back is pinned[1]
    assert again is not data.values  # `staged` goes both ways into memory of its own
    assert not any(ordinary is one for one in pinned)
    assert (pinned[0] == data.values).all()
    assert set(run.figures) == GPU_FIGURES
    assert list(run.stages) == ["allocate", "put", "get"]


def test_the_lines_for_torch_bring_all_back(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Torch's CPU, where nothing can be pinned: that it is asked for is all that is seen here."""
    import torch

    pinned = []
    zeros = torch.zeros
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append("to go") or tensor.clone())
    monkeypatch.setattr(
        torch, "zeros", lambda size, *, pin_memory: pinned.append("to come back") or zeros(size) if pin_memory else None
    )
    run = Run("cpu")
    returned = copies.tensors_over_the_bus(data, run, torch)
    assert pinned == ["to go", "to come back"]
    assert came_back(data, returned) == 1.0
    assert set(run.figures) == GPU_FIGURES
