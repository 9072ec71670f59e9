"""Waiting for a device: it must not make a library look for one."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
