"""Your own pictures, a file or a folder of them, as arrays of grey values.

A folder's pictures are taken in the order of their names, those in folders inside it too. What Pillow knows of these
kinds is read: PNG, JPEG, TIFF (each page of it), BMP, GIF, WebP, PBM, PGM, PPM. Then, before anything is timed:

    picture                                     becomes
    turned by its camera (EXIF)                 upright as the camera says
    transparent                                 as it looks on white paper
    in colour                                   grey: 0.299 red + 0.587 green + 0.114 blue
    of more than 256 grey values                256 of them, from 0 to the greatest that occurs
    that cannot be read, or ends too early      left out
    of more than 179 million pixels             left out: Pillow takes it for an attack

Remarks say of which pictures that was so.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.lettering import WHITE
from residency.harness.dataset import printable
from residency.harness.errors import UsageError

KINDS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pbm", ".pgm", ".ppm")
NAMED = 3  # in a remark; of more only the number is told

Picture = tuple[Path, NDArray[np.uint8]]  # its file; (height, width), 0 is black


def read_pictures(path: Path | None) -> tuple[list[Picture], list[str]]:
    """All pictures there, grey, and remarks on them; raises `UsageError` where there is none that can be read."""
    if path is None:
        raise UsageError("name a folder of pictures with --data FOLDER")
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    known = [one for one in files if one.suffix.lower() in KINDS]
    if not known:
        raise UsageError(f"{printable(path.name)} holds no picture; these kinds are read: {' '.join(KINDS)}")
    pictures: list[Picture] = []
    broken: list[str] = []
    coloured: list[str] = []
    for file in known:
        try:
            for grey, colour in _frames(file):
                pictures.append((file, grey))
                coloured += [file.name] * colour
        except (OSError, SyntaxError, ValueError, _bomb()) as error:  # Pillow's words for files it cannot read
            broken.append(f"{file.name} ({str(error).rstrip('.') or type(error).__name__})")
    if not pictures:
        raise UsageError(f"{printable(path.name)}: no picture in it can be read: {listed(broken)}")
    remarks = []
    if coloured:
        remarks.append(f"in colour, now grey: {listed(coloured)}")
    if broken:
        remarks.append(f"left out, for they cannot be read: {listed(broken)}")
    return pictures, remarks


def listed(names: Sequence[str]) -> str:
    """The first names, and how many there are more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(printable, names[:NAMED])) + more


def _bomb() -> type[Exception]:
    from PIL import Image

    return Image.DecompressionBombError


def _frames(file: Path) -> Iterator[tuple[NDArray[np.uint8], bool]]:
    """The pages of a file, grey, and whether each was in colour. Nothing is given before all of them are read."""
    from PIL import Image, ImageOps, ImageSequence

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # large scans are meant
        with Image.open(file) as image:
            frames = [ImageOps.exif_transpose(frame) for frame in ImageSequence.Iterator(image)]
            yield from [(_grey(frame), _is_coloured(frame)) for frame in frames]


def _grey(image: Any) -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        return np.asarray(np.clip(values * (WHITE / max(values.max(), 1.0)), 0, WHITE), np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    grey: NDArray[np.uint8] = np.asarray(image.convert("L"))
    return grey


def _is_coloured(image: Any) -> bool:
    """Whether any pixel's red, green and blue differ."""
    if image.mode in {"1", "L", "LA"} or image.mode.startswith(("I", "F")):
        return False
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), 2, 0)
    return bool((red != green).any() or (green != blue).any())
