"""Your own pictures, a file or a folder of them, as arrays of grey values.

A folder's pictures are taken in the order of their names, those in folders inside it too; which files are looked at is
told in `picture_files.py`. These kinds are read: PNG, JPEG, JPEG 2000, TIFF, BMP, GIF, WebP, AVIF, PBM, PGM, PPM. Then,
before anything is timed:

    picture                                     becomes
    turned by its camera (EXIF)                 upright as the camera says
    transparent                                 as it looks on white paper
    in colour                                   grey: 0.299 red + 0.587 green + 0.114 blue
    of more than 256 grey values                256 of them, from 0 to the greatest that occurs
    a TIFF of several pages                     each of them; thumbnails are left out
    another file of several pictures            the first: the others are an animation's, or a camera's previews
    that cannot be read, or ends too early      left out
    of more than 179 million pixels             left out: Pillow takes it for an attack

Remarks say of which pictures that was so.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lettering import WHITE
from residency.datasets.picture_files import DAMAGED, Notes, files_of, listed, no_picture, unknown_kind, why_damaged
from residency.harness.dataset import printable
from residency.harness.errors import UsageError

KINDS = ("PNG", "JPEG", "JPEG2000", "TIFF", "BMP", "GIF", "WEBP", "AVIF", "PPM")  # as Pillow calls them
SUFFIXES = (  # for a reader; the content decides
    ".png", ".jpg", ".jpeg", ".jp2", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".avif", ".pbm", ".pgm", ".ppm",
)  # fmt: skip
SUBFILE, THUMBNAIL = 254, 1  # TIFF's tag for the kind of a page, and the bit that makes it a smaller copy


@dataclass(frozen=True)
class Picture:
    """One picture, or one page of a file."""

    name: str  # the file's, from the user's folder on
    file: Path
    grey: NDArray[np.uint8]  # (height, width): 0 is black


def read_pictures(path: Path | None) -> tuple[list[Picture], list[str]]:
    """All pictures there, grey, and remarks on them; raises `UsageError` where there is none that can be read."""
    if path is None:
        raise UsageError("name a folder of pictures with --data FOLDER")
    from PIL import UnidentifiedImageError

    pictures: list[Picture] = []
    coloured: list[str] = []
    several: list[str] = []
    broken: list[str] = []
    noted = Notes()
    for name, file in files_of(path, noted):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # large scans are meant, and so is what Pillow repairs
                pages, more = _pages(file)
        except UnidentifiedImageError:
            if file.suffix.lower() in SUFFIXES:
                broken.append(f"{name} (cut short, or not what its name says)")
            elif file.suffix.lower() != ".txt":  # what a line says
                noted.add(f"left out, {unknown_kind(name)}", name)
        except (*DAMAGED, _bomb()) as error:  # Pillow's words for files it cannot read
            broken.append(f"{name} ({why_damaged(error)})")
        else:
            pictures += [Picture(name, file, grey) for grey, _ in pages]
            coloured += [name] * any(colour for _, colour in pages)
            several += [name] * more
    if not pictures and broken:
        raise UsageError(f"{printable(path.name)}: no picture in it can be read: {listed(broken)}")
    if not pictures:
        raise no_picture(path, noted, f"these kinds are read: {' '.join(SUFFIXES)}")
    what = {
        "in colour, now grey": coloured,
        "several pictures in one file, the first taken": several,
        "left out, because they cannot be read": broken,
    }
    remarks = [f"{what}: {listed(names)}" for what, names in what.items() if names]
    return pictures, [*remarks, *noted.remarks()]


def _bomb() -> type[Exception]:
    from PIL import Image

    return Image.DecompressionBombError


def _pages(file: Path) -> tuple[list[tuple[NDArray[np.uint8], bool]], bool]:
    """The pages of a file, grey, and whether each was in colour; and whether it holds pictures that are no pages."""
    from PIL import Image, ImageOps, ImageSequence

    with Image.open(file, formats=KINDS) as image:
        paged = image.format == "TIFF"
        several = getattr(image, "n_frames", 1) > 1
        pages: list[tuple[NDArray[np.uint8], bool]] = []
        frames: Iterable[Any] = ImageSequence.Iterator(image) if paged else [image]
        for frame in frames:
            if pages and frame.tag_v2.get(SUBFILE, 0) & THUMBNAIL:
                continue
            upright = ImageOps.exif_transpose(frame)
            pages.append((_grey(upright), _is_coloured(upright)))
    return pages, several and not paged


def _grey(image: Any) -> NDArray[np.uint8]:
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        greatest = values.max(initial=1.0, where=np.isfinite(values))
        levels = np.nan_to_num(values * (WHITE / greatest), nan=WHITE, posinf=WHITE, neginf=0)
        return np.asarray(np.clip(levels, 0, WHITE), np.uint8)
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
