"""Work that goes on after an implementation has returned: waited for on the clock, or told.

Python threads and processes that an execution started are waited for while the clock runs, since their work is part
of it. Threads of libraries are looked at when the clock has stopped: those of OpenMP and BLAS go on spinning for up to
0.2 s of processor time after their work, and must not be taken for work; what goes on for longer is.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from time import perf_counter, sleep

from residency.harness.cluster import Workers

WAIT_SECONDS = 1.0  # for threads and processes of the execution's own to rest
SPIN_SECONDS = 0.4  # of processor time: no library's threads spin for as long
NATIVE_SECONDS = 5.0  # to see a thread of a library use that much
STEP = 0.0005
TICK = os.sysconf("SC_CLK_TCK")


class Started:
    """Knows the threads and processes that were there before; make it when the execution begins."""

    def __init__(self, cluster: Workers | None = None) -> None:
        """Look who is there. A cluster's processes come and go, and are asked what they do."""
        self._cluster = cluster
        self._threads = set(threading.enumerate())
        self._processes = set(descendants(os.getpid()))

    def working(self) -> list[str]:
        """Who of those started since is at work now. Those that wait, as in an idle pool, are not."""
        others = self._working_processes() if self._cluster is None else self._cluster.working()
        return [*self._working_threads(), *others]

    def wait(self) -> list[str]:
        """Wait for those started since to rest, as a pool that is being closed does; who works on after a second."""
        deadline = perf_counter() + WAIT_SECONDS
        while working := self.working():
            if perf_counter() > deadline:
                return working
            sleep(STEP)
        return []

    def _working_threads(self) -> list[str]:
        me = threading.current_thread()
        new = [one for one in threading.enumerate() if one is not me and one not in self._threads]
        return [one.name for one in new if _state(Path(f"/proc/self/task/{one.native_id}")) == "R"]

    def _working_processes(self) -> list[str]:
        new = set(descendants(os.getpid())) - self._processes
        return [f"process {_name(one)}" for one in sorted(new) if _state(Path(f"/proc/{one}")) in {"R", "D"}]


def native_work() -> list[str]:
    """The name of a library's thread that goes on for longer than any spins. Takes no time where all rest."""
    if os.environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        return []
    used: dict[str, float] = {}
    deadline = perf_counter() + NATIVE_SECONDS
    while perf_counter() < deadline:
        running = [task for task in _tasks() if _state(task) == "R"]
        if not running:
            return []
        for task in running:
            spent = _cpu_seconds(task)
            if spent - used.setdefault(task.name, spent) > SPIN_SECONDS:
                return [f"thread {(_stat(task) or ('?',))[0]}"]
        sleep(0.01)
    return []


def _tasks() -> list[Path]:
    mine = str(threading.get_native_id())
    return [task for task in Path("/proc/self/task").iterdir() if task.name != mine]


def descendants(process: int) -> list[int]:
    """All processes that a process has started, and they, as far as they still run."""
    found = [process]
    for one in found:
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it, or a thread of it, has just ended
    return found[1:]


def _stat(place: Path) -> tuple[str, list[str]] | None:
    """A thread's or a process's name, and the fields after it; None where it has just ended."""
    try:
        head, _, rest = (place / "stat").read_text().rpartition(")")
    except OSError:
        return None
    return head.partition("(")[2], rest.split()


def _state(place: Path) -> str:
    found = _stat(place)
    return found[1][0] if found else ""


def _name(process: int) -> str:
    return (_stat(Path(f"/proc/{process}")) or ("?",))[0]


def _cpu_seconds(place: Path) -> float:
    found = _stat(place)
    return (int(found[1][11]) + int(found[1][12])) / TICK if found else 0.0
