"""A program that runs in the sandbox: what it prints, what it uses, how it is stopped and how it is ended."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from residency.labs import groups

MOST_PROCESSES = 64  # with threads
MOST_OUTPUT = 1 << 20  # bytes that it may print
LOOK_EVERY = 0.05  # seconds between two looks at its memory
OPEN_TO_ALL = ("/tmp", "/var/tmp", "/dev/shm")
TURNS = 40  # looks for processes that are not stopped yet


@dataclass
class Limits:
    """What one program may use."""

    memory_bytes: int = 1 << 30
    processes: int = MOST_PROCESSES
    output_bytes: int = MOST_OUTPUT
    threads: int = 1
    gpu: bool = False  # whether it sees this machine's GPUs


@dataclass
class Boxed:
    """A program that runs in the sandbox."""

    popen: subprocess.Popen[bytes]
    limits: Limits
    group: groups.Group | None = None
    home: str = ""  # its folder, where it has no namespaces
    user: int = 0  # who runs nothing else, where there are no namespaces
    most_kept: int = 8192  # bytes of what it prints
    broken: str = ""  # the limit that it broke: `memory`, `processes` or `output`
    printed: bytearray = field(default_factory=bytearray)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def watched(self) -> Boxed:
        """Begin to read what it prints and to watch its memory."""
        assert self.popen.stdout is not None
        for task in (functools.partial(self._read, self.popen.stdout), self._watch):
            self._threads.append(threading.Thread(target=task, daemon=True))
            self._threads[-1].start()
        return self

    def processes(self) -> list[psutil.Process]:
        """All its processes. What loses its parent becomes a child of the namespace's first, so none is missed."""
        try:
            top = psutil.Process(self.popen.pid)
            return [top, *top.children(recursive=True)]
        except psutil.Error:
            return []

    def busy_seconds(self) -> float:
        """Processor seconds of all its processes so far."""
        if self.group is not None and (counted := self.group.seconds()) is not None:
            return counted
        total = 0.0
        for running in self.processes():
            with contextlib.suppress(psutil.Error):
                times = running.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def is_at_rest(self) -> bool:
        """Whether no thread of any of its processes computes, or would if a core were free."""
        for running in self.processes():
            with contextlib.suppress(OSError):
                for thread in Path(f"/proc/{running.pid}/task").iterdir():
                    with contextlib.suppress(OSError):
                        if (thread / "stat").read_text().rpartition(")")[2].split()[0] == "R":
                            return False
        return True

    @property
    def counts_finely(self) -> bool:
        """Whether processor seconds are counted finer than in clock ticks."""
        return self.group is not None and self.group.seconds() is not None

    def pause(self) -> None:
        """Stop all its processes: while another is timed, nothing of it may run. What cannot be stopped is ended."""
        if self.group is not None and self.group.freeze():
            return
        stopped: set[int] = set()
        for _ in range(TURNS):  # what is stopped cannot fork
            new = [running for running in self.processes() if running.pid not in stopped]
            if not new:
                return
            self._signal(signal.SIGSTOP, new)
            stopped |= {running.pid for running in new}
        self._break("processes")

    def go_on(self) -> None:
        """Let them run again."""
        if self.group is not None:
            self.group.thaw()
        self._signal(signal.SIGCONT, self.processes())

    @staticmethod
    def _signal(number: signal.Signals, processes: list[psutil.Process]) -> None:
        for running in processes:
            with contextlib.suppress(psutil.Error):
                running.send_signal(number)

    def has_broken(self) -> bool:
        """Whether it broke a limit; `broken` says which."""
        if not self.broken and self.group is not None:
            if self.group.was_full():
                self.broken = "memory"
            elif self.group.was_crowded():
                self.broken = "processes"
        return bool(self.broken)

    def has_ended(self, within: float) -> bool:
        """Whether it ends by itself within some seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(within)
        return self.popen.poll() is not None

    def read_to_end(self) -> None:
        """Wait until all that an ended program wrote is read."""
        self._threads[0].join(5)

    def close(self) -> None:
        """End all its processes, wait until they are gone, and remove what they left."""
        self._ended.set()
        self._kill()
        for thread in self._threads:
            thread.join(5)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        if self.group is not None:
            self.has_broken()
            self.group.remove()
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)
        if self.user:
            _clean(self.user)

    def _kill(self) -> None:
        if self.group is not None:
            self.group.thaw()
        if self.home and self.popen.poll() is None:
            self._signal(signal.SIGCONT, self.processes())
            self.popen.terminate()  # the keeper ends the others first
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(3)
        if self.group is not None:
            self.group.kill()
        for running in reversed(self.processes()):
            with contextlib.suppress(psutil.Error):
                running.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.kill()
            self.popen.wait(5)

    def _break(self, limit: str) -> None:
        self.broken = self.broken or limit
        self._kill()

    def _read(self, stream: IO[bytes]) -> None:
        total = 0
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), 65536):
                total += len(piece)
                if len(self.printed) < self.most_kept:
                    self.printed += piece[: self.most_kept - len(self.printed)]
                if total > self.limits.output_bytes:
                    self._break("output")

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            if self.group is not None and self.group.limited:
                if self.has_broken():
                    self._kill()
                continue
            running = self.processes()
            most = self.limits.memory_bytes
            if _memory(running, "rss") > most and _memory(running, "pss") > most:
                self._break("memory")
            if _threads(running) > self.limits.processes + 8:  # with the sandbox's own
                self._break("processes")


def _memory(processes: list[psutil.Process], kind: str) -> int:
    """Bytes of memory of some processes. `rss` is quick, and counts what they share once for each; `pss` is exact."""
    total = 0
    for running in processes:
        with contextlib.suppress(psutil.Error):
            total += running.memory_info().rss if kind == "rss" else running.memory_full_info().pss
    return total


def _threads(processes: list[psutil.Process]) -> int:
    total = 0
    for running in processes:
        with contextlib.suppress(psutil.Error):
            total += running.num_threads()
    return total


def _clean(user: int) -> None:
    """Remove the files that a user, who ran one program and nothing else, left where all may write."""
    for place in OPEN_TO_ALL:
        with contextlib.suppress(OSError):
            for file in Path(place).iterdir():
                with contextlib.suppress(OSError):
                    if file.lstat().st_uid == user:
                        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
