"""Memory for results: its pages are there before the clock starts, and nothing of an earlier execution is left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from residency.datasets.tabular.table import Table
from residency.harness import Run, Task, outputs, quality
from residency.harness.dataset import generated
from residency.harness.execute import Execution, execute

ROWS = 100_000


@generated
def tiny(rows: int, seed: int) -> Table:
    """A table."""
    raise NotImplementedError


@pytest.fixture(autouse=True)
def nothing_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_asked", {})


@pytest.fixture
def data() -> Table:
    y = np.random.default_rng(1).standard_normal(ROWS).astype(np.float32)
    x = np.zeros((ROWS, 1), np.float32)
    return Table(x, y, x, y, ("a",))


def executor(function: Callable[..., Any], data: Table) -> Callable[..., Execution]:
    """Executes a function as the only implementation of a task, once the truth is in its hands."""
    task = Task(datasets=[tiny], sizes={"smoke": ROWS}, quality=quality.r2, tolerance=0.1, floor=0.5)
    task.on_cpu("numpy")(function)
    return lambda **options: execute(task, task.implementations[0], data, dataset="tiny", threads=3, **options)


def test_memory_is_new_at_first_and_then_holds_the_harness_s_pattern(data: Table) -> None:
    seen: list[list[np.ndarray]] = []

    def implementation(asked: Table, run: Run, np_: Any) -> np.ndarray:
        numbers, flags, counts = (run.output((ROWS,), kind) for kind in (np.float32, bool, np.int64))
        assert not any(np.shares_memory(numbers, other) for other in (flags, counts))
        seen.append([array.copy() for array in (numbers, flags, counts)])
        numbers[:], flags[:], counts[:] = data.y_test, False, 7
        return numbers

    again = executor(implementation, data)
    assert again(cold=True).ending.outcome == "ok"
    for options in ({}, {"calls": 3}, {"lead_in": True}):
        seen.clear()
        done = again(**options)
        assert (done.ending.outcome, done.quality) == ("ok", 1.0), done.ending.reason
        numbers, flags, counts = seen[-1 if "lead_in" in options else 0]
        assert np.isnan(numbers).all()
        assert flags.all()
        assert (counts == -1).all()


@pytest.mark.parametrize("options", [{}, {"lead_in": True}], ids=["after an execution", "after a lead-in"])
def test_a_result_that_was_left_there_is_wrong(data: Table, options: dict[str, Any]) -> None:
    calls = []

    def implementation(asked: Table, run: Run, np_: Any) -> np.ndarray:
        out = run.output((ROWS,), np.float32)
        calls.append(out)
        if len(calls) < 2 + len(options):  # the last one hopes to find the earlier one's answer
            out[:] = data.y_test
        return out

    again = executor(implementation, data)
    assert again(cold=True).ending.outcome == "ok"
    assert again(**options).ending.outcome in {"wrong", "failed"}


def test_between_executions_no_memory_is_held_and_another_shape_gets_new_memory(data: Table) -> None:
    import gc
    import weakref

    sizes, made = [ROWS, ROWS, ROWS // 2, ROWS], []

    def implementation(asked: Table, run: Run, np_: Any) -> np.ndarray:
        out = run.output((sizes.pop(0), 2), np.float32)
        made.append(weakref.ref(out))
        out[:] = data.y_test[: len(out), None]
        return np.resize(out[:, 0], ROWS) if len(out) < ROWS else out[:, 0].copy()

    again = executor(implementation, data)
    assert [again(cold=number == 0).ending.outcome for number in range(4)] == ["ok", "ok", "wrong", "ok"]
    gc.collect()
    assert [reference() for reference in made] == [None] * 4


def test_a_run_of_its_own_gives_new_memory_each_time() -> None:
    """As on a cluster's workers, where a result is sent away."""
    run = Run("cpu")
    first, second = run.output((3,), np.float32), run.output((3,), np.float32)
    assert not np.shares_memory(first, second)


def test_what_is_on_the_host_is_returned_and_what_is_on_a_gpu_is_copied_to_such_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def output(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        asked.append(np.empty(shape, dtype))
        return asked[-1]

    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert Run("cpu").to_host(array, out=output) is array
    assert not asked
    torch = pytest.importorskip("torch")
    assert np.shares_memory(Run("cpu").to_host(torch.from_numpy(array), out=output), array)
    assert not asked
    monkeypatch.delenv("RAPIDS_NO_INITIALIZE", raising=False)
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace())
    kind = type("ndarray", (), {"__module__": "cupy", "get": lambda value, out: np.copyto(out, value.memory)})
    there = kind()
    there.memory, there.shape, there.dtype = array, array.shape, array.dtype
    assert Run("gpu").to_host(there, out=output) is asked[0]
    assert (asked[0] == array).all()
