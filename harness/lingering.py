"""Work that continues after an implementation has returned: the clock waits for it, or the result is wrong.

The clock keeps running until the Python threads and processes that an execution started are done, since their work is
part of it. A thread that is about to start its work waits for Python's lock, or sleeps for a moment. So if an execution
leaves threads or processes, they are watched for a while, off the clock. The time of an execution whose pools are idle
stays what it was. Who sleeps for longer than that and works while the result is judged is found after judging. What
starts even later comes too late for the result.

Threads of libraries are checked after the clock has stopped: those of OpenMP and BLAS spin for up to 0.2 s of processor
time after their work. That does not count as work; a thread that runs for longer does.

Some libraries have a progress thread that polls for as long as the process lives, as RapidsMPF and UCXX in their
polling modes. Such threads have no names of their own, and a name would prove nothing. They are known by what they do
while nothing is asked: a thread that ran during the whole idle spell before an execution does not count as its work.
While there is one, the result must not change any more after it was returned. Not yet seen on a real GPU.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, TypeVar

import numpy as np

from residency.harness.cluster import Workers

WAIT_SECONDS = 1.0  # for the execution's own threads and processes to rest
LOOK_SECONDS = 0.01  # that they are watched for, if they seem to rest
BRIEF_SECONDS = 0.001  # of processor time: what an idle pool's thread needs to wake up or to end
LATE_SECONDS = 0.05  # of processor time that a Python thread may use while the result is judged
SPIN_SECONDS = 0.4  # of processor time: no library's threads spin for that long
NATIVE_SECONDS = 5.0  # for a library's thread to use that much processor time
IDLE_SECONDS = 0.5  # that a thread must run while nothing is asked, to count as one that always runs: longer than spins
ALWAYS = 0.9  # share of that time in which it runs or waits for a core
STEP, NATIVE_STEP = 0.0005, 0.01
TICK = os.sysconf("SC_CLK_TCK")

T = TypeVar("T")


class Started:
    """Remembers the threads and processes that existed before; create it when the execution begins."""

    def __init__(self, cluster: Workers | None = None) -> None:
        """Note what runs now. A cluster's processes come and go, so the cluster itself is asked what it does."""
        self._cluster = cluster
        self._threads = set(threading.enumerate())
        self._processes = set(descendants(os.getpid()))
        self._spent: dict[str, float] = {}  # processor seconds of threads, when each was last seen to work

    def working(self) -> list[str]:
        """The threads and processes started since that work now. Those that wait, as in an idle pool, do not count."""
        others = self._working_processes() if self._cluster is None else self._cluster.working()
        return [*(thread.name for thread in self._new_threads() if self._works(_task(thread))), *others]

    def wait(self, read: Callable[[], T]) -> tuple[T | None, list[str]]:
        """Watch those started since until they rest, as a closing pool soon does.

        Returns what `read` gave when they had just come to rest, None if none worked; and those that still work after a
        second. While none works, they are watched for a hundredth of a second: between two looks they get Python's
        lock, and may begin.
        """
        last, busy, quiet, deadline = None, False, perf_counter(), float("inf")
        while True:
            working, now = self.working(), perf_counter()
            if working or busy:
                last, quiet, deadline = read(), now, min(deadline, now + WAIT_SECONDS)
            if now > deadline or not (working or self._left()) or now - quiet > LOOK_SECONDS:
                self._spent = {_task(thread).name: _cpu_seconds(_task(thread)) for thread in self._new_threads()}
                return last, working
            busy = bool(working)
            sleep(STEP)

    def late(self) -> list[str]:
        """Those that slept until `wait` was over and have worked since, or work now; ask when the result is judged."""
        spent = {thread.name: self._grown(_task(thread)) for thread in self._new_threads()}
        threads = [name for name, seconds in spent.items() if seconds > LATE_SECONDS]
        return threads + (self._working_processes() if self._cluster is None else [])

    def _left(self) -> bool:
        return bool(self._new_threads()) or (self._cluster is None and bool(self._new_processes()))

    def _new_threads(self) -> list[threading.Thread]:
        me = threading.current_thread()
        return [thread for thread in threading.enumerate() if thread is not me and thread not in self._threads]

    def _new_processes(self) -> list[int]:
        return sorted(set(descendants(os.getpid())) - self._processes)

    def _works(self, task: Path) -> bool:
        """Whether a thread runs, or has run since the last look: one that needs Python's lock never runs when we do."""
        self._spent.setdefault(task.name, _cpu_seconds(task))
        grown = self._grown(task) > BRIEF_SECONDS
        if grown:
            self._spent[task.name] = _cpu_seconds(task)
        return grown or _state(task) in {"R", "D"}

    def _grown(self, task: Path) -> float:
        return _cpu_seconds(task) - self._spent.get(task.name, 0.0)

    def _working_processes(self) -> list[str]:
        return [f"process {_name(pid)}" for pid in self._new_processes() if _state(Path(f"/proc/{pid}")) in {"R", "D"}]


class Idle:
    """What the threads of this process do while nothing is asked: it begins after an execution, and ends before one."""

    def __init__(self) -> None:
        """Begin the idle spell."""
        self._start = perf_counter()
        self._wanted = {task: _wanted_seconds(task) for task in _tasks()}

    def always_running(self) -> frozenset[str]:
        """The threads that have run all the time, as progress threads that poll do. Returns at once if all rest.

        Otherwise the spell is made long enough to tell, off the clock.
        """
        tasks = list(self._wanted)
        while (tasks := [task for task in tasks if _state(task) == "R"]) and self._seconds < IDLE_SECONDS:
            sleep(NATIVE_STEP)
        least = ALWAYS * self._seconds
        return frozenset(task.name for task in tasks if _wanted_seconds(task) - self._wanted[task] > least)

    @property
    def _seconds(self) -> float:
        return perf_counter() - self._start


def native_work(always: Collection[str] = (), may_poll: bool = False) -> list[str]:
    """The name of a library's thread that runs for longer than any spins. Returns at once if all threads rest.

    On a busy machine a thread that yields its core gets hardly any processor time, so one that wanted a core all the
    while counts too. The threads in `always` do not count. With `may_poll`, a thread that does not rest at all is taken
    for one that polls, because there was no idle spell before the first execution. Only that cold execution is
    believed, which is shown and never compared. In those after it, the thread must have run all the time before.
    """
    if os.environ.get("OMP_WAIT_POLICY", "").lower() == "active":
        return []
    first: dict[str, tuple[float, float]] = {}
    worked: list[str] = []
    deadline = perf_counter() + NATIVE_SECONDS
    while perf_counter() < deadline:
        running = [task for task in _tasks() if task.name not in always and _state(task) == "R"]
        if not running:
            return worked
        for task in running:
            spent, wanted = _cpu_seconds(task), _wanted_seconds(task)
            then = first.setdefault(task.name, (spent, wanted))
            if spent - then[0] > SPIN_SECONDS or wanted - then[1] > ALWAYS * NATIVE_SECONDS:
                worked = [f"thread {(_stat(task) or ('?',))[0]}"]
                if not may_poll:
                    return worked
        sleep(NATIVE_STEP)
    return []


def fingerprint(result: Any) -> int:
    """A checksum of a result's arrays, to find out whether they change after it was returned."""
    parts = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
    total = 0
    for part in parts:
        if isinstance(part, np.ndarray) and not part.dtype.hasobject:
            total = zlib.crc32(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data, total)
    return total


def _task(thread: threading.Thread) -> Path:
    return Path(f"/proc/self/task/{thread.native_id}")


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


def _cpu_seconds(task: Path) -> float:
    """Processor time of a thread: to the nanosecond where Linux counts it, else to a hundredth of a second."""
    if (counts := _schedule(task)) is not None:
        return counts[0] / 1e9
    fields = _stat(task)
    return (int(fields[1][11]) + int(fields[1][12])) / TICK if fields else 0.0


def _wanted_seconds(task: Path) -> float:
    """How long a thread has run or waited for a core: of a thread that polls, all the time on a busy machine too."""
    counts = _schedule(task)
    return _cpu_seconds(task) if counts is None else (counts[0] + counts[1]) / 1e9


def _schedule(task: Path) -> tuple[int, int] | None:
    """Nanoseconds that a thread has run, and that it has waited for a core; None if Linux does not tell."""
    try:
        ran, waited, _ = (task / "schedstat").read_text().split()
    except (OSError, ValueError):
        return None
    return int(ran), int(waited)
