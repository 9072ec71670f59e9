"""Stages account for the time, and results must be finished data on the host."""

from __future__ import annotations

import importlib
from time import sleep

import numpy as np
import pandas as pd
import polars as pl
import pytest

from residency.harness.errors import WrongResult
from residency.harness.run import Run, check_result, stage_kind
from residency.harness.task import Device


def test_a_stage_opened_again_adds_up() -> None:
    run = Run(device="cpu")
    for _ in range(3):
        with run.stage("fit"):
            sleep(0.01)
    assert list(run.stages) == ["fit"]
    assert 0.03 <= run.stages["fit"] < 0.2


@pytest.mark.parametrize(("device", "lanes"), [("cpu", 16), ("gpu", 2)])
def test_a_worker_with_a_gpu_is_one_lane(device: Device, lanes: int) -> None:
    assert Run(device, threads=8, workers=2).lanes == lanes


@pytest.mark.parametrize("library", ["numpy", "torch", "jax.numpy"])
def test_arrays_are_copied_to_where_they_are_wanted(library: str) -> None:
    module = importlib.import_module(library)
    place = np.zeros((4, 3), np.float32)
    value = module.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    returned = Run("cpu").to_host(value, out=place[1:3])
    assert np.shares_memory(returned, place)
    assert place.tolist() == [[0, 0, 0], [0, 1, 2], [3, 4, 5], [0, 0, 0]]


def test_stages_do_not_nest() -> None:
    run = Run(device="cpu")
    with (
        pytest.raises(RuntimeError, match="`predict` opened inside stage `fit`"),
        run.stage("fit"),
        run.stage("predict"),
    ):
        pass
    with run.stage("predict"):
        pass
    assert list(run.stages) == ["predict"]


def test_kinds_follow_the_names() -> None:
    kinds = [stage_kind(name) for name in ("import", "load", "put", "get", "fit", "whatever")]
    assert kinds == ["start", "io", "transfer", "transfer", "compute", "compute"]


def test_arguments_of_one_side_only() -> None:
    assert Run(device="cpu").only(cpu={"n_jobs": -1}, gpu={"output_type": "cupy"}) == {"n_jobs": -1}
    assert Run(device="gpu").only(cpu={"n_jobs": -1}) == {}


def test_effective_parameters_are_plain() -> None:
    class Model:
        def get_params(self, deep: bool = True):
            return {"alpha": np.float32(0.5), "init": np.zeros((2, 3)), "missing": float("nan"), "names": ["a"]}

    run = Run(device="cpu")
    model = Model()
    assert run.effective(model, dtype="float32") is model
    assert run.parameters == {
        "alpha": 0.5, "init": "array float64 (2, 3)", "missing": "nan", "names": ["a"], "dtype": "float32",
    }  # fmt: skip


def test_frames_and_columns_come_to_the_host() -> None:
    run = Run(device="cpu")
    for frame in (pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]})):
        host = run.to_host(frame)
        assert list(host) == ["a"]
        check_result(host)
        np.testing.assert_array_equal(host["a"], [1, 2])


@pytest.mark.parametrize("lazy", [pl.LazyFrame({"a": [1]}), type("Graph", (), {"compute": None})()])
def test_what_is_not_computed_is_refused(lazy) -> None:
    with pytest.raises(WrongResult, match="lazy"):
        Run(device="cpu").to_host(lazy)


@pytest.mark.parametrize("result", [3.0, [1, 2], pd.Series([1]), np.ma.masked_array([1.0]), {"a": [1]}, None])
def test_only_exact_arrays_pass(result) -> None:
    with pytest.raises(WrongResult, match="must be NumPy arrays"):
        check_result(result)


class Client:
    """A cluster's client that computes at once, and notes where it was asked to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []

    def map(self, function, *lists, pure: bool, **same):
        assert not pure
        return [function(*own, **same) for own in zip(*lists, strict=True)]

    def submit(self, function, *own, workers: list[str], allow_other_workers: bool, pure: bool, **same):
        assert not pure
        self.asked.append({"workers": workers, "movable": allow_other_workers})
        return function(*own, **same)


def test_entries_go_to_workers_in_order_and_some_to_a_worker_of_their_own() -> None:
    client = Client()
    run = Run("cpu", threads=2, workers=2, client=client)
    assert run.on_workers(pow, [2, 3], [4, 5], mod=7) == [2, 5]
    assert client.asked == []
    assert run.on_workers(pow, [2, 3], [4, 5], at=["a", "b"], mod=7) == [2, 5]
    assert run.on_workers(len, ["abc"], at=["b"], movable=False) == [3]
    assert client.asked == [
        {"workers": ["a"], "movable": True},
        {"workers": ["b"], "movable": True},
        {"workers": ["b"], "movable": False},
    ]


@pytest.mark.parametrize(("device", "threads"), [("cpu", 1), ("gpu", 8)])
def test_an_implementation_for_a_single_process_works_on_a_part(device: Device, threads: int) -> None:
    def implementation(data, run, library):
        run.effective(threads=run.threads, seed=run.seed)
        run.observe(rows=len(data))
        return library.sqrt(data)

    run = Run(device, threads=8, seed=3, workers=2, client=Client())
    shares = run.on_workers(run.alone(implementation, np), [np.array([4.0, 9.0]), np.array([16.0])])
    assert [share.result.tolist() for share in shares] == [[2.0, 3.0], [4.0]]
    assert [share.parameters for share in shares] == [{"threads": threads, "seed": 3}] * 2
    assert [share.figures for share in shares] == [{"rows": 2.0}, {"rows": 1.0}]
    assert run.parameters == {}
