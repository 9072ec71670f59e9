"""What a device is told before it is used: on a stand-in for cuDF's allocator."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from residency.harness import device


@pytest.fixture
def allocator(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for RMM on a device with pools."""
    state = SimpleNamespace(set=[], pools=True)

    def pool() -> str:
        if not state.pools:
            raise RuntimeError("cudaMallocAsync not supported with this CUDA driver/runtime version")
        return "pool"

    mr: Any = SimpleNamespace(CudaAsyncMemoryResource=pool, set_current_device_resource=state.set.append)
    monkeypatch.setitem(sys.modules, "rmm", SimpleNamespace(mr=mr))
    monkeypatch.delenv("RAPIDS_NO_INITIALIZE", raising=False)
    return state


def test_cudf_takes_memory_from_cudas_pool(allocator: SimpleNamespace) -> None:
    assert device.pool_memory("gpu")
    assert allocator.set == ["pool"]


def test_where_there_are_no_pools_cudf_keeps_its_own_way(allocator: SimpleNamespace) -> None:
    allocator.pools = False
    assert not device.pool_memory("gpu")
    assert allocator.set == []


def test_nothing_is_touched_where_no_gpu_is_to_be(allocator: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not device.pool_memory("cpu")
    monkeypatch.setenv("RAPIDS_NO_INITIALIZE", "1")
    assert not device.pool_memory("gpu")
    monkeypatch.delitem(sys.modules, "rmm")
    assert not device.pool_memory("gpu")
    assert allocator.set == []


STARTED = """
import jax
from jax._src import xla_bridge
from residency.harness import device
device.synchronise("gpu")
before = xla_bridge.backends_are_initialized()
jax.numpy.arange(3)
device.synchronise("gpu")
print(before, xla_bridge.backends_are_initialized())
"""


@pytest.mark.slow
def test_waiting_for_jax_does_not_make_it_look_for_a_gpu() -> None:
    """An implementation that imported JAX and computed with something else has not touched the GPU."""
    pytest.importorskip("jax")
    done = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr
