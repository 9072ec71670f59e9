"""Noisy shapes in ten classes: generated, any number of images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.labelled_images import TEST_SHARE, LabelledImages, labelled
from residency.harness.dataset import decoded, generated

SIDE = 16  # pixels
CLASSES = ("disc", "ring", "square", "frame", "diamond", "triangle", "plus", "cross", "rows", "columns")
REDRAWN = 0.1  # of the labels
NOISE = 30  # grey levels, either way
CHUNK = 4_096  # images drawn at a time


@decoded(SIDE**2 + 4)
@generated
def shapes(rows: int, seed: int) -> LabelledImages:
    """Ten noisy shapes of random place, size and brightness; a tenth of the labels are drawn at random.

    16 x 16 pixels, grey. A shape's half width is 4 to 6 pixels, its centre lies up to 2 pixels off the middle, its line
    is 2 pixels wide, and it is 40 to 100 grey levels brighter or darker than the background; every pixel has noise of
    up to 30 levels either way. A tenth of the labels, in the test part too, were drawn again from all ten classes, so
    no classifier can be expected to exceed an accuracy of 0.91. The network of `image/classify` was seen to reach 0.885
    on 10,000. All values are integers: the same bytes on every machine.
    """
    generator = np.random.default_rng(seed)
    x = np.empty((rows, SIDE, SIDE, 1), np.uint8)
    y = np.empty(rows, np.int32)
    for start in range(0, rows, CHUNK):
        drawn = min(CHUNK, rows - start)
        truth = generator.integers(0, len(CLASSES), drawn, dtype=np.int32)
        x[start : start + drawn, :, :, 0] = _draw(generator, truth)
        redrawn = generator.random(drawn) < REDRAWN
        y[start : start + drawn] = np.where(redrawn, generator.integers(0, len(CLASSES), drawn), truth)
    return labelled(x, y, np.arange(rows) < round(TEST_SHARE * rows), CLASSES)


def _draw(generator: np.random.Generator, truth: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Pictures of these classes, shape (images, 16, 16)."""

    def each(low: int, high: int) -> NDArray[np.int32]:
        return generator.integers(low, high + 1, (len(truth), 1, 1), dtype=np.int32)

    size = each(4, 6)
    pixel = np.arange(SIDE, dtype=np.int32)
    down, across = pixel[:, None] - SIDE // 2 - each(-2, 2), pixel - SIDE // 2 - each(-2, 2)
    y, x = abs(down), abs(across)
    far, round_ = np.maximum(x, y), x * x + y * y
    inside = far <= size
    masks = (
        round_ <= size * size,
        (round_ <= size * size) & (round_ > (size - 2) * (size - 2)),
        inside,
        inside & (far > size - 2),
        x + y <= size,
        inside & (2 * x <= down + size),
        inside & (np.minimum(x, y) < 2),
        inside & (abs(x - y) < 2),
        inside & ((down + size) % 4 < 2),
        inside & ((across + size) % 4 < 2),
    )
    shape = np.choose(truth[:, None, None], masks)
    contrast = each(40, 100) * (2 * each(0, 1) - 1)
    noise = generator.integers(-NOISE, NOISE + 1, shape.shape, dtype=np.int8)
    return (128 + contrast * (2 * shape.astype(np.int32) - 1) // 2 + noise).clip(0, 255).astype(np.uint8)
