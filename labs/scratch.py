"""Folders for one grading, which are gone afterwards: also when the grader was killed, at the next start.

A folder stays locked as long as the process that made it lives; the kernel drops the lock with the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "residency-grading-"
NEW = 60.0  # seconds in which a folder may not be locked yet


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A new folder that other users may enter, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = locked(path)
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def locked(path: Path) -> int:
    """Lock a folder until the descriptor is closed, or this process ends."""
    lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_SH)
    return lock


def is_abandoned(path: Path) -> bool:
    """Whether a folder's owner is dead: it is not new, and nobody holds its lock."""
    try:
        if time.time() - path.lstat().st_ctime < NEW or path.is_symlink() or path.lstat().st_uid != os.geteuid():
            return False
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def sweep() -> None:
    """Remove the folders whose owner is dead."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)
