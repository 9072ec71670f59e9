"""The program Tesseract, as `lines.py` uses it: lines go in as pages of a TIFF file, words come out as a table."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import Unavailable

ENLARGED, BORDER = 2, 16  # times and pixels: it was made for larger letters, and for some paper around them
OPTIONS = ("--psm", "7", "--oem", "1", "-l", "eng")  # a page is one line; the recurrent network; English
PAGE, TEXT = 1, 11  # columns of its table


def program() -> str:
    """Where it is; raises `Unavailable` with the remedy where it is not installed."""
    if (found := shutil.which("tesseract")) is None:
        raise Unavailable("the program tesseract is not installed: apt-get install tesseract-ocr")
    return found


def write(lines: NDArray[np.uint8], file: Path, pillow: Any) -> None:
    """Write lines, shape (lines, height, width), enlarged and with a border, as the pages of a TIFF file."""
    size = (ENLARGED * lines.shape[2], ENLARGED * lines.shape[1])
    large = (pillow.fromarray(line).resize(size, pillow.Resampling.BICUBIC) for line in lines)
    first, *others = [pillow.fromarray(np.pad(page, BORDER, constant_values=255)) for page in large]
    first.save(file, save_all=True, append_images=others)


def read(file: Path, alphabet: str) -> str:
    """Read a file's pages on one thread, knowing which characters there can be; returns the program's table."""
    done = subprocess.run(
        [program(), file, "stdout", *OPTIONS, "-c", f"tessedit_char_whitelist={alphabet}", "tsv"],
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its own threads gain less than a process a core
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def texts(table: str, pages: int) -> list[str]:
    """The words of each page, put together with spaces; the program says nothing of a page without any."""
    found: list[list[str]] = [[] for _ in range(pages)]
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if cells[TEXT].strip():
            found[int(cells[PAGE]) - 1].append(cells[TEXT].strip())
    return [" ".join(words) for words in found]


def shares(lines: NDArray[np.uint8], threads: int) -> Sequence[NDArray[np.uint8]]:
    """The lines in as many parts as there are threads, none of them empty."""
    return np.array_split(lines, min(threads, len(lines)))
