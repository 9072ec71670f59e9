"""One pool of a GPU's memory for all libraries of a process: the CUDA driver's own.

Without this module, each library has its own way. RMM, the allocator of cuDF and cuML, asks the driver for the memory
of every array and returns it at once, and so does XGBoost; that takes longer than many kernels and may wait for the
device. CuPy and Torch keep what is freed in pools of their own, where no other library can use it. The driver has a
pool of its own for each GPU, its default pool (`cudaMallocAsync`):

    RMM       gets a view of that pool. RMM's own asynchronous resource would make another one
    CuPy      asks RMM if it is loaded, else the driver. Importing cuDF or cuML makes CuPy ask RMM, so both orders of
              imports end alike; and if cuDF moves data to the host when memory runs out, that also helps CuPy
    XGBoost   `use_cuda_async_pool` (since 3.2) or, if it is built with RMM, `use_rmm`. Both hold for the calling
              thread; XGBoost's Dask interface passes them on to the workers
    Torch     reads its environment when it is loaded, so whoever starts a process sets it (`runners/process.py`). On a
              GPU without a pool, as some shares of one are (vGPU), Torch would then fail: `leave_torch_its_pool`
    others    JAX keeps what it has freed, LightGBM, FAISS and Numba ask the driver. The record names them

The driver gives back what is freed at the next synchronisation, unless the pool has a release threshold. It is set to
keep everything, once there is a CUDA context. Nothing here makes one, except RMM's view: a library that computes on the
CPU must not look as if it had used the GPU.

Not yet seen on a real GPU: written from the libraries' sources (CuPy 14.2, RMM 26.10, XGBoost 3.2, Torch 2.13), and
tested with stand-ins for them.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from residency.harness import driver

TORCH = {"PYTORCH_ALLOC_CONF": "backend:cudaMallocAsync"}  # the environment by which Torch 2.9 and later use the pool
NAMES = {  # libraries that take memory on a GPU, by their modules
    "rmm": "RMM",
    "cupy": "CuPy",
    "xgboost": "XGBoost",
    "torch": "Torch",
    "jax": "JAX",
    "lightgbm": "LightGBM",
    "faiss": "FAISS",
    "numba.cuda": "Numba",
}
REROUTE = ("cudf", "cuml")  # importing them changes where CuPy takes memory from
POOL, BY_RMM, OWN = "CUDA's pool", "CUDA's pool through RMM", "its own way"
POOLS_SUPPORTED, RELEASE_THRESHOLD, KEEP_ALL = 115, 4, 2**64 - 1  # the driver's numbers

_met: tuple[bool, ...] = ()  # which modules were loaded at the last look
_sources: dict[str, str] = {}  # what each library of `NAMES` takes memory from, if it is loaded
_kept = False  # whether the pool keeps what is freed


def share() -> None:
    """Let the libraries that are loaded take memory from the pool. Called again, it looks only for new ones."""
    global _met, _kept  # noqa: PLW0603 (properties of the process)
    met = tuple(name in sys.modules for name in (*NAMES, *REROUTE))
    if met != _met:
        _met = met
        _share_all()
    if _sources and not _kept and driver.has_context() is not False:  # before that, there is nothing to keep
        _kept = _keep_all()


def _share_all() -> None:
    here = [name for name in ("rmm", "cupy", "xgboost") if name in sys.modules]
    if not here:
        return
    if not is_supported():
        leave_torch_its_pool()
        return
    if "rmm" in here and "rmm" not in _sources:
        _sources["rmm"] = _unless_refused(_share_rmm, sys.modules["rmm"])
    if "cupy" in here:
        _sources["cupy"] = _unless_refused(_share_cupy, sys.modules["cupy"])
    if "xgboost" in here:
        _sources["xgboost"] = _unless_refused(_share_xgboost, sys.modules["xgboost"])


def _unless_refused(share: Callable[[Any], str], library: Any) -> str:
    """What a library takes memory from; one that refuses, as XGBoost does if its CUDA is too new, keeps its own."""
    try:
        return share(library)
    except (RuntimeError, ValueError):
        return OWN


def leave_torch_its_pool() -> None:
    """Let Torch use its own pool if the GPU has none; ask before Torch is loaded. This initialises the driver."""
    ours = [name for name, value in TORCH.items() if os.environ.get(name) == value]
    if ours and not is_supported():
        for name in ours:
            del os.environ[name]


def told() -> str:
    """What each library that may have used the GPU takes memory from, in words; empty if there is none."""
    by_source: dict[str, list[str]] = {}
    for module, name in NAMES.items():
        if (source := _source(module)) is not None:
            by_source.setdefault(source, []).append(name)
    return "; ".join(f"{', '.join(names)}: {source}" for source, names in by_source.items())


def _source(module: str) -> str | None:
    """What a library takes memory from; None if it is not loaded or has no say."""
    library = sys.modules.get(module)
    if library is None or (module == "numba.cuda" and "rmm" in sys.modules):  # importing cuDF makes Numba ask RMM
        return None
    if module != "torch":
        return _sources.get(module, OWN)
    if not library.cuda.is_initialized():
        return None
    return OWN if library.cuda.get_allocator_backend() == "native" else POOL


def _share_rmm(rmm: Any) -> str:
    """Replace RMM's first resource; one that somebody has chosen stays."""
    current = rmm.mr.get_current_device_resource()
    if type(current) is not rmm.mr.CudaMemoryResource:
        return f"RMM's {type(current).__name__}"
    runtime = importlib.import_module("cuda.bindings.runtime")  # RMM has loaded it
    status, number = runtime.cudaGetDevice()
    if not status:
        status, pool = runtime.cudaDeviceGetDefaultMemPool(number)
    if status:
        return OWN
    rmm.mr.set_current_device_resource(rmm.mr.CudaAsyncViewMemoryResource(pool))
    return POOL


def _share_cupy(cupy: Any) -> str:
    """Through RMM, if that is loaded, as cuDF and cuML would have it."""
    if "rmm" not in sys.modules:
        cupy.cuda.set_allocator(cupy.cuda.malloc_async)
        return POOL
    cupy.cuda.set_allocator(importlib.import_module("rmm.allocators.cupy").rmm_cupy_allocator)
    return BY_RMM if _sources["rmm"] == POOL else _sources["rmm"]


def _share_xgboost(xgboost: Any) -> str:
    """By its global configuration, which a build without CUDA refuses."""
    build = xgboost.build_info()
    if not build.get("USE_CUDA"):
        return OWN
    if build.get("USE_RMM"):
        if (source := _sources.get("rmm", OWN)) == OWN:
            return OWN
        xgboost.set_config(use_rmm=True)
        return BY_RMM if source == POOL else source
    if "use_cuda_async_pool" not in xgboost.get_config():
        return OWN
    xgboost.set_config(use_cuda_async_pool=True)
    return POOL


def is_supported() -> bool:
    """Whether the first GPU that this process may see has pools. This initialises the driver, without a context."""
    cuda = _driver()
    device, supported = ctypes.c_int(), ctypes.c_int()
    try:
        return bool(
            cuda is not None
            and cuda.cuInit(0) == driver.SUCCESS
            and cuda.cuDeviceGet(ctypes.byref(device), 0) == driver.SUCCESS
            and cuda.cuDeviceGetAttribute(ctypes.byref(supported), POOLS_SUPPORTED, device) == driver.SUCCESS
            and supported.value
        )
    except AttributeError:
        return False  # a driver from before the pools


def _keep_all() -> bool:
    """Set the threshold of the first GPU's pool; False if the driver refuses, as it may without a context."""
    cuda = _driver()
    device, pool, threshold = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_uint64(KEEP_ALL)
    return bool(
        cuda is not None
        and cuda.cuDeviceGet(ctypes.byref(device), 0) == driver.SUCCESS
        and cuda.cuDeviceGetDefaultMemPool(ctypes.byref(pool), device) == driver.SUCCESS
        and cuda.cuMemPoolSetAttribute(pool, RELEASE_THRESHOLD, ctypes.byref(threshold)) == driver.SUCCESS
    )


def _driver() -> Any:
    try:
        return ctypes.CDLL(driver.LIBRARY)
    except OSError:
        return None
