"""Takes every page that is dark on average for white on black.

Fails: read: white on black
"""

import numpy as np
from scipy import ndimage

from ..work import SPARSE


def ink_of(page: np.ndarray, height: int) -> np.ndarray:
    """The part of the light that is missing at each pixel, compared with the paper around it: 0 is paper."""
    value = page.astype(np.float32)
    few = value[::SPARSE, ::SPARSE]  # enough to see the light, which changes slowly
    around = 2 * height // SPARSE + 1
    mean = ndimage.uniform_filter(few, around)
    if few.mean() < 100:
        value, few, mean = 255 - value, 255 - few, 255 - mean
    paper = mean
    for part in (1.0, 0.8):  # the mean of what is bright, then of all that is not ink compared with it
        bright = (few >= part * paper).astype(np.float32)
        share = ndimage.uniform_filter(bright, around)
        paper = ndimage.uniform_filter(few * bright, around) / np.maximum(share, 1e-3)
    light = paper.repeat(SPARSE, axis=0).repeat(SPARSE, axis=1)[: value.shape[0], : value.shape[1]]
    return np.clip(1 - value / np.maximum(light, 1), -1, 1)
