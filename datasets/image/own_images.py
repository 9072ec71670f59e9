"""Your own pictures, a folder of image files: what would a GPU do for them?

Files are prepared once, before anything is timed, and the data's `remarks` say what became of those that needed it.
Which files of a folder are looked at is told in `picture_files.py`, what folders mean in `class_folders.py`.

    file                                           becomes
    Pillow knows no such picture                   left out
    damaged, cut short, or over 89 million pixels  left out
    not readable to you                            left out
    32 bits or a float a pixel                     left out: nobody knows which value is white
    several pictures in one file                   the first
    one pixel high or wide                         a picture like any other

    pixels                                         become
    marked as turned or mirrored (EXIF)            upright
    transparent                                    what they look like on white
    16 bits                                        the upper 8
    grey                                           three equal channels
    a palette, CMYK, and all others                RGB, by Pillow

    own_photos: all files of the folder and of folders in it, in the order of their names. JPEG and PNG files in 8-bit
    RGB or grey that stand upright are kept byte for byte, all others are written anew, as JPEG at quality 90.

    own_labelled: the folder's folders are the classes, all files in one belong to it. Where they are `train` and `test`
    the classes lie in these, and so is the split. Every picture is shrunk or stretched to 32 by 32 pixels. A class
    needs five pictures to learn from, and there must be two classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.class_folders import NEEDED, chosen_of
from residency.datasets.image.labelled_images import LabelledImages, held_out, labelled
from residency.datasets.image.photos import QUALITY, Photos, jpeg, packed
from residency.datasets.picture_files import (
    DAMAGED,
    Notes,
    files_of,
    no_picture,
    remedy_for,
    unknown_kind,
    why_damaged,
)
from residency.harness.dataset import own, printable
from residency.harness.errors import UsageError

SIDE = 32  # pixels, of a labelled picture
WITHOUT_WHITE = {"I", "F"}
ORIENTATION = 0x0112  # EXIF's tag
TURNED, GREY, DEEP = "turned upright, as their EXIF mark says", "grey, made RGB", "16 bits, the upper 8 kept"
CLEAR, OTHER = "transparent, laid on white", "other colours, made RGB"
SEVERAL = "several pictures in the file, the first taken"


@own("PIL")
def own_photos(path: Path | None, target: str | None) -> Photos:
    """Your pictures, to be prepared for a network; a folder with any number of folders in it, or one file.

    The remarks say which were left out or written anew. Sizes may differ as they like.
    """
    root = _root(path, target)
    noted = Notes()
    files, sizes = [], []
    for picture in _pictures(root, noted):
        keep = picture.changes <= {GREY} and picture.format in {"JPEG", "PNG"}
        if not keep:
            noted.add(f"written anew as JPEG at quality {QUALITY}", picture.name)
        files.append(picture.file.read_bytes() if keep else jpeg(picture.pixels))
        sizes.append((picture.pixels.shape[0], picture.pixels.shape[1]))
    if not files:
        raise no_picture(root, noted, "name a folder of image files with --data")
    return packed(files, sizes, noted.remarks())


@own("PIL")
def own_labelled(path: Path | None, target: str | None, seed: int) -> LabelledImages:
    """Your pictures, to be classified: a folder that holds a folder for each class; 32 by 32 pixels in RGB.

    A fifth of each class is to be classified, or, where the folder holds `train` and `test`, what lies in `test`. The
    remarks say which pictures were left out or changed.
    """
    root = _root(path, target)
    if not root.is_dir():
        raise UsageError(f"{printable(root.name)} is a file{remedy_for(root.name)}; {NEEDED}")
    noted = Notes()
    names: list[str] = []
    small: list[NDArray[np.uint8]] = []
    for picture in _pictures(root, noted):
        names.append(picture.name)
        small.append(_shrunk(picture.pixels))
    if not names:
        raise no_picture(root, noted, NEEDED)
    chosen = chosen_of(root, names, noted)
    x = np.stack([small[place] for place in chosen.places])
    test = held_out(chosen.y, seed) if chosen.judged is None else chosen.judged
    noted.add(f"resized to {SIDE} by {SIDE} pixels", *(f"{label}/" for label in chosen.classes))
    return labelled(x, chosen.y, test, [printable(label) for label in chosen.classes], noted.remarks())


@dataclass(frozen=True)
class _Picture:
    name: str
    file: Path
    pixels: NDArray[np.uint8]  # (height, width, 3)
    changes: set[str]
    format: str | None


def _root(path: Path | None, target: str | None) -> Path:
    if path is None:
        raise UsageError("name your own pictures with --data FOLDER")
    if target is not None:
        raise UsageError(
            f"--target {printable(target)}: pictures have no columns; a picture's class is the folder it lies in"
        )
    return path


def _pictures(root: Path, noted: Notes) -> Iterator[_Picture]:
    """Every file that holds a picture, with a note of each that does not and of what others needed."""
    from PIL import Image, UnidentifiedImageError

    for name, file in files_of(root, noted):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Pillow repairs
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                with Image.open(file) as image:
                    image.load()
                    if image.mode in WITHOUT_WHITE:
                        noted.add(f"left out, mode {image.mode}: nobody knows which value is white", name)
                        continue
                    several = getattr(image, "n_frames", 1) > 1
                    pixels, changes = _upright_rgb(image)
            except UnidentifiedImageError:
                noted.add(f"left out, {unknown_kind(name)}", name)
            except (Image.DecompressionBombWarning, Image.DecompressionBombError):
                noted.add("left out, over 89 million pixels", name)
            except PermissionError:
                noted.add("left out, you may not read it", name)
            except DAMAGED as error:
                noted.add(f"left out, damaged: {why_damaged(error)}", name)
            else:
                changes |= {SEVERAL} if several else set()
                for change in sorted(changes):
                    noted.add(change, name)
                yield _Picture(name, file, pixels, changes, image.format)


def _upright_rgb(image: Any) -> tuple[NDArray[np.uint8], set[str]]:
    """A picture's pixels in 8-bit RGB, shape (height, width, 3), and what had to be done for it."""
    from PIL import Image, ImageOps

    changes = set()
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        changes.add(TURNED)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
        changes.add(DEEP)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        changes.add(CLEAR)
    elif image.mode != "RGB":
        changes.add(GREY if image.mode == "L" else OTHER)
    return np.asarray(image.convert("RGB")), changes


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture in 32 by 32 pixels, each the mean of those that it covers."""
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))
