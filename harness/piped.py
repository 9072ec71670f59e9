"""Own data that comes through a pipe: it can be read once, so it is copied into the cache before anything else.

`--data /dev/stdin`, `--data -`, `--data <(zcat table.csv.gz)` and a named pipe: the runner reads a user's file several
times, in processes that have no standard input. The copy stays, so that a run can be gone on with.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from residency.harness import scratch
from residency.harness.dataset import printable
from residency.harness.errors import UsageError
from residency.harness.store import CHUNK, cache_folder

STANDARD_INPUT, PIPE = "standard-input", "pipe"  # what a copy is called where its source has no name
DESCRIPTOR = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/([0-9]+)")


def kept(named: Path, tell: Callable[[str], None]) -> Path:
    """The file or folder that the user named, or the copy of what comes through the pipe that they named.

    `tell` is told what is waited for. Raises `UsageError` where nothing comes, or it cannot be kept.
    """
    path = Path("/dev/stdin") if str(named) == "-" and not named.exists() else named
    try:
        mode = path.stat().st_mode
    except OSError:
        return named  # the plan says that it is not there
    if stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and path.resolve().exists()):
        return path.resolve() if DESCRIPTOR.fullmatch(str(path)) else named
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        what = "a terminal" if _is_terminal(path) else "a device"
        raise UsageError(f"--data {printable(named)} is {what}: pipe a file into it, or name a file")
    tell(f"reading {printable(named)}, a pipe, to its end; stop with Ctrl-C")
    try:
        with _opened(path) as source:
            copy = _copied(source, path)
    except OSError as error:
        raise UsageError(
            f"cannot copy what comes from {printable(named)} to {printable(cache_folder())}: {error.strerror}; "
            "set RESIDENCY_CACHE to another folder"
        ) from error
    if not copy.stat().st_size:
        raise UsageError(f"--data {printable(named)}: nothing came from it, it was empty")
    return copy


def origin(path: Path) -> str | None:
    """What a copy came from, in words; None for a file that is none."""
    if path.parent.parent != _folder():
        return None
    return {STANDARD_INPUT: "standard input", PIPE: "a pipe"}.get(path.name, f"the pipe {printable(path.name)}")


def _folder() -> Path:
    return cache_folder().resolve() / "piped"


def _opened(path: Path) -> BinaryIO:
    """An open descriptor as it is: a socket cannot be opened by its name."""
    if (descriptor := DESCRIPTOR.fullmatch(str(path))) is not None:
        return os.fdopen(os.dup(int(descriptor[1] or 0)), "rb")
    return path.open("rb")


def _copied(source: BinaryIO, path: Path) -> Path:
    """Copy to the end, into a folder named after the content, so that the same content is the same data."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = DESCRIPTOR.fullmatch(str(path))
    name = path.name if descriptor is None else PIPE if int(descriptor[1] or 0) else STANDARD_INPUT
    digest = hashlib.sha256()
    with scratch.take(folder, ".reading-") as held:
        with (held.folder / name).open("wb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
        place = folder / digest.hexdigest()[:16]
        with suppress(OSError):  # it is there already, in use perhaps
            held.folder.rename(place)
        if not (place / name).exists():  # the same content by another name
            (held.folder / name).rename(place / name)
    return place / name


def _is_terminal(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)
