"""Copies: what came back, and the rates that are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from residency.datasets.numbers import Numbers, numbers
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
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
