"""Folders that are filled in a place that others share, and the removal of those whose owner is dead.

Who is alive is told by a lock that the file system holds (`flock`): the kernel drops it when its holder ends, however
that ends. A process id says nothing of it, since containers that share a folder number their processes each for itself.

    .making-PLACE-RANDOM        the folder
    .making-PLACE-RANDOM.lock   locked by its owner as long as that lives

PLACE stands for the running kernel, which all containers of a machine share, and for the mounted file system. Where
both are the same, a lock that can be had is proof that its owner is dead. Elsewhere it is none: NFS, for one, may be
mounted with locks that stay on one machine. What comes from elsewhere, or has no lock, goes when nothing in it has
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
UNKNOWN = "unknown"  # as a place: a kernel that does not tell which it is, or a file system without locks
ABANDONED = 7 * 86_400.0  # seconds without a change, after which nobody is filling it
ATTEMPTS = 100
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass
class Scratch:
    """A folder of our own under a shared one. Use it as a context manager: leaving removes what is left of it."""

    folder: Path
    lock: Path
    _descriptor: int

    def release(self) -> None:
        """Remove what is left of the folder, and let go of it."""
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
    """A fresh folder under `parent`, held until it is released or this process ends; abandoned ones are removed first.

    It is on the same file system as its neighbours, so that it can be put in its place in one step.
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
            taken = False  # by whoever took it for abandoned, between our two steps
        except OSError:  # no locks here: only its age will tell
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
    """Remove the folders of owners that are dead for certain, with their locks."""
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
        return  # its owner has just removed it, or is another user
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_there(lock, descriptor):
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)
    except OSError:
        pass  # its owner lives, or it cannot be told
    finally:
        os.close(descriptor)


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether a path still is the file that was opened."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _is_old(path: Path) -> bool:
    """Whether nothing there has changed for a week, by the clock of the file system itself; what is gone is old."""
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
        return float("inf")  # it changes right now


def _clock(folder: Path) -> float:
    """What time it is for the file system of a folder, which may be another machine's."""
    file = folder / f".clock-{secrets.token_hex(8)}"
    try:
        file.touch()
        return file.stat().st_mtime
    except OSError:
        return float("-inf")  # nothing is old where that cannot be told
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _place(folder: Path) -> str:
    """Where locks are known for certain: on this start of the kernel, and this file system as it is mounted."""
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN
    return hashlib.sha256(f"{boot} {folder.stat().st_dev}".encode()).hexdigest()[:16]
