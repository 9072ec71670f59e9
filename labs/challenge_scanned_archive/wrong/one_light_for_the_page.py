"""Compares each pixel with the brightness of the whole page, not with the paper around it.

Fails: read: a strong shadow
Fails: read: the light of a photograph
Fails: read: white on black
Fails: read: empty pages
"""

import numpy as np
from scipy import ndimage

from ..work import BRIGHT, SPARSE


def ink_of(page: np.ndarray, height: int) -> np.ndarray:
    """The part of the light that is missing at each pixel, compared with the paper around it: 0 is paper."""
    value = page.astype(np.float32)
    few = value[::SPARSE, ::SPARSE]  # enough to see the light, which changes slowly
    around = 2 * height // SPARSE + 1
    mean = ndimage.uniform_filter(few, around)
    beside = few - mean
    spread = float(beside.std()) + 1e-9
    if ((beside / spread).clip(-2, 2) ** 3).mean() > BRIGHT:  # the few are bright: a negative
        value, few, mean = 255 - value, 255 - few, 255 - mean
    paper = mean
    for part in (1.0, 0.8):  # the mean of what is bright, then of all that is not ink compared with it
        bright = (few >= part * paper).astype(np.float32)
        share = ndimage.uniform_filter(bright, around)
        paper = ndimage.uniform_filter(few * bright, around) / np.maximum(share, 1e-3)
    light = np.median(paper)
    return np.clip(1 - value / np.maximum(light, 1), -1, 1)
