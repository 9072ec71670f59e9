"""Accelerators: they run a CPU library's program on the GPU as it is, and tell which calls they ran there.

An accelerator is installed before the library that it takes over is imported, so it works in a worker's first execution
only, and its import is on the clock. What it cannot do on the GPU it does on the CPU and goes on: so calls are counted
in an execution of their own, which is not timed, because counting slows it. Polars' GPU engine is told to fail instead.

Not yet seen on a real GPU.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Calls:
    """How many calls of a library ran on either device, by the names of its functions."""

    gpu: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, int] = field(default_factory=dict)

    @property
    def on_gpu(self) -> int:
        """Calls that ran on the GPU."""
        return sum(self.gpu.values())

    @property
    def on_cpu(self) -> int:
        """Calls that ran on the CPU."""
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Accelerator:
    """An accelerator: the libraries that it runs, the module that it is, and how it tells what it ran where."""

    runs: frozenset[str]
    module: str
    counted: Callable[[Any], Iterator[tuple[str, int, int]]]  # name of a function, calls on the GPU, calls on the CPU
    profile: str  # the profiler, `module:function`
    options: Mapping[str, Any] = field(default_factory=dict)  # of the profiler
    installed: Mapping[str, Any] = field(default_factory=dict)  # options of its `install`
    environment: Mapping[str, str] = field(default_factory=dict)  # what it must find there; what the user has set stays
    effective: Mapping[str, Any] = field(default_factory=dict)  # parameters that it puts in place of the program's own
    library: str = ""  # that must be installed, if the module is this project's own
    runs_in: str = ""  # the named environment that it runs in, if it does not fit beside the rest

    @property
    def needs(self) -> str:
        """The module that must be installed."""
        return self.library or self.module

    def install(self) -> None:
        """Take over the libraries, as the accelerator's own documentation says."""
        importlib.import_module(self.module).install(**self.installed)

    @contextmanager
    def counting(self) -> Iterator[Calls]:
        """Count the calls in the block; the numbers are known after it."""
        module, _, name = self.profile.partition(":")
        profiler = getattr(importlib.import_module(module), name)(**self.options)
        calls = Calls()
        with profiler as found:
            yield calls
        for function, on_gpu, on_cpu in self.counted(found):
            if on_gpu:
                calls.gpu[function] = on_gpu
            if on_cpu:
                calls.cpu[function] = on_cpu


def _of_cudf(profiler: Any) -> Iterator[tuple[str, int, int]]:
    for name, times in profiler.per_function_stats.items():
        yield name, len(times["gpu"]), len(times["cpu"])


def _of_cuml(results: Any) -> Iterator[tuple[str, int, int]]:
    for name, stats in results.method_calls.items():
        yield name, stats.gpu_calls, stats.cpu_calls


def _of_polars(ran: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    for function, count in ran.items():
        yield function, count, 0


# By itself, cudf.pandas takes 80 % of the card's free memory, and cuml.accel memory that moves between host and device.
# Here several workers share a card, so both take what they need from CUDA's own pool, as all others do.
ACCELERATORS: Mapping[str, Accelerator] = {
    "cudf.pandas": Accelerator(
        frozenset({"pandas"}),
        "cudf.pandas",
        _of_cudf,
        "cudf.pandas.profiler:Profiler",
        environment={"CUDF_PANDAS_RMM_MODE": "async"},
    ),
    "cuml.accel": Accelerator(
        frozenset({"sklearn", "umap", "hdbscan"}),
        "cuml.accel",
        _of_cuml,
        "cuml.accel.profilers:profile",
        options={"quiet": True},
        installed={"disable_uvm": True},
    ),
    "polars.gpu": Accelerator(
        frozenset({"polars"}),
        "residency.harness.polars_gpu",
        _of_polars,
        "residency.harness.polars_gpu:counting",
        effective={"engine": "gpu"},
        library="cudf_polars",
        runs_in="polars-gpu",
    ),
}
