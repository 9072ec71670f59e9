"""Who takes part when an array is handed over, where it lies in memory, and how to have it lie well."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.libraries import is_installed

ALIGNED = 64  # bytes: what JAX asks of memory on a CPU

ADDRESS: Mapping[str, Callable[[Any], int]] = {
    "numpy": lambda array: array.ctypes.data,
    "cupy": lambda array: array.data.ptr,
    "torch": lambda tensor: tensor.data_ptr(),
    "jax": lambda array: array.unsafe_buffer_pointer(),
    "pandas": lambda series: series.to_numpy().ctypes.data,
    "pyarrow": lambda array: array.buffers()[1].address,
    "numba.cuda": lambda array: array.__cuda_array_interface__["data"][0],
    "cudf": lambda series: series.__cuda_array_interface__["data"][0],
}


@functools.cache
def libraries(names: Sequence[str], device: str) -> dict[str, Any]:
    """The modules of these that are installed, can be imported and can use the device, by name."""
    found = {}
    for name in filter(is_installed, dict.fromkeys(names)):
        with suppress(ImportError):  # one that does not fit the others here must not keep them from handing over
            found[name] = importlib.import_module(name)
    if device == "gpu" and "torch" in found and not found["torch"].cuda.is_available():
        del found["torch"]
    if device == "gpu" and "jax" in found and not any(one.platform == "gpu" for one in found["jax"].devices()):
        del found["jax"]
    return found


def aligned(values: NDArray[np.float32], off: int = 0) -> NDArray[np.float32]:
    """A copy that begins at a multiple of ALIGNED bytes, or `off` bytes after one."""
    room = np.empty(values.nbytes + 2 * ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED + off
    copy = room[start : start + values.nbytes].view(np.float32)
    copy[:] = values
    return copy
