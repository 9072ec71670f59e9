"""One array passed from library to library: which share its memory, and which make a copy?

Question  What does it cost to continue with an array in another library?
Expect    Nothing, if both support the same protocol. DLPack is a structure in C: an address, a shape, a type, a device,
          and who frees it; the CUDA array interface is the same as a Python dictionary. What is handed over is the
          address: one microsecond to fifty, whatever the size. A copy of 4 MB (`smoke`) takes a CPU a millisecond and a
          GPU four microseconds, of 1 GB (`lecture`) 0.2 s and 0.7 ms; by way of the host's memory, as by `.get()` or
          `.cpu()`, it takes a GPU 80 ms, there and back. Libraries that share memory also share changes: what one
          writes, the other reads. JAX arrays never change, so JAX trusts that nobody writes to them.
          Some libraries copy silently if the memory does not suit them. JAX on a CPU shares only an array that begins
          at a multiple of 64 bytes. NumPy promises a multiple of 16, so the array is aligned here, and an array that is
          not aligned is shown beside it. pandas copies unless told not to.

Each hand-over is a figure: 1 if the address stayed the same, 0 if a copy was made. Only the first 4,096 numbers are
compared, because what lies at the same address is the same. Libraries that are not here, cannot be imported or find no
such device are left out and named.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import groupby, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.foundations.numbers import Numbers, numbers
from residency.harness import Memory, Run, Task
from residency.harness.errors import Unavailable, WrongResult
from residency.harness.libraries import how_to_install, is_installed
from residency.harness.quality import metric
from residency.suites.foundations._laps import lap

COMPARED = 4_096  # numbers
ALIGNED = 64  # bytes: what JAX asks of memory on a CPU
CHAINS = {
    "cpu": ("numpy", "torch", "jax", "numpy", "pandas", "numpy", "pyarrow", "numpy"),
    "gpu": ("cupy", "torch", "jax", "cupy", "numba.cuda", "cupy", "cudf", "cupy"),
}
TAKE: Mapping[str, Callable[[Any, Any], Any]] = {  # how a library takes an array of another one
    "numpy": lambda numpy, array: (numpy.from_dlpack if hasattr(array, "__dlpack__") else numpy.asarray)(array),
    "cupy": lambda cupy, array: (cupy.from_dlpack if hasattr(array, "__dlpack__") else cupy.asarray)(array),
    "torch": lambda torch, array: torch.from_dlpack(array),
    "jax": lambda jax, array: jax.numpy.from_dlpack(array),
    "pandas": lambda pandas, array: pandas.Series(array, copy=False),
    "pyarrow": lambda pyarrow, array: pyarrow.array(array),
    "numba.cuda": lambda cuda, array: cuda.as_cuda_array(array),
    "cudf": lambda cudf, array: cudf.Series(array, nan_as_null=False),
}
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


@metric(name="hand-overs without a copy")
def kept(data: Numbers, table: Mapping[str, Any]) -> float:
    """Share of the hand-overs that kept the array's address, its length and its numbers."""
    if not len(table["giver"]):
        raise WrongResult("nothing was handed over")
    same = (table["numbers"] == data.values[:COMPARED]).all(axis=1) & (table["length"] == data.rows)
    return float(np.mean(same & (table["before"] == table["after"])))


task = Task(
    datasets=[numbers],
    sizes={"smoke": 2**20, "lab": 2**26, "lecture": 2**28, "production": 2**30},  # cuDF counts rows in 31 bits
    quality=kept,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    unit="numbers",
    memory=Memory(copies=3.5, fixed=0.45e9),
)


@functools.cache
def libraries(names: Sequence[str], device: str) -> dict[str, Any]:
    """By name, those of these modules that are installed, can be imported and can use the device."""
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


@task.pair(cpu="numpy", gpu="cupy")
def by_address(data: Numbers, run: Run, xp):
    """Each library of the chain takes the array from the one before it."""
    names = CHAINS[run.device]
    if not libraries.cache_info().currsize:  # in the first, cold execution
        with run.stage("import"):
            libraries(names, run.device)
    here = libraries(names, run.device)
    chain = [name for name, _ in groupby(name for name in names if name in here)]
    run.effective(chain=chain, left_out=sorted(set(names) - set(here)))
    if len(chain) == 1:
        raise Unavailable(f"no other library that takes arrays is here: {how_to_install('[foundations]')}")
    with run.stage("put"):
        arrays = [run.to_device(aligned(data.values))]  # all are kept, so that no address is given away again
        odd = aligned(data.values[:COMPARED], off=4)
    with run.stage("allocate"):  # the copy's memory is written to, so that it has its pages before the copy is timed
        room = xp.full_like(arrays[0], xp.nan)
    with lap(run, "hand_over") as handing:
        for name in chain[1:]:
            arrays.append(TAKE[name](here[name], arrays[-1]))
    with lap(run, "copy") as copying:
        xp.copyto(room, arrays[0])
    places = [ADDRESS[name](array) for name, array in zip(chain, arrays, strict=True)]
    hops = list(zip(pairwise(chain), pairwise(places), strict=True))
    run.observe(
        **{f"{giver}_to_{taker}".replace(".cuda", ""): before == after for (giver, taker), (before, after) in hops}
    )
    if "jax" in here and run.device == "cpu":
        with run.stage("hand_over_unaligned"):
            taken = TAKE["jax"](here["jax"], odd)
        run.observe(unaligned_numpy_to_jax=ADDRESS["jax"](taken) == ADDRESS["numpy"](odd))
    run.observe(
        microseconds_per_handover=1e6 * handing.seconds / len(hops), microseconds_per_copy=1e6 * copying.seconds
    )
    with run.stage("get"):
        first = np.stack([run.to_host(array[:COMPARED]) for array in arrays[1:]])
        if not np.array_equal(run.to_host(room[-COMPARED:]), data.values[-COMPARED:]):
            raise WrongResult("the copy that the hand-overs are compared with is not one")
    return {
        "giver": np.array(chain[:-1]),
        "taker": np.array(chain[1:]),
        "before": np.array(places[:-1], np.uint64),
        "after": np.array(places[1:], np.uint64),
        "length": np.array([len(array) for array in arrays[1:]]),
        "numbers": first,
    }
