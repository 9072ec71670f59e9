"""Control groups: the kernel's limits on the memory and the processes of one program, and one handle to stop them all.

Version 1 needs the right to make a group of `memory` and of `pids`, which only root has. Version 2 needs a parent that
hands both controllers down. A group that holds processes itself cannot do that, so in a terminal on a desktop there is
often a group without limits: it still freezes, kills and counts processor time, and the sandbox's watch does the rest.

A group's folder stays locked as long as its owner lives, so that the next start can tell and remove what was left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from residency.labs import scratch

PREFIX = "residency-lab-"
ROOT = Path("/sys/fs/cgroup")
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 126; shift; done; shift; exec "$@"'
NEEDED = {"v1": ("memory", "pids"), "v2": ("",)}
USEFUL = {"v1": ("freezer", "cpuacct"), "v2": ()}
WAITS = 200  # looks, 5 ms apart, until a group is frozen or empty


@dataclass(frozen=True)
class Group:
    """The control group of one program."""

    folders: dict[str, Path]  # by controller; one without a name in version 2
    limited: bool  # whether the kernel limits memory and processes
    locks: tuple[int, ...] = ()

    @classmethod
    def made(cls, kind: str, memory_bytes: int, processes: int) -> Group | None:
        """Make one of this kind (`v1`, `v2`, or `v2 without limits`); None where that fails."""
        version, limited = kind[:2], kind in ("v1", "v2")
        name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
        group = cls({}, limited)
        try:
            for controller in NEEDED[version]:
                group._add(controller, version, name)
            for controller in USEFUL[version]:
                with contextlib.suppress(OSError):
                    group._add(controller, version, name)
            for setting, value in _settings(version, memory_bytes, processes) if limited else ():
                group._set(setting, value)
        except OSError:
            group.remove()
            return None
        locks = tuple(scratch.locked(folder) for folder in group.folders.values())
        return cls(group.folders, limited, locks)

    def _add(self, controller: str, version: str, name: str) -> None:
        folder = _parent(controller, version) / name
        folder.mkdir()
        self.folders[controller] = folder

    def _set(self, setting: str, value: int) -> None:
        """Write a setting; one of swap may be missing."""
        file = self._file(setting)
        if file is None:
            if "sw" in setting:
                return
            raise OSError(f"no control group has {setting}")
        with file.open("r+") as opened:  # never creates a file
            opened.write(str(value))

    def _file(self, name: str) -> Path | None:
        return next((folder / name for folder in self.folders.values() if (folder / name).exists()), None)

    def _number(self, name: str, key: str) -> int | None:
        """A number in one of its files: of the line that begins with `key`, or of the only line."""
        file = self._file(name)
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in file.read_text().splitlines() if file else ():
                if not key or line.startswith(f"{key} "):
                    return int(line.split()[-1])
        return None

    def joining(self, command: list[str]) -> list[str]:
        """The command that joins this group and then runs another. It ends with 126 if it cannot join."""
        doors = [str(folder / "cgroup.procs") for folder in self.folders.values()]
        return ["/bin/sh", "-c", JOIN, "sh", *doors, "--", *command]

    def was_full(self) -> bool:
        """Whether the kernel killed for lack of memory."""
        return bool(self._number("memory.events", "oom_kill") or self._number("memory.oom_control", "oom_kill"))

    def was_crowded(self) -> bool:
        """Whether the kernel refused a process or thread because there were too many."""
        return bool(self._number("pids.events", "max"))

    def seconds(self) -> float | None:
        """Processor seconds of all that ever ran in it, where this machine counts them."""
        if (used := self._number("cpuacct.usage", "")) is not None:
            return used / 1e9
        used = self._number("cpu.stat", "usage_usec")
        return None if used is None else used / 1e6

    def freeze(self) -> bool:
        """Stop all that is in it at once, also what forks all the time; False where this machine cannot."""
        if (file := self._file("cgroup.freeze")) is not None:
            return self._written(file, "1") and self._waited("cgroup.events", "frozen 1")
        file = self._file("freezer.state")
        return file is not None and self._written(file, "FROZEN") and self._waited("freezer.state", "FROZEN")

    def thaw(self) -> None:
        """Let it run again."""
        for name, word in (("cgroup.freeze", "0"), ("freezer.state", "THAWED")):
            if (file := self._file(name)) is not None:
                self._written(file, word)

    @staticmethod
    def _written(file: Path, word: str) -> bool:
        try:
            file.write_text(word)
        except OSError:
            return False
        return True

    def _waited(self, name: str, line: str) -> bool:
        for _ in range(WAITS):
            if (file := self._file(name)) is not None and line in _lines(file):
                return True
            time.sleep(0.005)
        return False

    def kill(self) -> None:
        """Kill all that is in it, also what forks faster than it can be listed: frozen, it cannot fork."""
        if (file := self._file("cgroup.kill")) is not None:
            self._written(file, "1")
        for _ in range(WAITS):
            numbers = {int(line) for folder in self.folders.values() for line in _lines(folder / "cgroup.procs")}
            if not numbers:
                return
            self.freeze()
            for number in numbers - {0}:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(number, signal.SIGKILL)
            self.thaw()
            time.sleep(0.005)

    def remove(self) -> None:
        """Remove it."""
        for folder in self.folders.values():
            for _ in range(WAITS):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.005)
        for lock in self.locks:
            os.close(lock)


def _settings(version: str, memory_bytes: int, processes: int) -> list[tuple[str, int]]:
    if version == "v2":
        return [("memory.max", memory_bytes), ("memory.swap.max", 0), ("pids.max", processes)]
    memory = [("memory.limit_in_bytes", memory_bytes), ("memory.memsw.limit_in_bytes", memory_bytes)]
    return [*memory, ("pids.max", processes)]


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _parent(controller: str, version: str) -> Path:
    """Our own group's folder of a controller."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if version == "v2" and not names:
            return _real(ROOT, path)
        if version == "v1" and controller in names.split(","):
            return _real(ROOT / controller, path)
    raise OSError(f"no control group of {controller}")


def _real(root: Path, path: str) -> Path:
    folder = root / path.lstrip("/")
    if ".." in folder.parts or not (folder / "cgroup.procs").is_file():
        raise OSError(f"{folder} is no control group")
    return folder


def kind() -> str:
    """The best kind that works on this machine, tried with a process; empty where none does."""
    return next((kind for kind in ("v2", "v1", "v2 without limits") if _works(kind)), "")


def _works(kind: str) -> bool:
    group = Group.made(kind, 1 << 30, 64)
    if group is None:
        return False
    try:
        command = group.joining(["/bin/sh", "-c", "exit 0"])
        return not subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError:
        return False
    finally:
        group.remove()


def sweep() -> None:
    """Remove groups whose owner is dead, with what still runs in them."""
    for version in ("v1", "v2"):
        for controller in (*NEEDED[version], *USEFUL[version]):
            with contextlib.suppress(OSError):
                for folder in _parent(controller, version).glob(f"{PREFIX}*"):
                    if scratch.is_abandoned(folder):
                        group = Group({controller: folder}, limited=False)
                        group.kill()
                        group.thaw()
                        group.remove()
