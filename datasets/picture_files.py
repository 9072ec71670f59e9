"""The files of a user's folder of pictures: which are looked at, and notes on what became of them.

    file                                                         is
    its name, or a folder's, begins with a point                 skipped
    what systems put beside pictures: `Thumbs.db`, `__MACOSX/`   skipped
    a link, or in a folder that is a link                        read as what it leads to; a loop of links ends
    a link that leads nowhere, or neither file nor folder        left out; a remark says so
    (a pipe)

The content decides whether a file is a picture, not its name: `IMG_1.JPG` is read, and so is a picture without a
suffix.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from residency.harness.dataset import number_of, printable
from residency.harness.errors import UsageError
from residency.harness.files import files_under

SHOWN = 3  # names in a remark; the rest are counted
OF_THE_SYSTEM = {  # in lower case
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information",
    "lost+found",
}  # fmt: skip
UNPACK, AS_FILES = "unpack it", "write its pictures as files, PNG for example"
REMEDIES = {  # by suffix, for files that Pillow cannot read
    ".pdf": "save its pages as pictures, with `pdftoppm -r 200 -png` for example",
    ".djvu": "save its pages as pictures, with `ddjvu -format=tiff` for example",
    **dict.fromkeys((".heic", ".heif"), "save it as JPEG"),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"), UNPACK),
    **dict.fromkeys((".parquet", ".npy", ".npz", ".h5", ".hdf5", ".pkl", ".pt", ".tfrecord", ".mat"), AS_FILES),
}
DAMAGED = (  # what Pillow raises on files that are cut short or garbled
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    MemoryError, AssertionError, struct.error, zlib.error,
)  # fmt: skip


@dataclass
class Notes:
    """What became of which files, in the order in which it first happened."""

    names: dict[str, list[str]] = field(default_factory=dict)
    passed_over: int = 0  # number of hidden files and a system's own files, which are skipped

    def add(self, what: str, *names: str) -> None:
        """Note what became of these files, if there are any."""
        if names:
            self.names.setdefault(what, []).extend(map(printable, names))

    def remarks(self) -> tuple[str, ...]:
        """A sentence for each thing that happened: how many files, and the first of them by name."""
        return tuple(f"{listed([f'`{name}`' for name in names])}: {what}" for what, names in self.names.items())

    def left_out(self) -> list[str]:
        """The remarks on what was left out, for an error."""
        return [remark for remark in self.remarks() if "left out" in remark]


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(printable, names[:SHOWN])) + more


def files_of(root: Path, noted: Notes) -> list[tuple[str, Path]]:
    """The files of a folder that are to be looked at, each with its path from there, in the order of names.

    If `root` is a file, it is the only one. What is neither file nor folder is noted. Raises `UsageError` if a folder
    cannot be read.
    """
    if not root.is_dir():
        return [(root.name, root)]

    def leave_out(path: Path, why: str) -> None:
        if not is_passed_over(path.relative_to(root)):
            noted.add(f"left out, {why}", path.relative_to(root).as_posix())

    names = [(file.relative_to(root), file) for file in files_under(root, leave_out)]
    looked_at = [(name.as_posix(), file) for name, file in names if not is_passed_over(name)]
    noted.passed_over += len(names) - len(looked_at)
    return looked_at


def is_passed_over(name: Path) -> bool:
    """Whether the file, or a folder on the way to it, is hidden or a system's own."""
    return any(part.startswith(".") or part.lower() in OF_THE_SYSTEM for part in name.parts)


def unknown_kind(name: str) -> str:
    """Why a file that Pillow cannot read is left out, and what to do, if that is known."""
    return f"no picture that Pillow knows{remedy_for(name)}"


def remedy_for(name: str) -> str:
    """A colon and what to do with a file that holds pictures but is not one; empty if that is not known."""
    remedy = REMEDIES.get(Path(name).suffix.lower())
    return f": {remedy}" if remedy else ""


def why_damaged(error: BaseException) -> str:
    """Pillow's own words for what is wrong with a file, on one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def no_picture(root: Path, noted: Notes, remedy: str) -> UsageError:
    """The error for a folder or a file without a picture; it says what is there instead."""
    name = printable(root.name or root)
    if not root.is_dir():
        reasons = "; ".join(what.removeprefix("left out, ") for what in noted.names)
        return UsageError(f"{name}: {reasons}; {remedy}")
    hidden = [f"{number_of(noted.passed_over, 'hidden file')} skipped"] if noted.passed_over else []
    instead = "; ".join([*noted.left_out(), *hidden])
    return UsageError(f"{name} holds no picture{f' ({instead})' if instead else ''}; {remedy}")
