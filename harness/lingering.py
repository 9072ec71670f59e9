"""Work that continues after an implementation has returned: the clock waits for it, or the result is wrong.

The clock keeps running until the Python threads and processes that an execution started are done, since their work is
part of it. Threads of libraries are checked after the clock has stopped: those of OpenMP and BLAS spin for up to 0.2 s
of processor time after their work. That does not count as work; a thread that runs for longer does.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from time import perf_counter, sleep

from residency.harness.cluster import Workers

WAIT_SECONDS = 1.0  # for the execution's own threads and processes to rest
SPIN_SECONDS = 0.4  # of processor time: no library's threads spin for that long
NATIVE_SECONDS = 5.0  # for a library's thread to use that much processor time
STEP = 0.0005
TICK = os.sysconf("SC_CLK_TCK")


class Started:
    """Remembers the threads and processes that existed before; create it when the execution begins."""

    def __init__(self, cluster: Workers | None = None) -> None:
        """Note what runs now. A cluster's processes come and go, so the cluster itself is asked what it does."""
        self._cluster = cluster
        self._threads = set(threading.enumerate())
        self._processes = set(descendants(os.getpid()))

    def working(self) -> list[str]:
        """The threads and processes started since that work now. Those that wait, as in an idle pool, do not count."""
        others = self._working_processes() if self._cluster is None else self._cluster.working()
        return [*self._working_threads(), *others]

    def wait(self) -> list[str]:
        """Wait until those started since rest, as a closing pool soon does; returns those that work after a second."""
        deadline = perf_counter() + WAIT_SECONDS
        while working := self.working():
            if perf_counter() > deadline:
                return working
            sleep(STEP)
        return []

    def _working_threads(self) -> list[str]:
        me = threading.current_thread()
        new = [thread for thread in threading.enumerate() if thread is not me and thread not in self._threads]
        return [thread.name for thread in new if _state(Path(f"/proc/self/task/{thread.native_id}")) == "R"]

    def _working_processes(self) -> list[str]:
        new = set(descendants(os.getpid())) - self._processes
        return [f"process {_name(pid)}" for pid in sorted(new) if _state(Path(f"/proc/{pid}")) in {"R", "D"}]


def native_work() -> list[str]:
    """The name of a library's thread that runs for longer than any spins. Returns at once if all threads rest."""
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
    """All running processes that a process has started, directly or through others."""
    family = [process]
    for pid in family:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                family += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # the process, or one of its threads, has just ended
    return family[1:]


def _stat(place: Path) -> tuple[str, list[str]] | None:
    """A thread's or a process's name, and the fields after it; None if it has just ended."""
    try:
        head, _, rest = (place / "stat").read_text().rpartition(")")
    except OSError:
        return None
    return head.partition("(")[2], rest.split()


def _state(place: Path) -> str:
    fields = _stat(place)
    return fields[1][0] if fields else ""


def _name(process: int) -> str:
    return (_stat(Path(f"/proc/{process}")) or ("?",))[0]


def _cpu_seconds(place: Path) -> float:
    fields = _stat(place)
    return (int(fields[1][11]) + int(fields[1][12])) / TICK if fields else 0.0
