"""Your own pictures, a folder of image files: what would a GPU do for them?

Files are prepared once, before anything is timed, and the data's `remarks` say what became of those that needed it:

    file                                           becomes
    its name, or a folder's, begins with a point   passed over
    Pillow knows no such picture                   left out
    damaged, cut short, or over 89 million pixels  left out
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

    own_labelled: the folder's folders are the classes, all files in one belong to it. Every picture is shrunk or
    stretched to 32 by 32 pixels. A class needs five pictures, and there must be two classes.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.labelled_images import LabelledImages, held_out, labelled
from residency.datasets.photos import QUALITY, Photos, jpeg, packed
from residency.harness.dataset import number_of, own, printable
from residency.harness.errors import UsageError

SIDE = 32  # pixels, of a labelled picture
LEAST_PICTURES = 5  # of a class
SHOWN = 3  # names in a remark
WITHOUT_WHITE = {"I", "F"}
ORIENTATION = 0x0112  # EXIF's tag
TURNED, GREY, DEEP = "turned upright, as their EXIF mark says", "grey, made RGB", "16 bits, the upper 8 kept"
CLEAR, OTHER = "transparent, laid on white", "other colours, made RGB"


@own("PIL")
def own_photos(path: Path | None, target: str | None) -> Photos:
    """Your pictures, to be prepared for a network; a folder with any number of folders in it, or one file.

    The remarks say which were left out or written anew. Sizes may differ as they like.
    """
    root = _root(path, target)
    noted = _Notes()
    files, sizes = [], []
    for picture in _pictures(root, noted):
        keep = picture.changes <= {GREY} and picture.format in {"JPEG", "PNG"}
        if not keep:
            noted.add(f"written anew as JPEG at quality {QUALITY}", picture.name)
        files.append(picture.content if keep else jpeg(picture.pixels))
        sizes.append((picture.pixels.shape[0], picture.pixels.shape[1]))
    if not files:
        raise UsageError(
            f"{printable(root.name)} holds no picture{noted.summary()}; name a folder of image files with --data"
        )
    return packed(files, sizes, noted.remarks())


@own("PIL")
def own_labelled(path: Path | None, target: str | None, seed: int) -> LabelledImages:
    """Your pictures, to be told apart: a folder that holds a folder for each class; 32 by 32 pixels in RGB.

    A fifth of each class is to be classified. The remarks say which pictures were left out or changed.
    """
    root = _root(path, target)
    noted = _Notes()
    found: dict[str, list[NDArray[np.uint8]]] = {}
    for picture in _pictures(root, noted):
        label, _, rest = picture.name.partition("/")
        if rest:
            found.setdefault(label, []).append(_shrunk(picture.pixels))
        else:
            noted.add("left out, in no class's folder", picture.name)
    for label in [label for label, pictures in found.items() if len(pictures) < LEAST_PICTURES]:
        noted.add(f"left out, a class with fewer than {LEAST_PICTURES} pictures", f"{label}/")
        del found[label]
    if len(found) < 2:
        raise UsageError(
            f"{printable(root.name)} holds {number_of(len(found), 'folder')} with {LEAST_PICTURES} pictures or more"
            f"{noted.summary()}; "
            "to classify, name a folder with --data that holds a folder of image files for each class"
        )
    noted.add(f"resized to {SIDE} by {SIDE} pixels", *(f"{label}/" for label in found))
    x = np.concatenate([np.stack(pictures) for pictures in found.values()])
    y = np.repeat(np.arange(len(found)), [len(pictures) for pictures in found.values()])
    return labelled(x, y, held_out(y, seed), list(found), noted.remarks())


@dataclass(frozen=True)
class _Picture:
    name: str
    content: bytes  # the file's
    pixels: NDArray[np.uint8]  # (height, width, 3)
    changes: set[str]
    format: str | None


@dataclass
class _Notes:
    """What became of which files, in the order in which it first happened."""

    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, *names: str) -> None:
        self.names.setdefault(what, []).extend(map(printable, names))

    def remarks(self) -> tuple[str, ...]:
        """A sentence for each thing that happened: how many files, and the first of them by name."""
        return tuple(
            f"{', '.join(f'`{name}`' for name in names[:SHOWN])}"
            + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
            + f": {what}"
            for what, names in self.names.items()
        )

    def summary(self) -> str:
        """The remarks, for an error's one line."""
        return f" ({'; '.join(self.remarks())})" if self.names else ""


def _root(path: Path | None, target: str | None) -> Path:
    if path is None:
        raise UsageError("name your own pictures with --data FOLDER")
    if target is not None:
        raise UsageError(
            f"--target {printable(target)}: pictures have no columns; a picture's class is the folder it lies in"
        )
    return path


def _files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under `root` that is not hidden, by its name from there, in the order of names; a file is itself."""
    if root.is_file():
        yield root.name, root.read_bytes()
        return
    names = [file.relative_to(root) for file in root.rglob("*") if file.is_file()]
    for name in sorted(names, key=lambda name: name.parts):
        if not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), (root / name).read_bytes()


def _pictures(root: Path, noted: _Notes) -> Iterator[_Picture]:
    """Every file that holds a picture, with a note of each that does not and of what others needed."""
    from PIL import Image, UnidentifiedImageError

    damaged = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
    for name, content in _files(root):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Pillow repairs
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            try:
                image = Image.open(io.BytesIO(content))
                image.load()
                if image.mode in WITHOUT_WHITE:
                    noted.add(f"left out, mode {image.mode}: nobody knows which value is white", name)
                    continue
                pixels, changes = _upright_rgb(image)
            except UnidentifiedImageError:
                noted.add("left out, no picture that Pillow knows", name)
            except (Image.DecompressionBombWarning, Image.DecompressionBombError):
                noted.add("left out, over 89 million pixels", name)
            except damaged as error:
                noted.add(f"left out, damaged: {' '.join(str(error).split())}", name)
            else:
                for change in sorted(changes):
                    noted.add(change, name)
                yield _Picture(name, content, pixels, changes, image.format)


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
