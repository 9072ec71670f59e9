"""What will spoil a measurement on this machine's GPU, driver and libraries, each with its cause and a remedy.

Not yet seen on a real GPU: tested against a stand-in for the driver's libraries.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from residency.harness.libraries import distribution, is_installed, package
from residency.harness.task import Implementation, Task
from residency.runners import builds, machine, nvml
from residency.runners.plan import unavailable
from residency.runners.process import environment

IMPORT = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)"
IMPORT_SECONDS = 120.0  # for one library, on a busy or slow machine
DRIVERS = {11: "450.80", 12: "525.60", 13: "580.65"}  # the oldest for Linux by CUDA's major version (its release notes)
CAPABILITIES = {12: (5, 0), 13: (7, 5)}  # the lowest for which libraries built for that CUDA have code
PYTHON = (3, 12)  # the oldest for which the GPU libraries' versions agree (pyproject.toml)


@dataclass(frozen=True)
class Finding:
    """One thing that will spoil a measurement."""

    about: Literal["driver", "gpu", "library", "tenant"]
    cause: str
    remedy: str


def findings(tasks: Sequence[Task], broken: Mapping[str, str]) -> list[Finding]:
    """All findings; `broken` is what `broken_imports` returns. Without a GPU there are none."""
    gpus, _ = machine.gpus()
    if not gpus:
        return _driver_does_not_answer()
    problems = [*_driver(gpus), *_libraries(tasks, broken)]
    return [*problems, *_tenants(), *_compute_modes()]


def broken_imports(tasks: Sequence[Task]) -> dict[str, str]:
    """Installed GPU libraries that cannot be imported, with the errors; each is tried in its own process.

    Nothing is tried on a machine without a GPU.
    """
    if not machine.gpus()[0]:
        return {}
    modules: dict[str, list[str]] = {}
    for implementation in _on_gpu(tasks):
        for name in (implementation.library, *implementation.needs):
            modules.setdefault(package(name), []).append(name)
    with ThreadPoolExecutor(max_workers=min(4, machine.cores())) as pool:
        errors = pool.map(_import_error, modules.values())
        return {name: error for name, error in zip(modules, errors, strict=True) if error}


def broken_by(implementation: Implementation, broken: Mapping[str, str]) -> str | None:
    """Why an implementation will fail: one of its libraries cannot be imported; None if all can."""
    if implementation.device == "cpu":
        return None
    names = (package(name) for name in (implementation.library, *implementation.needs))
    return next(
        (f"{name} is installed and cannot be imported: {broken[name]}" for name in names if name in broken), None
    )


def _on_gpu(tasks: Sequence[Task]) -> list[Implementation]:
    """The implementations that will run on a GPU here."""
    on_gpu = [known for task in tasks for known in task.implementations if known.device == "gpu"]
    return [implementation for implementation in on_gpu if unavailable(implementation) is None]


def _import_error(modules: Sequence[str]) -> str | None:
    """Why a worker cannot import these modules; None if it can."""
    command = [sys.executable, "-c", IMPORT, *dict.fromkeys(modules)]
    try:
        done = subprocess.run(
            command,
            env=environment("gpu", machine.cores()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it takes longer than {IMPORT_SECONDS:g} s"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return last[:300] if done.returncode > 0 else f"killed by signal {-done.returncode}: {last[:300]}"


def _driver_does_not_answer() -> list[Finding]:
    """A driver that is installed but does not work: NVML's library is there but finds nothing."""
    import pynvml

    try:
        nvml.handles()
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return []
        if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
            cause = "the driver's libraries are of another version than the driver that runs, as after an update"
            return [Finding("driver", cause, "restart the machine; in a container, start the container again")]
        cause = f"the driver's libraries are here, and the driver does not answer ({error})"
        return [Finding("driver", cause, "load it: modprobe nvidia; a container needs to be given GPUs: --gpus all")]
    return []


def _driver(gpus: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Libraries that were built for a newer CUDA than the driver's, or for newer GPUs than those here."""
    problems = []
    by_cuda: dict[int, list[str]] = {}
    for name, made in builds.made_for().items():
        by_cuda.setdefault(made, []).append(name)
    driver, cuda = gpus[0]["driver"], gpus[0]["cuda"]
    for made, names in sorted(by_cuda.items()):
        listed = ", ".join(names)
        if made > cuda // 1000:
            knows = f"{cuda // 1000}.{cuda % 1000 // 10}"
            cause = f"driver {driver} runs programs for CUDA {knows} at most; for CUDA {made} were built: {listed}"
            wanted = f"driver {DRIVERS[made]} or newer" if made in DRIVERS else "a newer driver"
            problems.append(Finding("driver", cause, f"install {wanted}, or these libraries' builds for an older CUDA"))
        for gpu in {gpu["name"]: gpu for gpu in gpus}.values():
            has = gpu["compute_capability"]
            if has and tuple(map(int, has.split("."))) < CAPABILITIES.get(made, (0, 0)):
                least = ".".join(map(str, CAPABILITIES[made]))
                cause = f"{gpu['name']} has compute capability {has}, and CUDA {made} knows {least} and newer: {listed}"
                problems.append(Finding("gpu", cause, "install these libraries' builds for an older CUDA"))
    return problems


def _libraries(tasks: Sequence[Task], broken: Mapping[str, str]) -> list[Finding]:
    """Builds that cannot use a GPU, drivers that a library cannot find, and libraries that cannot be imported."""
    wanted = dict.fromkeys(
        package(name)
        for task in tasks
        for implementation in task.implementations
        if implementation.device == "gpu"
        for name in (implementation.library, *implementation.needs)
    )
    problems = [*_nccl()]
    for name in wanted:
        if is_installed(name) and (why := builds.without_cuda(name)) is not None:
            cause, _, remedy = why.partition(": ")
            problems.append(Finding("library", cause, remedy))
    for name, error in broken.items():
        remedy = f"see all of it: python -c 'import {name}'; then pip install --force-reinstall {distribution(name)}"
        problems.append(Finding("library", f"{name} is installed and cannot be imported: {error}", remedy))
    return problems


def _nccl() -> list[Finding]:
    """Two builds of NCCL, one over the other's files. On Python 3.11 the GPU libraries cannot be installed without."""
    anew = "make a new environment; in the checkout: rm -rf .venv && make setup"
    if sys.version_info < PYTHON:
        least = ".".join(map(str, PYTHON))
        here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        cause = f"on {here}, XGBoost brings NCCL for CUDA 12 and all else NCCL for CUDA 13, into the same files"
        return [Finding("library", cause, f"install Python {least} or later and {anew}")]
    if builds.has_both_nccl():
        cause = "NCCL for CUDA 12 and NCCL for CUDA 13 are both installed, into the same files"
        return [Finding("library", cause, anew)]
    return []


def _tenants() -> list[Finding]:
    """Processes of others that compute on GPUs now; none of ours does."""
    held: dict[int, dict[int, int | None]] = {}  # bytes by process and GPU
    for number, handle in enumerate(nvml.handles()):
        for process in nvml.computing(handle) or ():
            held.setdefault(process.pid, {})[number] = process.usedGpuMemory
    problems = []
    for pid, amounts in held.items():
        known = [amount for amount in amounts.values() if amount is not None]
        holds = f" and holds {_gib(sum(known))} of its memory" if known else ""
        where = _named(list(amounts))
        cause = f"process {pid} computes on {where}{holds}: times measured beside it say little"
        problems.append(Finding("tenant", cause, "wait until it has ended; nvidia-smi shows who is there"))
    return problems


def _compute_modes() -> list[Finding]:
    """GPUs that take one process at most."""
    import pynvml

    numbers = [
        number
        for number, handle in enumerate(nvml.handles())
        if nvml.told(pynvml.nvmlDeviceGetComputeMode, handle) not in {None, 0}
    ]
    if not numbers:
        return []
    verb = "is" if len(numbers) == 1 else "are"
    cause = f"{_named(numbers)} {verb} in a compute mode that takes one process at most, and implementations take turns"
    named = ",".join(map(str, numbers))
    return [Finding("gpu", cause, f"nvidia-smi --id {named} --compute-mode 0, as root")]


def _named(numbers: Sequence[int]) -> str:
    """`GPU 0`, or `GPUs 0, 1 and 3`."""
    *first, last = map(str, numbers)
    return f"GPUs {', '.join(first)} and {last}" if first else f"GPU {last}"


def _gib(amount: float) -> str:
    return f"{amount / 2**30:,.{0 if amount >= 10 * 2**30 else 1}f} GiB"
