"""What an execution uses besides time: the memory of all its processes, energy, and what its GPU reports.

The parent reads a few files under /proc, and NVML for a GPU, ten times a second while it waits, and once when the reply
has come and the clock has stopped. `tests/trials/watching.py` shows that executions take no longer with it. What cannot
be known is None, and `unknown` says why.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from residency.harness.lingering import descendants
from residency.runners import nvml
from residency.runners.fallback import Trace

STEP = 0.1  # seconds between looks
ENERGY_SECONDS = 0.2  # the shortest execution whose energy the counters' steps allow to be told
POWERCAP = Path("/sys/class/powercap")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Watch:
    """A worker's processes from a request to its reply. Memory in bytes, energy in joules, times in seconds."""

    pid: int
    device: str
    peak_host_bytes: int = 0  # resident, of all processes together; pages they share count for each
    peak_device_bytes: int | None = None
    joules: float | None = None  # of the device: the GPU's board, or the processors' packages
    cpu_joules: float | None = None  # of the processors' packages
    device_megahertz: int | None = None  # the lowest seen
    slowed_by: set[str] = field(default_factory=set)
    tenants: int | None = None  # the most processes seen computing on the GPU that we did not start
    children_cpu_seconds: float = 0.0
    trace: Trace | None = None  # of its use of the GPU, where that is to be proved
    unknown: dict[str, str] = field(default_factory=dict)  # why what is None is not known

    def __post_init__(self) -> None:
        """Read the counters."""
        self._started = monotonic()
        self._cpu = sum(_cpu_of_children(self.pid))
        self._packages = packages()
        family = _family(self.pid)
        self._board = self._see_device(family)
        if self.trace is not None:
            self.trace.look(family)

    def look(self) -> nvml.Look | None:
        """Look at the processes now."""
        family = _family(self.pid)
        self.peak_host_bytes = max(self.peak_host_bytes, sum(_resident(one) for one in family))
        if self.trace is not None:
            self.trace.look(family)
        return self._see_device(family)

    def finish(self) -> None:
        """Look a last time, and compute the counters' differences."""
        board, now = self.look(), packages()
        self.children_cpu_seconds = max(0.0, sum(_cpu_of_children(self.pid)) - self._cpu)
        brief = monotonic() - self._started < ENERGY_SECONDS
        if brief:
            self.unknown["joules"] = self.unknown["cpu_joules"] = f"shorter than {ENERGY_SECONDS} s"
        if isinstance(now, str) or isinstance(self._packages, str):
            self.unknown["cpu_joules"] = str(now)
        elif not brief:
            self.cpu_joules = sum(
                (end - start) % wraps for (start, wraps), (end, _) in zip(self._packages, now, strict=True)
            )
        if self.device == "cpu":
            self.joules = self.cpu_joules
            self.unknown["peak_device_bytes"] = "runs on the CPU"
            if "cpu_joules" in self.unknown:
                self.unknown["joules"] = self.unknown["cpu_joules"]
            return
        start = self._board.joules if self._board else None
        if board is None or board.joules is None or start is None:
            self.unknown["joules"] = "NVML does not tell this GPU's energy"
        elif not brief:
            self.joules = board.joules - start
        if self.peak_device_bytes is None:
            self.unknown["peak_device_bytes"] = "NVML does not tell memory by process here, as inside a container"

    def _see_device(self, family: list[int]) -> nvml.Look | None:
        seen = nvml.look(set(family), set(_family(os.getpid()))) if self.device == "gpu" else None
        if seen is not None:
            self.peak_device_bytes = _most(self.peak_device_bytes, seen.memory)
            self.tenants = _most(self.tenants, seen.tenants)
            self.slowed_by |= seen.slowed_by
            if seen.megahertz is not None:
                self.device_megahertz = min(self.device_megahertz or seen.megahertz, seen.megahertz)
        return seen


def packages() -> list[tuple[float, float]] | str:
    """The joules of each processor package and the value at which its counter wraps; or why they are not known."""
    folders = _packages()
    if not folders:
        return "the processors' energy counters (RAPL) are missing, as in most virtual machines"
    try:
        return [
            (int((one / "energy_uj").read_text()) / 1e6, int((one / "max_energy_range_uj").read_text()) / 1e6)
            for one in folders
        ]
    except OSError as error:
        return f"the processors' energy counters (RAPL) cannot be read: {error.strerror}"


@functools.cache
def _packages() -> list[Path]:
    found = []
    for folder in sorted(POWERCAP.glob("intel-rapl:*")):  # AMD's counters bear the same name
        try:
            if (folder / "name").read_text().startswith("package"):
                found.append(folder)
        except OSError:
            continue
    return found


def _family(pid: int) -> list[int]:
    """The process, and all that it started and that still runs."""
    return [pid, *descendants(pid)]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _cpu_of_children(pid: int) -> list[float]:
    """Processor time of a process's descendants: of those waited for, and of those that still run."""
    found = []
    for one in _family(pid):
        try:
            times = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15]
        except OSError:
            continue
        own, waited = int(times[0]) + int(times[1]), int(times[2]) + int(times[3])
        found.append((waited if one == pid else own + waited) / TICK)
    return found


def _most(first: int | None, second: int | None) -> int | None:
    return max((one for one in (first, second) if one is not None), default=None)
