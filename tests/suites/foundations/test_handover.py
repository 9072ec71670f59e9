"""Hand-overs: who shares memory with whom on a CPU, and that a copy is never taken for sharing."""

from __future__ import annotations

import importlib
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness import Run
from residency.harness.errors import Unavailable, WrongResult
from residency.harness.execute import execute
from residency.suites.foundations import handover
from residency.suites.foundations._laps import lap
from residency.suites.foundations.handover import ADDRESS, ALIGNED, CHAINS, COMPARED, TAKE, aligned, kept, task

HOPS = ["numpy_to_torch", "torch_to_jax", "jax_to_numpy", "numpy_to_pandas", "pandas_to_numpy"]
HOPS += ["numpy_to_pyarrow", "pyarrow_to_numpy"]
(BY_ADDRESS,) = [one for one in task.implementations if one.device == "cpu"]


@pytest.fixture(scope="module")
def data(make: Callable[..., Any]) -> Numbers:
    return make(numbers, 10_000)


@pytest.fixture(autouse=True)
def nobody_met() -> None:
    handover.libraries.cache_clear()


@pytest.fixture
def table(data: Numbers) -> dict[str, Any]:
    return handover.by_address(data, Run("cpu"), np)


def test_on_a_cpu_all_share_what_is_aligned(data: Numbers) -> None:
    before = data.values.copy()
    done = execute(task, BY_ADDRESS, data, dataset="numbers")
    assert (done.ending.outcome, done.quality) == ("ok", 1.0), (done.ending.reason, done.figures)
    assert done.parameters == {"chain": list(CHAINS["cpu"]), "left_out": []}
    assert [done.figures[hop] for hop in HOPS] == [1.0] * len(HOPS)
    assert done.figures["unaligned_numpy_to_jax"] == 0.0
    assert set(done.figures) == {*HOPS, "unaligned_numpy_to_jax", "microseconds_per_handover", "microseconds_per_copy"}
    assert (data.values == before).all()


def test_the_table_says_who_gave_what_to_whom(data: Numbers, table: dict[str, Any]) -> None:
    hops = [f"{giver}_to_{taker}" for giver, taker in zip(table["giver"], table["taker"], strict=True)]
    assert hops == HOPS
    assert len(set(table["before"]) | set(table["after"])) == 1
    assert table["before"][0] % ALIGNED == 0
    assert (table["length"] == 10_000).all()
    assert table["numbers"].shape == (len(HOPS), COMPARED)
    assert kept(data, table) == 1.0


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table["after"].__setitem__(2, table["after"][2] + np.uint64(64)),
        lambda table: table["numbers"].__setitem__((2, 17), 0.5),
        lambda table: table["length"].__setitem__(2, 9_999),
    ],
    ids=["another address", "another number", "another length"],
)
def test_one_hand_over_that_does_not_keep_the_array_is_seen(data: Numbers, table: dict[str, Any], change: Any) -> None:
    change(table)
    quality = kept(data, table)
    assert quality == pytest.approx(1.0 - 1.0 / len(HOPS))
    assert not task.quality.beyond(quality, task.floor)


def test_nothing_handed_over_is_no_success(data: Numbers) -> None:
    nothing = {name: np.empty(0) for name in ("giver", "taker", "before", "after", "length")}
    with pytest.raises(WrongResult, match="nothing was handed over"):
        kept(data, {**nothing, "numbers": np.empty((0, COMPARED), np.float32)})


@pytest.mark.parametrize("name", ["torch", "pandas", "pyarrow", "jax"])
def test_a_copy_is_seen_as_one(data: Numbers, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    share = TAKE[name]
    copying = {**TAKE, name: lambda library, array: share(library, aligned(np.asarray(array)))}
    monkeypatch.setattr(handover, "TAKE", copying)
    done = execute(task, BY_ADDRESS, data, dataset="numbers")
    assert done.ending.outcome == "wrong"
    assert done.quality == pytest.approx(1.0 - 1.0 / len(HOPS))
    assert [hop for hop in HOPS if not done.figures[hop]] == [hop for hop in HOPS if hop.endswith(f"_to_{name}")]


def test_the_copy_beside_the_hand_overs_takes_no_new_memory(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be the time of the system's page faults, many times that of a copy."""
    taken = {}

    @contextmanager
    def watched(run: Run, stage: str) -> Iterator[Any]:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with lap(run, stage) as made:
            yield made
        taken[stage] = tracemalloc.get_traced_memory()[1] - before

    monkeypatch.setattr(handover, "is_installed", lambda name: name in {"numpy", "pandas"})
    monkeypatch.setattr(handover, "lap", watched)
    tracemalloc.start()
    try:
        table = handover.by_address(data, Run("cpu"), np)
    finally:
        tracemalloc.stop()
    assert kept(data, table) == 1.0
    assert taken["copy"] < data.values.nbytes / 2


def test_what_shares_memory_sees_what_is_written(data: Numbers) -> None:
    first = aligned(data.values)
    array = first
    for name in CHAINS["cpu"][1:]:
        array = TAKE[name](importlib.import_module(name), array)
    assert ADDRESS["numpy"](array) == ADDRESS["numpy"](first)
    first[3] = 7.0
    assert array[3] == 7.0


def test_pandas_copies_unless_told_not_to(data: Numbers) -> None:
    import pandas

    first = aligned(data.values)
    assert ADDRESS["pandas"](pandas.Series(first)) != ADDRESS["numpy"](first)
    assert ADDRESS["pandas"](TAKE["pandas"](pandas, first)) == ADDRESS["numpy"](first)


def test_who_is_missing_is_left_out_and_named(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "is_installed", lambda name: name not in {"torch", "jax"})
    done = execute(task, BY_ADDRESS, data, dataset="numbers")
    assert (done.ending.outcome, done.quality) == ("ok", 1.0)
    assert done.parameters["chain"] == ["numpy", "pandas", "numpy", "pyarrow", "numpy"]
    assert done.parameters["left_out"] == ["jax", "torch"]
    assert not any("jax" in figure for figure in done.figures)


def test_who_does_not_fit_the_others_here_keeps_nobody_from_handing_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_library_too_old.py").write_text("raise ImportError('needs another NumPy')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(handover.libraries(("numpy", "a_library_too_old", "pandas"), "cpu")) == ["numpy", "pandas"]


def test_where_nobody_else_is_it_is_unavailable(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "is_installed", lambda name: name == "numpy")
    with pytest.raises(Unavailable, match=r"\[foundations\]"):
        handover.by_address(data, Run("cpu"), np)
    assert execute(task, BY_ADDRESS, data, dataset="numbers").ending.outcome == "unavailable"


def test_who_finds_no_gpu_takes_no_part_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "is_installed", lambda name: name in {"torch", "jax"})
    assert handover.libraries(CHAINS["gpu"], "gpu") == {}
    assert set(handover.libraries(CHAINS["cpu"], "cpu")) == {"torch", "jax"}


@pytest.mark.parametrize("off", [0, 4, 60])
def test_memory_lies_where_it_is_asked_to(data: Numbers, off: int) -> None:
    copy = aligned(data.values, off)
    assert ADDRESS["numpy"](copy) % ALIGNED == off
    assert (copy == data.values).all()
    assert not np.shares_memory(copy, data.values)
