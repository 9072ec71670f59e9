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
from collections.abc import Callable
from typing import Any

import numpy as np

from residency.harness import driver, memory_pool, transfer
from residency.harness.errors import WrongResult

_emulated = False  # whether the processor stands in for the GPU, in a process that rehearses


def emulate() -> None:
    """Let the CPU stand in for the GPU in this process, for code that has a back end for both."""
    global _emulated  # noqa: PLW0603 (a property of the process, set once)
    _emulated = True


def _on_processor(device: str) -> bool:
    return device == "cpu" or _emulated


def _is_real_gpu(device: str) -> bool:
    """Whether libraries may touch a GPU: not where the processor stands in for it, nor where RAPIDS must not."""
    return not _on_processor(device) and "RAPIDS_NO_INITIALIZE" not in os.environ


def synchronise(device: str) -> None:
    """Return when no work is pending: JAX's arrays on any device, and on a GPU every stream.

    JAX dispatches to its own threads even on a CPU, and a device-wide wait does not see computations that JAX has not
    yet handed to the driver. So we wait for each of its live arrays. A computation whose result was dropped has no
    array, so we also wait for one small step on every device, which starts before the wait for the arrays.

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
    share_memory(device)  # an implementation may have imported another library meanwhile


def _has_started(jax: Any) -> bool:
    """Whether JAX has looked for its devices, which creates a CUDA context on a machine with a GPU.

    Only a private module of JAX tells it; if that module is gone, JAX counts as started.
    """
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "backends_are_initialized", lambda: True)())


@functools.cache
def _one_step(jax: Any) -> tuple[Any, list[Any]]:
    """A compiled step, and a number on every device as its argument."""
    return jax.jit(lambda value: value + 1), [jax.device_put(0.0, device) for device in jax.local_devices()]


def share_memory(device: str) -> None:
    """Let the GPU libraries that are loaded take memory from CUDA's pool (`memory_pool`), on a real GPU."""
    if _is_real_gpu(device):
        memory_pool.share()


def leave_torch_its_pool(device: str) -> None:
    """Before Torch is loaded: let it use its own pool of memory if the real GPU has none (`memory_pool`)."""
    if _is_real_gpu(device):
        memory_pool.leave_torch_its_pool()


def told(device: str) -> dict[str, str]:
    """For the record: where GPU libraries take memory from, and how large arrays travelled. Nothing on a CPU."""
    if not _is_real_gpu(device):
        return {}
    return {name: text for name, text in {"memory": memory_pool.told(), "transfer": transfer.told()}.items() if text}


def array_library(device: str) -> Any:
    """NumPy on the CPU, CuPy on the GPU."""
    return np if _on_processor(device) else importlib.import_module("cupy")


def place(array: Any, device: str, into: Any = None, threads: int = 0) -> Any:
    """The array on the device, as an array of NumPy or CuPy, or of the framework whose module is given (Torch, JAX).

    If it is already there, nothing is copied; Torch may then share memory with the host's array. With `threads`, a
    large array goes to a GPU through pinned buffers, which so many threads fill.
    """
    name = into.__name__.partition(".")[0] if into is not None else ""
    if threads and _is_real_gpu(device) and transfer.is_large(array):
        moved = transfer.put(array, name or array_library(device).__name__, threads)
        if moved is not None:
            return moved
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


def to_host_into(value: Any, out: Any, threads: int = 0) -> Any:
    """Copy any framework's array into `out`, a NumPy array of its shape and type, in one step; returns `out`."""
    if threads and (library := _library_on_gpu(value)) and transfer.get(value, library, threads, out) is not None:
        return out
    if hasattr(value, "detach"):
        importlib.import_module("torch").from_numpy(out).copy_(value.detach())
    elif type(value).__module__.startswith("cupy"):
        value.get(out=out)
    else:
        out[...] = to_host(value)
    return out


def _library_on_gpu(value: Any) -> str | None:
    """The library of an array that is on one real GPU: CuPy, Torch or JAX."""
    library = type(value).__module__.partition(".")[0].replace("jaxlib", "jax")
    if library not in transfer.LIBRARIES or not hasattr(value, "dtype") or not _is_real_gpu("gpu"):
        return None
    if library == "torch" and not value.is_cuda:
        return None
    if library == "jax" and [device.platform for device in value.devices()] != ["gpu"]:
        return None  # no other library takes over what is spread over several
    return library


def to_host(value: Any, threads: int = 0, room: Callable[..., Any] | None = None) -> Any:
    """A NumPy array of any framework's array; a dict of columns of any framework's data frame.

    With `threads`, a large array comes from a GPU through pinned buffers, which so many threads empty; `room` is asked
    for memory of its shape and type.

    Raises `WrongResult` for a result that is not yet computed (Dask, Polars' lazy frames) or is not data.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (float, int, np.generic)):
        return np.asarray(value)
    if isinstance(value, dict):
        return {name: to_host(entry, threads) for name, entry in value.items()}
    refuse_lazy(value)
    if hasattr(value, "columns") and hasattr(value, "__getitem__"):
        return {str(name): to_host(value[name], threads) for name in value.columns}
    if threads and (library := _library_on_gpu(value)):
        out = transfer.room_for(value, room)
        moved = transfer.get(value, library, threads, out)
        if moved is not None or out is not None:
            return moved if moved is not None else to_host_into(value, out)
    if hasattr(value, "detach"):  # a Torch tensor
        return value.detach().cpu().numpy()
    if type(value).__module__.startswith("cupy"):
        return value.get()
    if hasattr(value, "to_numpy"):  # a column of pandas, cuDF, Polars or Arrow
        return np.asarray(value.to_numpy())
    if hasattr(value, "__array__"):
        return np.asarray(value)
    raise WrongResult(f"a result must be arrays or columns, not {type(value).__name__}")
