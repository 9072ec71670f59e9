"""Waits for each image before it asks for the next.

Fails: timing
"""

import io

import numpy as np
from PIL import Image
from store import Store

READS = 8  # under way at once, at most
HELD = 16  # images that were asked for, and whose result was not put yet, at most
SIDE = 8  # of a thumbnail


def thumbnail(data: bytes) -> np.ndarray:
    """The means of 8 x 8 equal tiles of an image: shape (8, 8, 3), on a scale from 0 to 1."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)
    height, width = pixels.shape[:2]
    return pixels.reshape(SIDE, height // SIDE, SIDE, width // SIDE, 3).mean(axis=(1, 3)) / 255


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    for name in names:
        store.put(name, one(store, name))


def one(store: Store, name: int) -> np.ndarray | None:
    """The thumbnail of one image, or None."""
    try:
        return thumbnail(store.read(name))
    except (OSError, ValueError, SyntaxError):
        return None
