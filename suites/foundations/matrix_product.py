"""The product of two matrices, in several number types.

Question  How many operations a second does a device do, and what does higher precision cost? Any time can be judged by
          this number and by `bandwidth`.
Expect    A product of side n is 2 n³ operations on 3 n² numbers: 2 n / 3 operations a number, so from a few hundred on
          arithmetic decides. A core with two AVX-512 units does 32 multiply-adds of float32 a cycle and 16 of float64:
          64 and 32 operations, 0.2 and 0.1 teraflops at 3 GHz; short types only where the processor has units for them
          (AMX). On a GPU each step down opens other units. An H100 (SXM) is said to do, in teraflops: 67 of float64,
          67 of float32, 495 of TF32 (float32 whose factors are cut to 11 bits), 990 of float16 and of bfloat16; an L4
          0.5 of float64 and 30 of float32, a 4090 1.3 and 83: cards for graphics have hardly any float64. Three
          quarters of that is much, and only large matrices come near: side 512 (`smoke`) is 0.27 billion operations,
          four microseconds at 67 teraflops, less than the launch; side 8,192 (`lecture`) is 1.1 trillion, 16 ms.
          Shorter types are less exact, with an error of about 1e-16 of each number in float64, 1e-7 in float32, 3e-4 in
          TF32 and float16, and 3e-3 in bfloat16.

Every implementation multiplies in float64 and float32, and `work` counts only these. Shorter types that a library
supports on the device come in addition, and are part of its time. So compare the rates, not the times; a type that is
not supported has no rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from residency.datasets.foundations.matrices import Matrices, error, matrices
from residency.harness import Memory, Run, Task
from residency.suites.foundations._laps import lap

PRODUCTS = 8  # in each type
NEARLY = 2.0**-14  # of a norm, between float32's rounding, added up over a row, and TF32's
ALL = ("float64", "float32", "tf32", "float16", "bfloat16")
UNITS = {  # by which Torch tells that a processor multiplies a short type itself
    "float16": {"amx_fp16", "avx512_fp16", "fp16_arith"},
    "bfloat16": {"amx_bf16", "avx512_bf16", "bf16"},
}

task = Task(
    datasets=[matrices],
    sizes={"smoke": 512, "lab": 2_048, "lecture": 8_192, "production": 32_768},  # the side
    quality=error,
    tolerance=1.0,
    floor=1.0,  # a ceiling
    reference=lambda _: 0.0,
    work=lambda data: (2 * PRODUCTS * 2.0 * data.rows**3, PRODUCTS * (8 + 4) * 3.0 * data.rows**2),
    memory={"cpu": Memory(copies=8), "gpu": Memory(copies=5.5)},
)


def products(
    run: Run,
    data: Matrices,
    factors: Sequence[Any],
    types: Sequence[str],
    *,
    convert: Callable[[Any, str], Any],
    switch: Callable[[str], AbstractContextManager[Any]],
) -> dict[str, Any]:
    """The sampled rows of a product in each type; records how many teraflops each type reached."""
    run.effective(types=list(types), products=PRODUCTS)
    found, seconds = {}, {}
    for name in types:
        with switch(name):
            with run.stage("convert"):
                x, y = (convert(factor, name) for factor in factors)
            with lap(run, name) as multiplying:
                for _ in range(PRODUCTS):
                    product = x @ y
            with run.stage("get"):
                rows = product[data.sample]
                found[name] = run.to_host(convert(rows, "float32") if name == "bfloat16" else rows)
        seconds[name] = multiplying.seconds
    if "tf32" in found and nearly_equal(found["tf32"], found["float32"]):
        del found["tf32"], seconds["tf32"]  # the switch was free not to use TF32, or this device has no such units
    run.observe(**{f"{name}_tflops": PRODUCTS * 2e-12 * data.rows**3 / taken for name, taken in seconds.items()})
    return found


def nearly_equal(one: Any, other: Any) -> bool:
    """Whether two products differ by float32's rounding at most, far less than TF32's."""
    return bool(np.linalg.norm(one - other) <= NEARLY * np.linalg.norm(other))


@task.pair(cpu="numpy", gpu="cupy")
def arrays(data: Matrices, run: Run, xp):
    """NumPy with the BLAS it came with, CuPy with cuBLAS."""
    types = ("float64", "float32", *run.only(gpu={"float16": True}))
    with run.stage("put"):
        factors = run.to_device(data.a, data.b)
    return products(run, data, factors, types, convert=lambda array, name: array.astype(name), switch=nullcontext)


@task.pair(cpu="torch", gpu="torch")
def tensors(data: Matrices, run: Run, torch):
    """Torch: on a CPU the short types only where the processor has units for them; without, they take minutes."""

    @contextmanager
    def switch(name: str) -> Iterator[None]:
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        yield
        torch.set_float32_matmul_precision("highest")

    types: Sequence[str] = ALL
    if run.device == "cpu":
        units = {unit for unit, there in getattr(torch.cpu, "get_capabilities", dict)().items() if there}
        types = [name for name in ALL if name in {"float64", "float32"} or units & UNITS.get(name, set())]
    with run.stage("put"):
        factors = run.to_device(data.a, data.b, into=torch)
    kinds = {**{name: getattr(torch, name) for name in ALL if name != "tf32"}, "tf32": torch.float32}
    return products(run, data, factors, types, convert=lambda one, name: one.to(kinds[name]), switch=switch)


@task.pair(cpu="jax", gpu="jax")
def compiled(data: Matrices, run: Run, jax):
    """JAX: float64 must be switched on, and TF32 switched off on a GPU, where JAX uses it for float32 by default."""
    precision = {"float32": "highest", "tf32": "tensorfloat32"}

    @contextmanager
    def switch(name: str) -> Iterator[None]:
        with jax.enable_x64(name == "float64"), jax.default_matmul_precision(precision.get(name, "default")):
            yield

    types = ALL if run.device == "gpu" else ("float64", "float32")
    with run.stage("put"):
        factors = run.to_device(data.a, data.b, into=jax)
    kinds = {**{name: name for name in ALL}, "tf32": "float32"}
    return products(run, data, factors, types, convert=lambda one, name: one.astype(kinds[name]), switch=switch)
