"""Tesseract's own test page: eight scanned lines of print."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lettering import INK, NEEDS
from residency.datasets.ocr.lines import Lines, to_read
from residency.datasets.sources import Address
from residency.harness.dataset import public

ADDRESS = Address(
    "https://raw.githubusercontent.com/tesseract-ocr/test/232ff181c66516116ec0e84c4963f70de15050fd/testing/phototest.tif",
    sha256="d2241a1eb6d6cd2eb6544b8e228c2862c852b7467d16ed636caa32179b780692",
    size="0.04 MB",
)
TEXT = (
    "This is a lot of 12 point text to test the",
    "ocr code and see if it works on all types",
    "of file format.",
    "The quick brown dog jumped over the",
    "lazy fox. The quick brown dog jumped",
    "over the lazy fox. The quick brown dog",
    "jumped over the lazy fox. The quick",
    "brown dog jumped over the lazy fox.",
)
LEAST_INK = 3  # pixels in a row that belongs to a line
LEAST_HEIGHT = 10  # rows of a line


@public(ADDRESS, *NEEDS)
def phototest(source: Path, seed: int) -> Lines:
    """The eight lines of phototest.tif, Tesseract's test page (Apache-2.0): a sans serif, black and white.

    The page is cut into lines at the rows without ink. The truth is the text of the page, 277 characters. The training
    lines are 10,000 rendered ones, as in `lines`. The page's typeface is not among their four fonts, so a network must
    generalise. One wrong character is 0.36 %.
    """
    from PIL import Image

    with Image.open(source / ADDRESS.file) as image:
        page = np.asarray(image.convert("L"))
    return to_read(cut(page), TEXT, seed, ())


def cut(page: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """A page's lines from top to bottom: runs of rows with ink in them that are high enough to be print."""
    inked = np.pad(((page < INK).sum(axis=1) >= LEAST_INK).astype(np.int8), 1)
    starts, ends = np.flatnonzero(np.diff(inked) == 1), np.flatnonzero(np.diff(inked) == -1)
    return [page[start:end] for start, end in zip(starts, ends, strict=True) if end - start >= LEAST_HEIGHT]
