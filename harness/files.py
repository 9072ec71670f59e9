"""List all files of a folder, the same way for reading, counting and hashing; and write files in one step."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from residency.harness.dataset import printable
from residency.harness.errors import UsageError

NOWHERE = "a link that leads nowhere"
LOOP = "a link to a folder that it lies in"
NO_FILE = "neither a file nor a folder"


def files_under(folder: Path, left_out: Callable[[Path, str], None] = lambda _path, _why: None) -> list[Path]:
    """All files of a folder and of the folders in it, sorted by name; a link counts as what it leads to.

    A link to a folder that contains the link is not followed, so loops of links end. `left_out` is called with every
    path that was left out, and why. Raises `UsageError` if a folder cannot be read.
    """
    files: list[Path] = []
    above = {os.fspath(folder): {_identity(folder)}}  # for each folder still to list: itself and the folders above it
    for place, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        around = above.pop(place)
        entered = []
        for name in folders:
            inner = os.path.join(place, name)  # noqa: PTH118 (as os.walk writes it)
            if (identity := _identity(Path(inner))) in around:
                left_out(Path(inner), LOOP)
            else:
                above[inner] = around | {identity}
                entered.append(name)
        folders[:] = entered
        for file in (Path(place, name) for name in names):
            if file.is_file():
                files.append(file)
            else:
                left_out(file, NO_FILE if file.exists() else NOWHERE)
    return sorted(files)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step, text in UTF-8: a reader finds either the whole old content or the whole new content.

    The temporary file has a random name, because a process in another container may have our process id.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _refuse(error: OSError) -> NoReturn:
    raise UsageError(f"cannot read the folder {printable(error.filename)}: {error.strerror}") from error
