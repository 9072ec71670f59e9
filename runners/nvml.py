"""GPUs seen through NVML: which exist; and while a worker runs: its memory, energy and clock, and other processes.

Not yet seen on a real GPU: written from NVML's interface, and tested against stand-ins for its module and its library.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Set
from dataclasses import dataclass
from itertools import combinations
from typing import Any

IDLE = 0x1  # a bit of the clock's event reasons: nothing runs, and the clock sinks
SLOWED_BY = {  # bits of the clock's event reasons; an idle clock or a user's own setting does not count
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "thermal limit",
    0x40: "thermal limit (hardware)",
    0x80: "power brake",
}
VISIBLE = "CUDA_VISIBLE_DEVICES"
MOST_LINKS = 36  # NVLinks of a GPU
NODES = 64  # of the host's memory (NUMA), in one word of NVML's mask
READ, NVLINK = 0, 2  # what NVML can tell of two GPUs: reading each other's memory, and doing so by NVLink
OK, UNKNOWN = 0, 6  # of the answers; all others say that it is not possible
PATHS = {  # what data passes on its way over PCIe, by the level of the nearest common ancestor
    0: "one board",
    10: "one PCIe switch",
    20: "several PCIe switches",
    30: "a PCIe host bridge",
    40: "a NUMA node",
    50: "the link between CPU sockets",
}


@dataclass(frozen=True)
class Look:
    """A visible GPU at one moment, as a worker sees it; None if NVML does not tell."""

    index: int  # among the visible ones
    named: bool  # NVML names a process of the worker among those that compute on it
    memory: int | None  # bytes that the worker's processes hold
    joules: float | None  # of the whole board, since the driver was loaded
    megahertz: int | None
    idle: bool  # nothing runs on it, so its clock and the reasons for it say nothing
    slowed_by: frozenset[str]
    strangers: frozenset[int] | None  # processes that compute on it and are not ours


@dataclass(frozen=True)
class Use:
    """All visible GPUs together at one moment."""

    listed: bool  # NVML names one of these processes among those that compute
    memory: int | None  # bytes in use by all processes; None if NVML does not tell


def look(processes: Set[int], ours: Set[int]) -> list[Look]:
    """Every visible GPU, for a worker's `processes`; `ours` also includes idle workers. Empty without a GPU."""
    return [_look(index, handle, processes, ours) for index, handle in enumerate(_visible())]


def _look(index: int, handle: Any, processes: Set[int], ours: Set[int]) -> Look:
    import pynvml

    here = computing(handle)
    held = [process.usedGpuMemory for process in here or () if process.pid in processes]
    millijoules = told(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    reasons = told(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle) or 0
    return Look(
        index=index,
        named=bool(held),
        memory=sum(held) if held and None not in held else None,
        joules=None if millijoules is None else millijoules / 1000,
        megahertz=told(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        idle=bool(reasons & IDLE),
        slowed_by=frozenset(name for bit, name in SLOWED_BY.items() if reasons & bit),
        strangers=None if here is None or not held else frozenset(process.pid for process in here) - ours,
    )


def use(processes: Set[int]) -> Use:
    """How all visible GPUs are used now; `processes` are the worker's."""
    amounts = [memory(handle) for handle in _visible()]
    known = [amount.used for amount in amounts if amount is not None]
    return Use(
        listed=any(process.pid in processes for handle in _visible() for process in computing(handle) or ()),
        memory=sum(known) if known and len(known) == len(amounts) else None,
    )


def computing(handle: Any) -> list[Any] | None:
    """The processes that compute on a GPU, with `pid` and `usedGpuMemory`; None if NVML does not tell.

    In a container, and in some virtual machines, NVML gives their ids on the host, or leaves them out.
    """
    import pynvml

    processes: list[Any] | None = told(pynvml.nvmlDeviceGetComputeRunningProcesses, handle)
    return processes


def memory(handle: Any) -> Any:
    """A GPU's memory in bytes: `total`, `used` and `free`; None if it has no own memory and shares the host's."""
    import pynvml

    return told(pynvml.nvmlDeviceGetMemoryInfo, handle)


def free() -> int | None:
    """Free bytes on the first visible GPU; None if there is no GPU, or NVML does not tell."""
    amounts = [memory(handle) for handle in _visible()[:1]]
    return int(amounts[0].free) if amounts and amounts[0] is not None else None


def total() -> int | None:
    """Bytes of memory of the first visible GPU; None if there is no GPU, or NVML does not tell."""
    return smallest(1)


def smallest(count: int) -> int | None:
    """Bytes of the smallest memory of the first `count` visible GPUs; None without a GPU, or if one does not tell."""
    amounts = [memory(handle) for handle in _visible()[:count]]
    return min(int(amount.total) for amount in amounts) if amounts and None not in amounts else None


def gpus() -> list[dict[str, Any]]:
    """Facts about each visible GPU; None if NVML does not tell one. Raises `pynvml.NVMLError` without a driver."""
    import pynvml

    visible = handles()
    driver, cuda = pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlSystemGetCudaDriverVersion_v2()
    return [{**_facts(handle), "driver": driver, "cuda": cuda} for handle in visible]


def _facts(handle: Any) -> dict[str, Any]:
    """Facts about one GPU. PCIe's generation and width are the maximum of GPU and slot: an idle link uses less."""
    import pynvml

    amount, capability = memory(handle), told(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    persistence = told(pynvml.nvmlDeviceGetPersistenceMode, handle)
    return {
        "name": pynvml.nvmlDeviceGetName(handle),
        "memory_bytes": None if amount is None else int(amount.total),
        "uuid": told(pynvml.nvmlDeviceGetUUID, handle),
        "compute_capability": None if capability is None else f"{capability[0]}.{capability[1]}",
        "mig": _mig(handle),
        "persistence": None if persistence is None else bool(persistence),
        "max_sm_megahertz": told(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_SM),
        "max_memory_megahertz": told(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        "pcie_generation": told(pynvml.nvmlDeviceGetMaxPcieLinkGeneration, handle),
        "pcie_width": told(pynvml.nvmlDeviceGetMaxPcieLinkWidth, handle),
        "numa_node": _numa_node(handle),
        "nvlinks": _nvlinks(handle),
    }


def _mig(handle: Any) -> bool | None:
    """Whether this is a part of a GPU, or a GPU that is to be divided; None if NVML does not tell."""
    import pynvml

    if told(pynvml.nvmlDeviceIsMigDeviceHandle, handle):
        return True
    mode = told(pynvml.nvmlDeviceGetMigMode, handle)
    return None if mode is None else bool(mode[0])


def links() -> list[dict[str, Any]]:
    """How each two of the visible GPUs are connected; None if NVML does not tell. Empty with fewer than two GPUs.

    `peer` is whether one may read the other's memory, `nvlink` whether by NVLink, `path` what PCIe traffic passes.
    """
    return [
        {
            "gpus": [first, second],
            "peer": _can(one, other, READ),
            "nvlink": _can(one, other, NVLINK),
            "path": _path(one, other),
        }
        for (first, one), (second, other) in combinations(enumerate(_visible()), 2)
    ]


def _can(one: Any, other: Any, what: int) -> bool | None:
    import pynvml

    status = told(pynvml.nvmlDeviceGetP2PStatus, one, other, what)
    return None if status in {None, UNKNOWN} else status == OK


def _path(one: Any, other: Any) -> str | None:
    import pynvml

    return PATHS.get(told(pynvml.nvmlDeviceGetTopologyCommonAncestor, one, other))


def _numa_node(handle: Any) -> int | None:
    """The node of the host's memory that is nearest to a GPU; None if NVML does not tell, or names several."""
    import pynvml

    mask = told(pynvml.nvmlDeviceGetMemoryAffinity, handle, 1, pynvml.NVML_AFFINITY_SCOPE_NODE)
    nodes = [node for node in range(NODES) if mask[0] >> node & 1] if mask is not None else []
    return nodes[0] if len(nodes) == 1 else None


def _nvlinks(handle: Any) -> int | None:
    """The number of a GPU's NVLinks that are up; None if NVML does not tell, as for a GPU without any."""
    import pynvml

    states = []
    for link in range(MOST_LINKS):
        state = told(pynvml.nvmlDeviceGetNvLinkState, handle, link)
        if state is None:
            break
        states.append(state)
    return sum(map(bool, states)) if states else None


@functools.cache
def handles() -> tuple[Any, ...]:
    """The GPUs that CUDA programs see here, in their order: all, or those that `CUDA_VISIBLE_DEVICES` names.

    The variable names them by number on the bus or by UUID, which may be shortened if it is unique. As in CUDA, the
    first GPU that does not exist ends the list, and of a GPU that is divided (MIG) and not named by a part, its first
    part is seen. Raises `pynvml.NVMLError` if there is no driver, or it does not answer.
    """
    import pynvml

    pynvml.nvmlInit()
    here = [handle for index in range(pynvml.nvmlDeviceGetCount()) if (handle := _handle(index)) is not None]
    if VISIBLE not in os.environ:
        return tuple(map(_part, here))
    visible = []
    for name in map(str.strip, os.environ[VISIBLE].split(",")):
        named = _named(name, here)
        if named is None:
            break
        visible.append(_part(named))
    return tuple(visible)


def _part(handle: Any) -> Any:
    """The first part of a GPU that is divided (MIG); the GPU itself if it is not, or if it has no parts."""
    import pynvml

    mode = told(pynvml.nvmlDeviceGetMigMode, handle)
    return (told(pynvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, 0) if mode and mode[0] else None) or handle


def _handle(index: int) -> Any:
    """The GPU of that number; None if we may not use it, because NVML also counts the GPUs of others."""
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
        alike = [handle for handle in here if (told(pynvml.nvmlDeviceGetUUID, handle) or "").startswith(name)]
        return alike[0] if len(alike) == 1 else None
    return told(pynvml.nvmlDeviceGetHandleByUUID, name) if name else None


def _visible() -> tuple[Any, ...]:
    """The visible GPUs; none without a driver."""
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
