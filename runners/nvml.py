"""GPUs seen through NVML: which exist, and while a worker runs its memory, energy and clock, and other processes.

Not yet seen on a real GPU: written from NVML's interface, and tested against stand-ins for its module and its library.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

SLOWED_BY = {  # bits of the clock's event reasons; idle clocks and a user's own setting slow nothing down
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "thermal limit",
    0x40: "thermal limit (hardware)",
    0x80: "power brake",
}
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Look:
    """A GPU at one moment; None where NVML does not tell."""

    memory: int | None  # bytes that the worker's processes hold
    joules: float | None  # since the driver was loaded, the whole board
    megahertz: int | None
    slowed_by: frozenset[str]
    tenants: int | None  # processes that compute on it and are not ours


@dataclass(frozen=True)
class Use:
    """All visible GPUs together at one moment."""

    listed: bool  # NVML names one of the processes asked about among those that compute
    memory: int | None  # bytes in use, by whomever; None where NVML does not tell


def look(processes: Set[int], ours: Set[int]) -> Look | None:
    """The first visible GPU, with these processes of a worker, and all of ours: idle workers too; None without one."""
    handle = next(iter(_visible()), None)
    if handle is None:
        return None
    import pynvml

    here = computing(handle)
    held = [one.usedGpuMemory for one in here or () if one.pid in processes]
    millijoules = told(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    reasons = told(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle) or 0
    return Look(
        memory=sum(held) if held and None not in held else None,
        joules=None if millijoules is None else millijoules / 1000,
        megahertz=told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        slowed_by=frozenset(name for bit, name in SLOWED_BY.items() if reasons & bit),
        tenants=None if here is None or not held else sum(one.pid not in ours for one in here),
    )


def use(processes: Set[int]) -> Use:
    """How all visible GPUs are used now, of which these processes are the worker's."""
    amounts = [memory(handle) for handle in _visible()]
    known = [one.used for one in amounts if one is not None]
    return Use(
        listed=any(one.pid in processes for handle in _visible() for one in computing(handle) or ()),
        memory=sum(known) if known and len(known) == len(amounts) else None,
    )


def computing(handle: Any) -> list[Any] | None:
    """The processes that compute on a GPU, with `pid` and `usedGpuMemory`; None where NVML does not tell.

    In a container, and in some virtual machines, NVML gives their numbers on the host, or leaves them out.
    """
    import pynvml

    found: list[Any] | None = told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return found


def memory(handle: Any) -> Any:
    """A GPU's memory in bytes: `total`, `used` and `free`; None where it has none of its own, and shares the host's."""
    import pynvml

    return told(pynvml.nvmlDeviceGetMemoryInfo, handle)


def free() -> int | None:
    """Bytes free on the first visible GPU; None where there is none, or NVML does not tell."""
    amounts = [memory(handle) for handle in _visible()[:1]]
    return int(amounts[0].free) if amounts and amounts[0] is not None else None


def gpus() -> list[dict[str, Any]]:
    """What is known of each visible GPU; None where NVML does not tell. Raises `pynvml.NVMLError` without a driver."""
    import pynvml

    found = handles()
    driver, cuda = pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlSystemGetCudaDriverVersion_v2()
    return [{**_facts(handle), "driver": driver, "cuda": cuda} for handle in found]


def _facts(handle: Any) -> dict[str, Any]:
    """PCIe's generation and width are the maximum of the GPU and its slot, because an idle link uses less."""
    import pynvml

    amount, capability = memory(handle), told(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    mig, persistence = told(pynvml.nvmlDeviceGetMigMode, handle), told(pynvml.nvmlDeviceGetPersistenceMode, handle)
    return {
        "name": pynvml.nvmlDeviceGetName(handle),
        "memory_bytes": None if amount is None else int(amount.total),
        "uuid": told(pynvml.nvmlDeviceGetUUID, handle),
        "compute_capability": None if capability is None else f"{capability[0]}.{capability[1]}",
        "mig": None if mig is None else bool(mig[0]),
        "persistence": None if persistence is None else bool(persistence),
        "max_sm_megahertz": told(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
        "max_memory_megahertz": told(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        "pcie_generation": told(pynvml.nvmlDeviceGetMaxPcieLinkGeneration, handle),
        "pcie_width": told(pynvml.nvmlDeviceGetMaxPcieLinkWidth, handle),
    }


@functools.cache
def handles() -> tuple[Any, ...]:
    """The GPUs that CUDA programs see here, in their order: all, or those that `CUDA_VISIBLE_DEVICES` names.

    The variable names them by number on the bus or by UUID, which may be shortened if it is clear. As in CUDA, the
    first GPU that does not exist ends the list. Raises `pynvml.NVMLError` if there is no driver, or it does not answer.
    """
    import pynvml

    pynvml.nvmlInit()
    here = [one for index in range(pynvml.nvmlDeviceGetCount()) if (one := _handle(index)) is not None]
    if VISIBLE not in os.environ:
        return tuple(here)
    found = []
    for name in map(str.strip, os.environ[VISIBLE].split(",")):
        handle = _named(name, here)
        if handle is None:
            break
        found.append(handle)
    return tuple(found)


def _handle(index: int) -> Any:
    """The GPU of that number; None if only others may use it, because NVML counts those too."""
    import pynvml

    try:
        return pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError_NoPermission:
        return None


def _named(name: str, here: list[Any]) -> Any:
    """The GPU of that number or UUID, or the part of a GPU (MIG) of that UUID; None if it does not exist."""
    import pynvml

    if name.isdecimal():
        return here[int(name)] if int(name) < len(here) else None
    if name.startswith("GPU-"):
        alike = [one for one in here if (told(pynvml.nvmlDeviceGetUUID, one) or "").startswith(name)]
        return alike[0] if len(alike) == 1 else None
    return told(pynvml.nvmlDeviceGetHandleByUUID, name) if name else None


def _visible() -> tuple[Any, ...]:
    """The visible GPUs, none where there is no driver."""
    import pynvml

    try:
        return handles()
    except pynvml.NVMLError:
        return ()


def told(question: Callable[..., Any], *about: Any) -> Any:
    """What NVML answers; None if this GPU or this driver does not support the question."""
    import pynvml

    try:
        return question(*about)
    except pynvml.NVMLError:
        return None
