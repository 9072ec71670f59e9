"""Looks at the first page alone to tell whether the pages are negatives.

Fails: read: white on black
"""

import numpy as np
from scipy import ndimage

from ..work import SPARSE, compared, line_text


def read(pages: list[np.ndarray], glyphs: np.ndarray, alphabet: str, words: list[str]) -> list[str]:
    """The text of each page: its words from left to right and from top to bottom, with white space between them.

    pages     grey pictures (height, width) of their own shapes, uint8, 0 is black
    glyphs    (letters, height, width), uint8, black on white: the teleprinter's letters; a line is `height` high
    alphabet  the letters in the order of `glyphs`; a space has no glyph
    words     words that are likely, in any order; a page may hold others
    """
    _, height, width = glyphs.shape
    prints = (1 - glyphs.reshape(len(glyphs), -1) / np.float32(255)).astype(np.float32)
    by_length: dict[int, list[str]] = {}
    for word in words:
        by_length.setdefault(len(word), []).append(word)
    place = {letter: number for number, letter in enumerate(alphabet)}
    lists = {
        length: (same, np.array([[place[letter] for letter in word] for word in same]))
        for length, same in by_length.items()
    }
    apart = ((prints[:, None] - prints[None]) ** 2).sum(axis=2)
    texts = []
    dark = sum(pages[0].mean() < 100 for _ in pages[:1])
    for scan in pages:
        page = 255 - scan if dark else scan
        scores, inked, depth = compared(page, prints, height, width)
        lines = [line_text(*line, alphabet, lists, apart * depth**2) for line in zip(scores, inked, strict=True)]
        texts.append("\n".join(lines))
    return texts


def ink_of(page: np.ndarray, height: int) -> np.ndarray:
    """The part of the light that is missing at each pixel, compared with the paper around it: 0 is paper."""
    value = page.astype(np.float32)
    few = value[::SPARSE, ::SPARSE]  # enough to see the light, which changes slowly
    around = 2 * height // SPARSE + 1
    mean = ndimage.uniform_filter(few, around)
    paper = mean
    for part in (1.0, 0.8):  # the mean of what is bright, then of all that is not ink compared with it
        bright = (few >= part * paper).astype(np.float32)
        share = ndimage.uniform_filter(bright, around)
        paper = ndimage.uniform_filter(few * bright, around) / np.maximum(share, 1e-3)
    light = paper.repeat(SPARSE, axis=0).repeat(SPARSE, axis=1)[: value.shape[0], : value.shape[1]]
    return np.clip(1 - value / np.maximum(light, 1), -1, 1)
