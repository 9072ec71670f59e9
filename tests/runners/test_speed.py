"""What a process like a worker's has loaded, as it is asked before a run."""

from __future__ import annotations

import pytest

from residency.harness.environment import FORCE_A_KERNEL, blas_of
from residency.runners.pools import loaded
from residency.runners.speed import environment_of_workers


@pytest.fixture(autouse=True)
def _unforced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FORCE_A_KERNEL:
        monkeypatch.delenv(name, raising=False)


def test_numpys_blas_is_told_as_a_worker_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")  # which no worker gets to see
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    found = environment_of_workers(1)
    assert found["variables"]["MALLOC_ARENA_MAX"] == "2"
    assert "OMP_NUM_THREADS" not in found["variables"]
    assert found["limits"]["OMP_NUM_THREADS"] == "1"
    assert found["own_kernel"] is None
    blas = blas_of(found)
    assert blas is not None
    assert blas["threads"] == 1
    assert blas["version"]
    assert not blas["file"].startswith("/")


def test_a_forced_kernel_is_told_beside_the_processors_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own = blas_of(environment_of_workers(1))
    if own is None or own["name"] != "openblas" or own["kernel"] in {None, "Prescott", "Katmai"}:
        pytest.skip("needs a NumPy with OpenBLAS on a processor newer than Prescott")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    found = environment_of_workers(1)
    forced = blas_of(found)
    assert forced is not None
    assert found["own_kernel"] == own["kernel"] != forced["kernel"]


def test_where_no_process_can_tell_nothing_is_told() -> None:
    assert environment_of_workers(1, ("a_module_nobody_has",))["pools"] == []


def test_what_this_process_has_loaded() -> None:
    pytest.importorskip("sklearn")
    found = loaded()
    assert {pool["kind"] for pool in found} >= {"blas"}
    assert all(pool["file"].count("/") >= 1 and not pool["file"].startswith("/") for pool in found)
