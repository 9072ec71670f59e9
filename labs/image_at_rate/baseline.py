"""The loop that this lab begins with: right, and it waits for each image before it asks for the next."""

import io

import numpy as np
from PIL import Image
from store import Store

SIDE = 8


def thumbnail(data: bytes) -> np.ndarray:
    """The means of 8 x 8 equal tiles of an image: shape (8, 8, 3), on a scale from 0 to 1."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)
    height, width = pixels.shape[:2]
    return pixels.reshape(SIDE, height // SIDE, SIDE, width // SIDE, 3).mean(axis=(1, 3)) / 255


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, one after the other."""
    for name in names:
        try:
            result = thumbnail(store.read(name))
        except (OSError, ValueError, SyntaxError):
            result = None
        store.put(name, result)
