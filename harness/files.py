"""Every file of a folder, as all who read, count or hash it must see it; and files that are never half written."""

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
    """All files of a folder and of the folders in it, in the order of their names; links count as what they lead to.

    A link to a folder that the link itself lies in is not followed, so every loop of links ends. `left_out` is told
    what is neither a file nor a folder that was entered, and why. Raises `UsageError` where a folder cannot be read.
    """
    files: list[Path] = []
    above = {os.fspath(folder): {_identity(folder)}}  # of a folder still to be listed: itself and those it lies in
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


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step, in UTF-8: whoever reads it finds all of the old or all of the new text.

    What is being written has a name that chance chose: the process of another container may have our number.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        part.write_text(text, encoding="utf-8")
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _refuse(error: OSError) -> NoReturn:
    raise UsageError(f"cannot read the folder {printable(error.filename)}: {error.strerror}") from error
