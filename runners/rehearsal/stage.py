"""The worker's side of a rehearsal: install stand-ins for GPU libraries, or emulate a device, then execute.

Stand-ins stay installed until the process ends.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from types import ModuleType
from typing import Any

from residency.harness import device as devices
from residency.harness.accelerators import ACCELERATORS, Calls
from residency.harness.execute import execute
from residency.harness.outcomes import Ending, Outcome
from residency.harness.run import Run
from residency.harness.task import Implementation, Task
from residency.harness.tiers import Tier
from residency.runners.cluster import BACK_ENDS, DaskCluster, counters
from residency.runners.rehearsal import accelerate, graphs, pairs, stand_ins
from residency.runners.rehearsal.signatures import bind
from residency.runners.settings import PROTOCOLS

SIMULATED = ("numba", "stumpy")  # Numba's simulator runs their CUDA kernels, thread by thread, in Python
SIMULATED_ROWS = 240  # of generated data: in the simulator every thread of the GPU is a thread of Python
SIMULATED_BLOCK = 32  # threads of a block, if the library has a setting for it
EMULATED = ("torch", "jax", "xgboost", "nvforest")  # they have a CPU back end; the last two choose it by themselves
REPLACED = tuple(dict.fromkeys(name.partition(".")[0] for name in pairs.MODULES))  # XGBoost only beside another of them
NO_OPENCL = "no OpenCL device was found: apt-get install pocl-opencl-icd"


@dataclass(frozen=True)
class Means:
    """How an implementation is rehearsed."""

    tier: Tier
    how: str
    environment: Mapping[str, str]
    rows: int | None = None  # of generated data, if the smoke size is too large


def means(implementation: Implementation) -> Means | None:
    """How an implementation can be rehearsed; None if no way is known for its library."""
    top = implementation.package
    if implementation.accelerator:
        return Means(Tier.SIGNATURES, accelerate.HOW[implementation.accelerator], {"RAPIDS_NO_INITIALIZE": "1"})
    if top in SIMULATED:
        simulator = {"NUMBA_ENABLE_CUDASIM": "1"}
        return Means(Tier.EMULATED, "its CUDA kernels in Numba's simulator", simulator, SIMULATED_ROWS)
    if top == "lightgbm":
        return Means(Tier.EMULATED, "its OpenCL kernels on the processor, by PoCL", {})
    if top in EMULATED:
        return Means(Tier.EMULATED, f"{top}'s CPU back end", {})
    if top in REPLACED:
        return Means(Tier.SIGNATURES, "real signatures, computed by the CPU twin", {"RAPIDS_NO_INITIALIZE": "1"})
    return None


class RehearsalRun(Run):
    """A run that remembers the arguments that `only` gave to the GPU side, so that the CPU library gets its own."""

    def only(self, *, cpu: Mapping[str, Any] | None = None, gpu: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The GPU's arguments."""
        chosen = super().only(cpu=cpu, gpu=gpu)
        stand_ins.ONE_SIDED.update({name: (cpu or {}).get(name, stand_ins.ABSENT) for name in chosen})
        return chosen


class RehearsedCluster(DaskCluster):
    """A cluster of one worker, a thread of this process that sees the stand-ins. Dask-CUDA's arguments are checked."""

    @property
    def back_ends(self) -> Mapping[str, str]:
        """The CPU's back ends: Dask's own frames and arrays compute on the CPU."""
        return BACK_ENDS["cpu"]

    def _start(self) -> Any:
        from dask_cuda import LocalCUDACluster
        from distributed import LocalCluster

        for protocol in PROTOCOLS:
            bind("dask_cuda.LocalCUDACluster", LocalCUDACluster, (), replace(self, protocol=protocol).options())
        plain = DaskCluster("cpu", self.workers, 1).options()  # a cluster in this process, without a GPU
        options = {name: value for name, value in plain.items() if name not in {"host", "processes"}}
        return self._stack.enter_context(LocalCluster(**options, processes=False))

    def spent_so_far(self) -> dict[str, dict[str, float]]:
        """By Dask's counters alone: cuDF's are of the stand-ins."""
        return dict(self.client.run(counters, cudf=False))

    def open(self) -> None:
        """Start the cluster, with Dask-cuDF's frames."""
        super().open()
        if (real := sys.modules.get("dask_cudf")) is not None:
            self.frame = real


def rehearse(
    task: Task, implementation: Implementation, data: Any, settings: Mapping[str, Any], twin: str | None
) -> dict[str, Any]:
    """Execute an implementation once with stand-ins; return the outcome, the quality, and what was checked.

    `twin` is the library of the implementation's CPU twin; it computes for the implementation's own library.
    """
    if implementation.package == "stumpy":
        importlib.import_module("stumpy").config.STUMPY_THREADS_PER_BLOCK = SIMULATED_BLOCK
    if implementation.package == "torch":
        _emulate_ranks()
        graphs.emulate()
    if implementation.accelerator:
        devices.emulate()
        accelerate.install(implementation.accelerator)
    elif implementation.package in EMULATED:
        devices.emulate()
    elif implementation.package in REPLACED:
        _install_stand_ins(implementation, twin)
    cluster = RehearsedCluster("gpu", 1, 1, spills=True) if implementation.runner == "cluster" else None
    with _counting(implementation) as calls:
        execution = execute(
            task,
            implementation,
            data,
            dataset=settings["dataset"],
            reference=settings["reference"],
            threads=settings["threads"],
            seed=settings["seed"],
            cold=True,
            cluster=cluster,
            kind=RehearsalRun,
        )
    ending = execution.ending
    if implementation.package == "lightgbm" and "OpenCL" in ending.reason:
        ending = Ending(Outcome.UNAVAILABLE, NO_OPENCL)
    return {
        "ending": asdict(ending),
        "quality": execution.quality,
        "parameters": execution.parameters,
        "checked": stand_ins.CHECKED,
        "unchecked": sorted(stand_ins.UNCHECKED),
        "taken": {**calls.cpu, **calls.gpu},  # by an accelerator; where they would run does not count without a GPU
        "stays": accelerate.STAYS,
    }


def _counting(implementation: Implementation) -> AbstractContextManager[Calls]:
    """Counts the calls that an accelerator takes; nothing without one."""
    if not implementation.accelerator:
        return nullcontext(Calls())
    return ACCELERATORS[implementation.accelerator].counting()


def _install_stand_ins(implementation: Implementation, twin: str | None) -> None:
    """Put stand-ins in place of the installed GPU libraries; the implementation's own library computes by `twin`.

    All libraries are imported first: none may see another's stand-in while it is being imported.
    """
    tops = {name.partition(".")[0] for name in (implementation.library, *implementation.needs)} & set(REPLACED)
    for top in {*tops, *(name for name in ("cupy", "cupyx") if importlib.util.find_spec(name))}:
        _import_all(top)
    with suppress(ModuleNotFoundError):
        importlib.import_module("dask_cudf")
    importlib.import_module(implementation.library)
    for name, module in list(sys.modules.items()):
        by = twin if name == implementation.library and twin else pairs.computing(name)
        if by is not None and isinstance(module, ModuleType) and _is_a_door(name):
            sys.modules[name] = stand_ins.ModuleStandIn(module, by, name)


def _is_a_door(name: str) -> bool:
    """Whether tasks import this module. A library that also computes must find its inner modules unchanged."""
    return not pairs.is_one_library(name) or "." not in name


def _import_all(top: str) -> None:
    """Import a library's public subpackages, two levels deep, if they can be imported."""
    importlib.import_module(top)
    for level in range(2):
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] != top or name.count(".") != level or not hasattr(module, "__path__"):
                continue
            for part in pkgutil.iter_modules(module.__path__):
                if part.ispkg and not part.name.startswith(("_", "test", "benchmark", "accel")):
                    with suppress(Exception):
                        importlib.import_module(f"{name}.{part.name}")


def _emulate_ranks() -> None:
    """Let Torch's ranks use Gloo if they ask for NCCL, which needs a GPU for each rank."""
    distributed: Any = importlib.import_module("torch.distributed")
    start, barrier = distributed.init_process_group, distributed.barrier
    distributed.init_process_group = lambda backend, **given: start("gloo" if backend == "nccl" else backend, **given)
    distributed.barrier = lambda device_ids=None, **given: barrier(**given)
