"""The device an implementation runs on: its array library, and how to wait for all its work.

Only frameworks that are already imported are used, and none is imported here: a framework that an implementation did
not load cannot have work pending. One whole-device synchronisation covers every stream of every framework in the
process.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from typing import Any

import numpy as np

from residency.harness import driver
from residency.harness.errors import WrongResult

_emulated = False  # whether the processor stands in for the GPU, in a process that rehearses


def emulate() -> None:
    """Let the CPU stand in for the GPU in this process, for code that has a back end for both."""
    global _emulated  # noqa: PLW0603 (a property of the process, set once)
    _emulated = True


def _on_processor(device: str) -> bool:
    return device == "cpu" or _emulated


def synchronise(device: str) -> None:
    """Return when no work is pending: JAX's arrays on any device, and on a GPU every stream.

    JAX dispatches to threads of its own even on a CPU, and computations not yet handed to the driver are invisible to
    a device-wide wait, so its live arrays are waited for one by one; and, since a computation whose result was dropped
    has no array, so is one small step after it on every device. The step is under way while the arrays are waited for.

    Without a CUDA context nothing is pending on a GPU, nor in JAX if it has not yet looked for its devices. Waiting
    would create a context, and an implementation that never used the GPU would look as if it had.
    """
    if (jax := sys.modules.get("jax")) is not None and _has_started(jax):
        step, zeros = _one_step(jax)
        after = [step(zero) for zero in zeros]
        jax.block_until_ready([*jax.live_arrays(), *after])
    if _on_processor(device) or driver.has_context() is False:
        return
    if (torch := sys.modules.get("torch")) is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()
    if (cupy := sys.modules.get("cupy")) is not None:
        cupy.cuda.runtime.deviceSynchronize()
    elif (numba_cuda := sys.modules.get("numba.cuda")) is not None:
        numba_cuda.synchronize()


def _has_started(jax: Any) -> bool:
    """Whether JAX has looked for its devices, which creates a CUDA context on a machine with a GPU.

    Only a private module of JAX tells it; if that module is gone, JAX counts as started.
    """
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "backends_are_initialized", lambda: True)())


@functools.cache
def _one_step(jax: Any) -> tuple[Any, list[Any]]:
    """A compiled step and a number on every device to take it with."""
    return jax.jit(lambda value: value + 1), [jax.device_put(0.0, one) for one in jax.local_devices()]


def pool_memory(device: str) -> bool:
    """Let cuDF and cuML take memory from CUDA's pool, if their allocator (RMM) is loaded; return whether it is.

    By default RMM asks the driver for every array and gives it back at once, which takes longer than many kernels and
    may wait for the device. Torch, JAX and CuPy have pools of their own. Nothing is done in a process that is told not
    to touch a GPU (`RAPIDS_NO_INITIALIZE`).
    """
    rmm = sys.modules.get("rmm")
    if rmm is None or _on_processor(device) or "RAPIDS_NO_INITIALIZE" in os.environ:
        return False
    try:
        rmm.mr.set_current_device_resource(rmm.mr.CudaAsyncMemoryResource())
    except RuntimeError:  # a device or a driver without pools, as some virtual ones are
        return False
    return True


def array_library(device: str) -> Any:
    """NumPy on the CPU, CuPy on the GPU."""
    return np if _on_processor(device) else importlib.import_module("cupy")


def place(array: Any, device: str, into: Any = None) -> Any:
    """An array on the device, of NumPy or CuPy, or of the framework whose module is given (Torch, JAX).

    Nothing is copied if it is already there; Torch may then share its memory with the host's array.
    """
    name = into.__name__.partition(".")[0] if into is not None else ""
    if name == "torch":
        torch = importlib.import_module("torch")
        return torch.from_numpy(np.ascontiguousarray(array)).to(torch_device(device))
    if name == "jax":
        jax = importlib.import_module("jax")
        return jax.device_put(array, jax.devices("cpu" if _on_processor(device) else "gpu")[0])
    return array_library(device).asarray(array)


def torch_device(device: str) -> str:
    """Torch's name of the device."""
    return "cpu" if _on_processor(device) else "cuda"


def refuse_lazy(value: Any) -> None:
    """Raise `WrongResult` for what is not yet computed: Dask's collections, Polars' lazy frames, DuckDB's relations."""
    kind = f"{type(value).__module__}.{type(value).__name__}"
    if hasattr(value, "compute") or hasattr(value, "collect") or kind.endswith("DuckDBPyRelation"):
        raise WrongResult(f"{kind} is lazy: compute it inside a stage")


def to_host_into(value: Any, out: Any) -> Any:
    """Copy an array of any framework into a NumPy array of its shape and type, without another copy between; `out`."""
    if hasattr(value, "detach"):
        importlib.import_module("torch").from_numpy(out).copy_(value.detach())
    elif type(value).__module__.startswith("cupy"):
        value.get(out=out)
    else:
        out[...] = to_host(value)
    return out


def to_host(value: Any) -> Any:
    """A NumPy array of any framework's array; a dict of columns of any framework's data frame.

    Raises `WrongResult` for a result that is not yet computed (Dask, Polars' lazy frames) or is not data.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (float, int, np.generic)):
        return np.asarray(value)
    if isinstance(value, dict):
        return {name: to_host(entry) for name, entry in value.items()}
    refuse_lazy(value)
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        return {str(name): to_host(value[name]) for name in value.columns}
    if hasattr(value, "detach"):  # a Torch tensor
        return value.detach().cpu().numpy()
    if type(value).__module__.startswith("cupy"):
        return value.get()
    if hasattr(value, "to_numpy"):  # a column of pandas, cuDF, Polars or Arrow
        return np.asarray(value.to_numpy())
    if hasattr(value, "__array__"):
        return np.asarray(value)
    raise WrongResult(f"a result must be arrays or columns, not {type(value).__name__}")
