"""Synthetic photographs: generated, any number of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.photos import Photos, jpeg, packed
from residency.harness.dataset import decoded, generated

SIZES = ((480, 640), (640, 480), (375, 500), (512, 512))  # height and width: usual formats of image collections
SHAPES = 24
GRAIN = 8  # grey levels, either way
PATCH = 16  # pixels: the side of a patch of the background's texture


@decoded(3 * sum(height * width for height, width in SIZES) / len(SIZES))
@generated
def synthetic_photos(rows: int, seed: int) -> Photos:
    """Pictures that cost as much to decode as photographs: with slow gradients, textures, sharp edges and grain.

    640 x 480, 480 x 640, 500 x 375 or 512 x 512 pixels, each with the same probability. Four random corner colours
    blend across the picture; patches of 16 pixels differ by up to 12 grey levels; 24 rectangles and ellipses in random
    colours lie on it; every pixel has grain of up to 8 levels. Pixels are integers made by integer arithmetic. Pillow
    encodes them as JPEG at quality 90 with colour at half the resolution, some 73 kB an image. The same version of
    Pillow gives the same bytes on every machine, because its JPEG library's arithmetic is exact.
    """
    generator = np.random.default_rng(seed)
    files, sizes = [], []
    for _ in range(rows):
        size = SIZES[generator.integers(0, len(SIZES))]
        files.append(jpeg(picture(generator, *size)))
        sizes.append(size)
    return packed(files, sizes)


def picture(generator: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """RGB pixels, shape (height, width, 3)."""
    corners = generator.integers(30, 226, (2, 2, 3), dtype=np.int32)
    down, across = np.arange(height, dtype=np.int32)[:, None, None], np.arange(width, dtype=np.int32)[:, None]
    sides = (corners[0] * (height - 1 - down) + corners[1] * down) // (height - 1)  # (height, 2, 3)
    pixels = (sides[:, :1] * (width - 1 - across) + sides[:, 1:] * across) // (width - 1)
    patches = generator.integers(-12, 13, (-(-height // PATCH), -(-width // PATCH), 1), dtype=np.int32)
    pixels += patches.repeat(PATCH, axis=0).repeat(PATCH, axis=1)[:height, :width]
    for shape in range(SHAPES):
        top, left = int(generator.integers(0, height - 16)), int(generator.integers(0, width - 16))
        tall, wide = (int(size) for size in generator.integers(16, 161, 2))
        part = pixels[top : top + tall, left : left + wide]
        colour = generator.integers(0, 256, 3, dtype=np.int32)
        if shape % 2:
            y, x = np.arange(part.shape[0])[:, None] * 2 - tall, np.arange(part.shape[1]) * 2 - wide
            part[(y * wide) ** 2 + (x * tall) ** 2 < (tall * wide) ** 2] = colour
        else:
            part[:] = colour
    pixels += generator.integers(-GRAIN, GRAIN + 1, (height, width, 1), dtype=np.int8)
    made: NDArray[np.uint8] = pixels.clip(0, 255).astype(np.uint8)
    return made
