"""Temporary folders in a place that several processes share, and the removal of those whose owner is dead.

A lock of the file system (`flock`) tells whether the owner lives: the kernel drops it when its holder ends, in any way.
A process id does not tell: containers that share a folder each number their processes on their own.

    .making-PLACE-RANDOM        the folder
    .making-PLACE-RANDOM.lock   locked by its owner for as long as the owner lives

PLACE stands for the running kernel, which all containers of a machine share, and for the mounted file system. If both
are ours, a lock that we can take proves that the owner is dead. Otherwise it proves nothing: NFS, for example, may be
mounted with locks that stay on one machine. Such a folder, or one without a lock, is removed when nothing in it has
changed for a week.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LOCK = ".lock"
UNKNOWN = "unknown"  # PLACE if the kernel has no boot id, or the file system has no locks
ABANDONED = 7 * 86_400.0  # seconds without a change after which a folder counts as abandoned
ATTEMPTS = 100
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Scratch:
    """A folder of our own under a shared one. Use it as a context manager: leaving it removes the folder."""

    folder: Path
    lock: Path
    _descriptor: int

    def release(self) -> None:
        """Remove the folder, if it is still there, and release its lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.lock.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take(parent: Path, prefix: str) -> Scratch:
    """A new folder under `parent`, ours until it is released or this process ends. Removes abandoned folders first.

    It is on the same file system as its neighbours, so that one rename can move it to its final place.
    """
    remove_abandoned(parent, prefix)
    for _ in range(ATTEMPTS):
        name = f"{prefix}{_place(parent)}-{secrets.token_hex(8)}"
        lock = parent / f"{name}{LOCK}"
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = _is_there(lock, descriptor)
        except BlockingIOError:
            taken = False  # between our two steps, another process locked it as abandoned
        except OSError:  # no locks here: only its age will tell that it is abandoned
            name, taken = f"{prefix}{UNKNOWN}-{secrets.token_hex(8)}", True
            lock.rename(parent / f"{name}{LOCK}")
            lock = parent / f"{name}{LOCK}"
        if taken:
            made = Scratch(parent / name, lock, descriptor)
            try:
                made.folder.mkdir()
            except BaseException:
                made.release()
                raise
            return made
        os.close(descriptor)
    raise OSError(f"no folder in {parent} could be locked")


def remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove the folders of owners that are certainly dead, with their locks."""
    ours = re.compile(re.escape(prefix) + r"(?P<place>[0-9a-z]+)-[^.]*")
    names = {file.name.removesuffix(LOCK) for file in parent.glob(f"{prefix}*")}
    for name in sorted(names):
        folder, lock = parent / name, parent / f"{name}{LOCK}"
        parts = ours.fullmatch(name)
        if parts is not None and parts["place"] == _place(parent) != UNKNOWN and lock.exists():
            _remove_if_unlocked(folder, lock)
        elif _is_old(folder) and _is_old(lock):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                lock.unlink(missing_ok=True)


def _remove_if_unlocked(folder: Path, lock: Path) -> None:
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return  # its owner has just removed it, or it belongs to another user
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_there(lock, descriptor):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
    except OSError:
        pass  # its owner lives, or we cannot tell
    finally:
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the path still leads to the file that was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _is_old(path: Path) -> bool:
    """Whether nothing there has changed for a week, by the file system's own clock. A missing path counts as old."""
    try:
        changed = [path.stat().st_mtime]
    except OSError:
        return True
    changed += [_changed(Path(place, name)) for place, _, names in os.walk(path) for name in names]
    changed += [_changed(Path(place)) for place, _, _ in os.walk(path)]
    return _clock(path.parent) - max(changed) > ABANDONED


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return float("inf")  # it is being changed right now


def _clock(folder: Path) -> float:
    """The time on the clock of a folder's file system, which may belong to another machine."""
    file = folder / f".clock-{secrets.token_hex(8)}"
    try:
        file.touch()
        return file.stat().st_mtime
    except OSError:
        return float("-inf")  # without a clock, nothing counts as old
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _place(folder: Path) -> str:
    """The place within which locks can be trusted: this boot of the kernel, and this mounted file system."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN
    return hashlib.sha256(f"{boot} {folder.stat().st_dev}".encode()).hexdigest()[:16]
