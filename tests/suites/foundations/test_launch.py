"""Launches: every step is taken, and the time of one is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.generator_states import MULTIPLIER, STATES, States, generator_states, states_correct
from residency.harness import Run
from residency.harness.errors import WrongResult
from residency.harness.execute import execute
from residency.suites.foundations import launch
from residency.suites.foundations.launch import task

CPU = [one for one in task.implementations if one.device == "cpu"]


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> States:
    return make(generator_states, 300)


@pytest.mark.parametrize("implementation", CPU, ids=lambda one: one.id)
def test_every_library_takes_every_step(data: States, implementation: Any) -> None:
    kept = data.first.copy()
    done = execute(task, implementation, data, dataset="generator_states", threads=1)
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
    assert (data.first == kept).all()
    assert set(done.figures) == {"microseconds_per_step"}
    assert done.figures["microseconds_per_step"] * data.steps / 1e6 == pytest.approx(done.stages["step"])


def taken(first: np.ndarray, steps: int) -> np.ndarray:
    state = first.copy()
    for _ in range(steps):
        state *= MULTIPLIER
    return state


@pytest.mark.parametrize("steps", [1, 2, 300])
def test_one_step_more_or_less_is_seen(data: States, steps: int) -> None:
    some = replace(data, steps=steps)
    assert states_correct(some, taken(data.first, steps)) == 1.0
    for wrong in (steps - 1, steps + 1, 2 * steps):
        assert states_correct(some, taken(data.first, wrong)) == 0.0
    off = taken(data.first, steps)
    off[5] += 1
    quality = states_correct(some, off)
    assert quality == 1.0 - 1.0 / STATES
    assert not task.quality.beyond(quality, task.floor)


def test_states_are_odd_and_of_all_sizes(data: States) -> None:
    assert (data.first % 2 == 1).all()
    assert data.first.min() < -(2**30) < 2**30 < data.first.max()


@pytest.mark.parametrize("found", [np.ones(STATES), np.ones(STATES - 1, np.int32), [1] * STATES])
def test_what_are_no_states_is_refused(data: States, found: object) -> None:
    with pytest.raises(WrongResult, match="not int32"):
        states_correct(data, found)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """In place of CUDA's graphs one that notes what Torch is asked for, without doing it, and does it when replayed."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    made: list[Any] = []

    class Graph:
        def __init__(self) -> None:
            self.noted: list[Any] = []
            self.replays = 0
            made.append(self)

        def replay(self) -> None:
            self.replays += 1
            for operation, arguments in self.noted:
                operation(*arguments)

    class Noting(TorchDispatchMode):
        def __init__(self, graph: Graph) -> None:
            super().__init__()
            self.graph = graph

        def __torch_dispatch__(self, operation: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
            assert not named
            self.graph.noted.append((operation, arguments))
            return arguments[0]

    @contextmanager
    def recording(graph: Graph) -> Iterator[None]:
        with Noting(graph):
            yield

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    launch.recorded.cache_clear()
    yield made
    launch.recorded.cache_clear()


@pytest.mark.parametrize(("steps", "replays"), [pytest.param(300, 0, marks=pytest.mark.slow), (1_000, 1), (2_500, 2)])
def test_a_recorded_graph_takes_every_step(data: States, graphs: list[Any], steps: int, replays: int) -> None:
    import torch

    some = replace(data, steps=steps)
    for again in (1, 2):
        run = Run("cpu")
        found = launch.recorded_graph(some, run, torch)
        assert states_correct(some, found) == 1.0
        assert list(run.stages) == ["record", "put", "step", "get"]
        assert run.parameters["calls"] == replays + steps % 1_000
        (graph,) = graphs  # recorded once
        assert (len(graph.noted), graph.replays) == (1_000, again * replays)
