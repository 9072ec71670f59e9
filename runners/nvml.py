"""One GPU seen through NVML while a worker runs on it: memory, energy, clock, what slows it, and who else is there.

Not yet seen on a real GPU: written from NVML's interface, and tested against a stand-in for its module.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any, TypeVar

SLOWED_BY = {  # bits of the clock's event reasons; idle clocks and a user's own setting slow nothing down
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "thermal limit",
    0x40: "thermal limit (hardware)",
    0x80: "power brake",
}

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """A GPU at one moment; None where NVML does not tell."""

    memory: int | None  # bytes that the worker's processes hold
    joules: float | None  # since the driver was loaded, the whole board
    megahertz: int | None
    slowed_by: frozenset[str]
    tenants: int | None  # other processes that compute on it


def look(processes: Set[int]) -> Look | None:
    """The first visible GPU, of which these processes are the worker's; None where there is none."""
    handle = _handle()
    if handle is None:
        return None
    import pynvml

    here = _told(lambda: pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    held = [one.usedGpuMemory for one in here or () if one.pid in processes]
    millijoules = _told(lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle))
    reasons = _told(lambda: pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle)) or 0
    return Look(
        memory=sum(held) if held and None not in held else None,
        joules=None if millijoules is None else millijoules / 1000,
        megahertz=_told(lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)),
        slowed_by=frozenset(name for bit, name in SLOWED_BY.items() if reasons & bit),
        tenants=None if here is None or not held else len(here) - len(held),
    )


@functools.cache
def _handle() -> Any:
    """The GPU that CUDA programs take first here: `CUDA_VISIBLE_DEVICES`, by number on the bus or by UUID."""
    import pynvml

    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0].strip()
    try:
        pynvml.nvmlInit()
        if first.isdigit():
            return pynvml.nvmlDeviceGetHandleByIndex(int(first))
        return pynvml.nvmlDeviceGetHandleByUUID(first) if first else None
    except pynvml.NVMLError:
        return None


def _told(ask: Callable[[], T]) -> T | None:
    """What NVML answers; None where this GPU or this driver does not support the question."""
    import pynvml

    try:
        return ask()
    except pynvml.NVMLError:
        return None
