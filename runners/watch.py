"""What an execution uses besides time: the memory of all its processes, energy, and what its GPUs report.

The parent reads a few files under /proc, and NVML for GPUs, ten times a second while it waits, and once when the reply
has come and the clock has stopped. Clocks of GPUs count only from the looks in between, and only while the GPU has
work: an idle GPU has a low clock. `tests/trials/watching.py` shows that executions take no longer with it. What cannot
be known is None, and `unknown` says why.

Not yet seen on a real GPU: several GPUs are tested with a stand-in for the driver's libraries.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from residency.harness.lingering import descendants
from residency.runners import nvml
from residency.runners.fallback import Trace

STEP = 0.1  # seconds between looks
ENERGY_SECONDS = 0.2  # shorter executions have no energy on record, because the counters' steps are too coarse
POWERCAP = Path("/sys/class/powercap")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Board:
    """What is seen of one GPU during a request.

    Clocks are kept apart by whether NVML named the worker on this GPU in the same look. If it ever does, only the looks
    in which it does count: before, the worker had no context there.
    """

    index: int  # among the visible GPUs
    start: float | None  # joules, when the request began
    end: float | None = None
    named: bool = False  # whether NVML has named the worker there
    peak_bytes: int | None = None
    _lowest: dict[bool, int] = field(default_factory=dict)  # clocks in MHz
    _slowed_by: dict[bool, set[str]] = field(default_factory=dict)

    def see(self, seen: nvml.Look, working: bool) -> None:
        """Keep a look; its clock counts only while the execution is `working` and the GPU has work."""
        self.named = self.named or seen.named
        self.peak_bytes, self.end = _most(self.peak_bytes, seen.memory), seen.joules
        if working and not seen.idle:
            self._slowed_by.setdefault(seen.named, set()).update(seen.slowed_by)
            if seen.megahertz is not None:
                self._lowest[seen.named] = min(self._lowest.get(seen.named, seen.megahertz), seen.megahertz)

    @property
    def joules(self) -> float | None:
        """Energy since the request began; None if NVML does not tell."""
        return None if self.start is None or self.end is None else self.end - self.start

    @property
    def megahertz(self) -> int | None:
        """The lowest clock while it worked; None if that was not seen."""
        return self._lowest.get(self.named)

    @property
    def slowed_by(self) -> set[str]:
        """What held the clock down while it worked."""
        return self._slowed_by.get(self.named, set())


@dataclass
class Watch:
    """A worker's processes from a request to its reply. Memory in bytes, energy in joules, times in seconds.

    The figures of GPUs are of those on which the worker computes. If NVML does not name its processes, as inside a
    container, they are taken to be the first ones, as many as it has workers (`expected`).
    """

    pid: int
    device: str
    peak_host_bytes: int = 0  # resident, of all processes together; pages they share count for each
    peak_device_bytes: int | None = None  # of all GPUs together
    joules: float | None = None  # of the device: the GPUs' boards, or the processor packages
    cpu_joules: float | None = None  # of the processor packages
    device_megahertz: int | None = None  # the lowest clock of any GPU that was seen while it worked
    slowed_by: set[str] = field(default_factory=set)
    tenants: int | None = None  # the most processes of others that were seen computing on the GPUs
    gpus: list[dict[str, Any]] = field(default_factory=list)  # the figures of each GPU
    children_cpu_seconds: float = 0.0
    trace: Trace | None = None  # of its use of the GPU, if that must be proved
    expected: int = 1  # GPUs on which it should compute
    unknown: dict[str, str] = field(default_factory=dict)  # for each value that is None, why it is not known

    def __post_init__(self) -> None:
        """Read the counters."""
        self._started = monotonic()
        self._cpu = sum(_cpu_of_children(self.pid))
        self._packages = packages()
        self._boards: dict[int, Board] = {}
        self._looks = 0  # while the execution was working
        family = _family(self.pid)
        self._see_device(family, working=False)
        if self.trace is not None:
            self.trace.look(family)

    def look(self, working: bool = True) -> None:
        """Look at the processes now. The clock of the execution runs as long as it is `working`."""
        family = _family(self.pid)
        self.peak_host_bytes = max(self.peak_host_bytes, sum(_resident(process) for process in family))
        if self.trace is not None:
            self.trace.look(family)
        self._looks += working
        self._see_device(family, working)

    def finish(self) -> None:
        """Look once more, and compute the differences of the counters."""
        self.look(working=False)
        now = packages()
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
        self._sum_up(brief)

    def _sum_up(self, brief: bool) -> None:
        """The figures of the GPUs on which it computes; the energy of a `brief` execution is not known."""
        named = [board for board in self._boards.values() if board.named]
        boards = named or list(self._boards.values())[: self.expected]
        self.gpus = [
            {
                "index": board.index,
                "peak_bytes": board.peak_bytes,
                "joules": None if brief else board.joules,
                "megahertz": board.megahertz,
                "slowed_by": sorted(board.slowed_by),
            }
            for board in boards
        ]
        self.slowed_by = {reason for board in boards for reason in board.slowed_by}
        self.device_megahertz = min((board.megahertz for board in boards if board.megahertz), default=None)
        energies = [board.joules for board in boards]
        if not energies or None in energies:
            self.unknown["joules"] = "NVML does not tell this GPU's energy"
        elif not brief:
            self.joules = sum(energy for energy in energies if energy is not None)
        if self.peak_device_bytes is None:
            self.unknown["peak_device_bytes"] = "NVML does not tell memory by process here, as inside a container"
        if self.device_megahertz is None:
            self.unknown["device_megahertz"] = (
                "too short: nobody looked at the GPU's clock while it worked"
                if not self._looks
                else "the GPU was idle whenever its clock was looked at, or NVML does not tell it"
            )

    def _see_device(self, family: list[int], working: bool) -> None:
        looks = nvml.look(set(family), set(_family(os.getpid()))) if self.device == "gpu" else []
        for seen in looks:
            self._boards.setdefault(seen.index, Board(seen.index, seen.joules)).see(seen, working)
        held = [seen.memory for seen in looks if seen.named]
        if held and None not in held:
            self.peak_device_bytes = _most(self.peak_device_bytes, sum(memory or 0 for memory in held))
        told = [seen.strangers for seen in looks if seen.strangers is not None]
        if told:
            self.tenants = _most(self.tenants, len(frozenset().union(*told)))


def packages() -> list[tuple[float, float]] | str:
    """The joules of each processor package and the value at which its counter wraps; or why they are not known."""
    folders = _packages()
    if not folders:
        return "the processors' energy counters (RAPL) are missing, as in most virtual machines"
    try:
        return [
            (int((folder / "energy_uj").read_text()) / 1e6, int((folder / "max_energy_range_uj").read_text()) / 1e6)
            for folder in folders
        ]
    except OSError as error:
        return f"the processors' energy counters (RAPL) cannot be read: {error.strerror}"


@functools.cache
def _packages() -> list[Path]:
    folders = []
    for folder in sorted(POWERCAP.glob("intel-rapl:*")):  # AMD's counters bear the same name
        try:
            if (folder / "name").read_text().startswith("package"):
                folders.append(folder)
        except OSError:
            continue
    return folders


def _family(pid: int) -> list[int]:
    """The process, and all running processes that it started."""
    return [pid, *descendants(pid)]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def _cpu_of_children(pid: int) -> list[float]:
    """Processor time of a process's descendants, in seconds: of those that have ended, and of those that still run."""
    seconds = []
    for process in _family(pid):
        try:
            times = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]
        except OSError:
            continue
        own, waited = int(times[0]) + int(times[1]), int(times[2]) + int(times[3])
        seconds.append((waited if process == pid else own + waited) / TICK)
    return seconds


def _most(first: int | None, second: int | None) -> int | None:
    return max((known for known in (first, second) if known is not None), default=None)
