"""A formula of nine elementwise operations: step by step, and compiled into one.

Question  What does compiling a formula save, and after how many calls has it paid for itself?
Expect    The formula is GELU, as language models use it. Without compiling, each operation reads one or two arrays from
          memory and writes one: 13 are read and 9 written, 88 bytes a number, where 8 would be enough. So a GPU, which
          waits for its memory here, should gain a factor of ten by one kernel that keeps what lies between in
          registers: 256 million numbers (`lecture`) take 8 ms in nine kernels at 3,000 GB/s, 0.7 in one. A CPU waits
          for tanh as well, some ten operations a number and more; on two cores it gains less, and most by not asking
          for new memory nine times. Of a million numbers (`smoke`) a GPU keeps everything in its cache, and what it
          saves is launches: nine at five microseconds.
          Compiling is in the first, cold execution. JAX takes tenths of a second. Torch writes C++ for a CPU and has
          the system's compiler translate it, some ten seconds; for a GPU it writes Triton, a second or two. The report
          says after how many calls that is repaid (`is ahead from the ... call on`). If a call was short before, it is
          never repaid.

The rate counts only the 8 bytes a number that must be moved, so it can be compared with `bandwidth`. Torch keeps
compiled code on the disk and would find it there again; here each process starts without it, as on a new machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.foundations.numbers import Numbers, numbers, share_correct
from residency.harness import Memory, Run, Task
from residency.harness.quality import metric
from residency.suites._torch_compile import compiling
from residency.suites.foundations._laps import lap, observe_bytes

ROOT, CUBIC = 0.7978845608028654, 0.044715  # the square root of 2 / pi; Hendrycks and Gimpel, 2016
ALLOWED = 1e-6  # of a number's size, or of 1: libraries' tanh differ by some units in the last place
_kept: dict[str, Any] = {}  # what libraries have compiled in this process


def formula(tanh: Callable[[Any], Any], x: Any) -> Any:
    """GELU by tanh, in nine operations."""
    return 0.5 * x * (1.0 + tanh(ROOT * (x + CUBIC * x * x * x)))


@metric(name="correct numbers")
def correct(data: Numbers, found: Any) -> float:
    """Share of the numbers as near to the formula's in float64 as float32 and its tanh allow."""

    def exact(part: slice) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = data.values[part].astype(np.float64)
        return formula(np.tanh, x), ALLOWED * np.maximum(1.0, np.abs(x))

    return share_correct(found, data.rows, exact)


task = Task(
    datasets=[numbers],
    sizes={"smoke": 2**20, "lab": 2**26, "lecture": 2**28, "production": 2**32},
    quality=correct,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=lambda data: (9.0 * data.rows, 8.0 * data.rows),
    unit="numbers",
    memory=Memory(copies=5),
)


def applied(run: Run, function: Callable[[Any], Any], x: Any) -> Any:
    """Apply the function to all numbers, and record the rate."""
    with lap(run, "apply") as applying:
        y = function(x)
    observe_bytes(run, 8.0 * len(x), useful=applying)
    with run.stage("get"):
        return run.to_host(y)


@task.pair(cpu="numpy", gpu="cupy")
def arrays(data: Numbers, run: Run, xp):
    """NumPy on one core, CuPy: an array operation after the other."""
    run.effective(compiled=False, dtype="float32")
    with run.stage("put"):
        x = run.to_device(data.values)
    return applied(run, lambda x: formula(xp.tanh, x), x)


@task.pair(cpu="torch", gpu="torch")
def tensors(data: Numbers, run: Run, torch):
    """Torch: a tensor operation after the other.

    The first tanh is of a single number, to avoid an error of MKL on a CPU: MKL chooses its code in the first call, and
    if several threads make that call at the same time, one may get less exact code (PyTorch's issue 188792). In one
    cold execution, a third of the numbers was off by more than 1e-6; later executions were right.
    """
    run.effective(compiled=False, dtype="float32")
    with run.stage("put"):
        x = run.to_device(data.values, into=torch)
        torch.tanh(x[:1])
    return applied(run, lambda x: formula(torch.tanh, x), x)


@task.pair(cpu="torch", gpu="torch", memory=Memory(copies=5, fixed=0.45e9))
def tensors_compiled(data: Numbers, run: Run, torch):
    """Torch: the same formula through `torch.compile`."""
    run.effective(compiled=True, dtype="float32")
    with run.stage("put"):
        x = run.to_device(data.values, into=torch)
    with run.stage("compile"):
        function = once("torch", lambda: by_torch(torch, run.device, lambda x: formula(torch.tanh, x), x))
    return applied(run, function, x)


def once(library: str, compiled: Callable[[], Any]) -> Any:
    """What a library has compiled: now, or in an earlier execution of this process."""
    if library not in _kept:
        _kept[library] = compiled()
    return _kept[library]


def by_torch(torch: Any, device: str, function: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The function through `torch.compile`, translated for arrays like `x`; raises `Unavailable` without a compiler."""
    with compiling(device):
        compiled = torch.compile(function, dynamic=False)
        compiled(x)  # compiles
    return compiled  # type: ignore[no-any-return]


@task.pair(cpu="jax", gpu="jax")
def jax_arrays(data: Numbers, run: Run, jax):
    """JAX without compiling the whole: an operation after the other."""
    run.effective(compiled=False, dtype="float32")
    with run.stage("put"):
        x = run.to_device(data.values, into=jax)
    return applied(run, lambda x: formula(jax.numpy.tanh, x), x)


@task.pair(cpu="jax", gpu="jax")
def jax_compiled(data: Numbers, run: Run, jax):
    """JAX: the same formula through `jax.jit`."""
    run.effective(compiled=True, dtype="float32")
    with run.stage("put"):
        x = run.to_device(data.values, into=jax)
    with run.stage("compile"):
        function = once("jax", lambda: by_jax(jax, lambda x: formula(jax.numpy.tanh, x), x))
    return applied(run, function, x)


def by_jax(jax: Any, function: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """The function through `jax.jit`, translated for arrays like `x`."""
    compiled = jax.jit(function)
    jax.block_until_ready(compiled(x))
    return compiled  # type: ignore[no-any-return]
