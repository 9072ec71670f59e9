"""Takes every file for RGB.

Fails: grey, palette and transparent images
"""

import io
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from PIL import Image
from store import Store

READS = 8  # under way at once, at most
HELD = 16  # images that were asked for, and whose result was not put yet, at most
SIDE = 8  # of a thumbnail


def thumbnail(data: bytes) -> np.ndarray:
    """The means of 8 x 8 equal tiles of an image: shape (8, 8, 3), on a scale from 0 to 1."""
    pixels = np.asarray(Image.open(io.BytesIO(data)), np.float32)
    height, width = pixels.shape[:2]
    return pixels.reshape(SIDE, height // SIDE, SIDE, width // SIDE, 3).mean(axis=(1, 3)) / 255


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    waiting: deque[Future[np.ndarray | None]] = deque()
    put = 0
    with ThreadPoolExecutor(READS) as pool:
        for asked, name in enumerate(names):
            if asked - put == HELD:
                store.put(names[put], waiting.popleft().result())
                put += 1
            waiting.append(pool.submit(one, store, name))
        for name, future in zip(names[put:], waiting, strict=True):
            store.put(name, future.result())


def one(store: Store, name: int) -> np.ndarray | None:
    """The thumbnail of one image, or None."""
    try:
        return thumbnail(store.read(name))
    except (OSError, ValueError, SyntaxError):
        return None
