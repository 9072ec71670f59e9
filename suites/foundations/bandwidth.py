"""Reading and writing a device's own memory: a copy, and a triad, b + s c.

Question  How many bytes a second does a device read and write? Any other time can be judged by this number and by that
          of `matrix_product`: no implementation can take less time than its bytes divided by this rate.
Expect    Two channels of DDR4 give some 40 GB/s, twelve of DDR5 400; one core asks for 10 to 15. A T4 has 320 GB/s, a
          4090 1,008, an A100 1,555 to 2,039, an H100 3,350, an H200 4,800; a copy reaches about nine tenths of that.
          Arrays of 4 MB (`smoke`) lie in caches: on a GPU a pass takes as long as its launch, microseconds, and says
          nothing of memory. Some 100 MB are needed, on a server's CPU 1 GB: `lab` reads and writes 0.4 GB, which takes
          0.27 ms at 3,000 GB/s, 20 ms at 40.
          The triad does two operations for twelve bytes; a GPU of 60 teraflops has time for 200. Arithmetic is free,
          and how a library cuts the work decides: NumPy and CuPy write s c to memory and read it again, five numbers
          moved where three need be. Torch has one operation for it, JAX compiles one, and a kernel of one's own, four
          lines below, should be as fast as any. The way over the bus (`put`, `get`) takes longer: see `copies`.

Rates count what must be read and written: 8 bytes for each number of the copy, 12 for each of the triad. Other bytes
that a library moves do not count.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.foundations.numbers import Numbers, numbers, share_correct
from residency.harness import Memory, Run, Task
from residency.harness.quality import metric
from residency.suites.foundations._laps import lap, observe_bytes

PASSES = 10  # of each kind
SCALE = np.float32(0.5)  # a power of two: multiplying by it is exact
HOW = {"passes": PASSES, "scale": float(SCALE), "dtype": "float32"}
THREADS = 256  # of a block
cuda: Any = None  # Numba's, once it is loaded: its simulator looks for it among the names of a kernel's module


@metric(name="correct numbers")
def correct(data: Numbers, found: Any) -> float:
    """Share of the numbers that are b + PASSES s c, within the rounding of PASSES additions in float32."""
    b, c = data.halves()

    def exact(part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        start, added = b[part].astype(np.float64), PASSES * float(SCALE) * c[part].astype(np.float64)
        return start + added, PASSES * 2.0**-24 * (np.abs(start) + np.abs(added))

    return share_correct(found, len(b), exact)


task = Task(
    datasets=[numbers],
    sizes={"smoke": 2**21, "lab": 200_000_000, "lecture": 400_000_000, "production": 4_000_000_000},  # b and c together
    quality=correct,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=lambda data: (PASSES * 2.0 * (data.rows // 2), PASSES * 20.0 * (data.rows // 2)),
    unit="numbers",
    memory=Memory(copies=2.5),
)


def passes(run: Run, arrays: tuple[Any, Any, Any], copy: Callable[..., Any], triad: Callable[..., Any]) -> Any:
    """Copy x to y and back, then add s c to x in the same way; return x + PASSES s c, on the host.

    `copy(x, y)` and `triad(x, c, y)` write into y and return nothing, or they return a new array instead.
    """
    x, y, c = arrays
    with lap(run, "copy") as copying:
        for _ in range(PASSES):
            new = copy(x, y)
            x, y = y if new is None else new, x
    with lap(run, "triad") as adding:
        for _ in range(PASSES):
            new = triad(x, c, y)
            x, y = y if new is None else new, x
    observe_bytes(run, 8.0 * PASSES * len(c), copy=copying)
    observe_bytes(run, 12.0 * PASSES * len(c), triad=adding)
    with run.stage("get"):
        return run.to_host(x)


@task.pair(cpu="numpy", gpu="cupy")
def arrays(data: Numbers, run: Run, xp):
    """Array operations, of which the triad takes two. NumPy works on one core."""
    run.effective(**HOW)
    with run.stage("put"):
        b, c = run.to_device(*data.halves())
        x, y = xp.array(b), xp.array(b)

    def triad(b, c, out):
        xp.multiply(c, SCALE, out=out)
        xp.add(b, out, out=out)

    return passes(run, (x, y, c), lambda b, out: xp.copyto(out, b), triad)


@task.pair(cpu="torch", gpu="torch")
def tensors(data: Numbers, run: Run, torch):
    """Torch: one operation each, on all cores of a CPU."""
    run.effective(**HOW)
    with run.stage("put"):
        b, c = run.to_device(*data.halves(), into=torch)
        x, y = b.clone(), b.clone()

    def triad(b, c, out):
        torch.add(b, c, alpha=float(SCALE), out=out)

    return passes(run, (x, y, c), lambda b, out: out.copy_(b), triad)


@functools.cache
def compiled_passes(jax: Any) -> tuple[Any, Any]:
    """The copy and the triad, each as one compiled operation that writes over an array given up (donated) to it."""
    copy = jax.jit(lambda b, out: jax.numpy.copy(b), donate_argnums=1, keep_unused=True)
    triad = jax.jit(lambda b, c, _: b + SCALE * c, donate_argnums=0)
    return copy, triad


@task.pair(cpu="jax", gpu="jax", memory=Memory(copies=4))
def compiled(data: Numbers, run: Run, jax):
    """JAX compiles both, and writes over donated arrays: on a CPU, memory just asked for is slower to write to."""
    run.effective(**HOW)
    with run.stage("put"):
        x, c = run.to_device(*data.halves(), into=jax)
        y = jax.numpy.copy(x)
    return passes(run, (x, y, c), *compiled_passes(jax))


@functools.cache
def kernels(library: Any) -> tuple[Any, Any]:
    """A thread for each number, which reads, computes and writes."""
    global cuda  # noqa: PLW0603
    cuda = library

    @cuda.jit
    def copy(source, out):
        place = cuda.grid(1)
        if place < out.size:
            out[place] = source[place]

    @cuda.jit
    def triad(b, c, out):
        place = cuda.grid(1)
        if place < out.size:
            out[place] = b[place] + SCALE * c[place]

    return copy, triad


@task.on_gpu("numba.cuda")
def own_kernels(data: Numbers, run: Run, library):
    """Kernels of our own, compiled by Numba."""
    run.effective(**HOW, threads_of_a_block=THREADS)
    with run.stage("put"):
        b, c = data.halves()
        x, y, c = library.to_device(b), library.to_device(b), library.to_device(c)
    return passes(run, (x, y, c), *(kernel[-(-len(c) // THREADS), THREADS] for kernel in kernels(library)))
