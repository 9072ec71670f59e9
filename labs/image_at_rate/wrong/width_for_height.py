"""Takes the width for the height.

Fails: twelve images
Fails: twenty images, the first one slow
Fails: grey, palette and transparent images
Fails: damaged files
Fails: images that the store cannot read
Fails: three images
"""

import io

import numpy as np
from PIL import Image

from ..work import SIDE


def thumbnail(data: bytes) -> np.ndarray:
    """The means of 8 x 8 equal tiles of an image: shape (8, 8, 3), on a scale from 0 to 1."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)
    width, height = pixels.shape[:2]
    return pixels.reshape(SIDE, height // SIDE, SIDE, width // SIDE, 3).mean(axis=(1, 3)) / 255
