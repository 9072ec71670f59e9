"""Lines of text to be read: generated, any number of lines; and how any picture of a line is brought to one height.

A line is cropped to its ink, scaled so that the ink is 18 pixels high, and put on a white strip 24 pixels high that is
as wide as the widest line needs. Implementations see only this strip, whether the line was rendered or scanned.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lettering import FONTS, INK, NEEDS, WHITE, drawn, words
from residency.harness.dataset import Dataset
from residency.harness.truth import Asked, Truth

ALPHABET = " ,.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HEIGHT, INK_HEIGHT, MARGIN = 24, 18, 4  # pixels; the margin is to the left and, at least, to the right
STEP = 16  # pixels: widths are whole multiples
WIDEST = {"rendered": 320, "scanned": 1024}  # pixels: a longer line is squeezed
TEST_SHARE = 32  # one line in this many is to be read, the others are training lines
NUMBERS_WIDE = 112  # pixels: of the strips of numbers
PALEST = 90  # the highest grey value of ink
FEW = 10_000  # lines: with fewer, not all letters can be learned, so the lines are numbers
TO_LEARN_FROM = 10_000  # rendered lines that are used to learn to read scanned ones


@dataclass(frozen=True)
class Lines:
    """Training lines, with their text as codes, and lines to read."""

    x: NDArray[np.uint8]  # (lines, 24, width): 0 is black
    y: NDArray[np.uint8]  # (lines, longest): 1 + the place in the alphabet; 0 beyond the end
    x_test: Asked[NDArray[np.uint8]]  # (lines to read, 24, their width)
    text_test: Truth[NDArray[np.str_]]  # (lines to read,), which may hold characters outside the alphabet
    alphabet: str = ALPHABET
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Lines in all."""
        return len(self.x) + len(self.x_test)


def draw_lines(rows: int, seed: int) -> Lines:
    """Printed lines of words and numbers in four fonts; if there are fewer than 10,000, numbers in one font.

    A line is three to five of some 400 common English words, one in five capitalised, one in eight a number, in
    DejaVu Sans, Serif or Mono or STIX General, which matplotlib ships; its ink has a grey value up to 90. One line in
    32 is to be read, the others are training lines; hardly a line to read occurs among them. It takes some 8,000 lines
    to learn 65 characters in four fonts, longer than a smoke run may last. So if there are fewer than 10,000 lines,
    each is a number of four to six digits in DejaVu Sans. The print is clean: it is possible to read without an error.
    """
    generator = np.random.default_rng(seed)
    pictures, texts = rendered(rows, generator, numbers=rows < FEW)
    test = max(1, rows // TEST_SHARE)
    return Lines(
        x=strips(pictures[test:], "rendered", generator),
        y=encoded(texts[test:]),
        x_test=strips(pictures[:test], "rendered", generator),
        text_test=np.array(texts[:test]),
    )


def decoded(rows: int) -> float:
    """Bytes of so many lines: the strips are as wide as the widest line, and numbers are shorter than words."""
    return rows * (HEIGHT * (NUMBERS_WIDE if rows < FEW else WIDEST["rendered"]) + 40.0)


lines = Dataset("lines", "generated", draw_lines, needs=NEEDS, decoded=decoded)


def rendered(
    count: int, generator: np.random.Generator, *, numbers: bool = False
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """`count` pictures of lines, and their texts."""
    pictures, texts = [], []
    for _ in range(count):
        if numbers:
            text = "".join(str(digit) for digit in generator.integers(0, 10, int(generator.integers(4, 7))))
            name = FONTS[0]
        else:
            text = words(generator, int(generator.integers(3, 6)))
            name = FONTS[int(generator.integers(len(FONTS)))]
        pictures.append(cropped(drawn(text, name, int(generator.integers(24, 41)))))
        texts.append(text)
    return pictures, texts


def cropped(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture's ink, scaled to 18 pixels of height; a picture without ink is one white column."""
    from PIL import Image

    ink = picture < INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return np.full((INK_HEIGHT, 1), WHITE, np.uint8)
    tight = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = max(1, round(tight.shape[1] * INK_HEIGHT / tight.shape[0]))
    return np.asarray(Image.fromarray(tight).resize((width, INK_HEIGHT), Image.Resampling.BILINEAR))


def strips(
    pictures: Sequence[NDArray[np.uint8]], kind: str, generator: np.random.Generator | None = None
) -> NDArray[np.uint8]:
    """Cropped pictures on white strips of one width, shape (lines, 24, width); with a generator, in many shades."""
    from PIL import Image

    room = WIDEST[kind] - 2 * MARGIN
    needed = min(max(picture.shape[1] for picture in pictures), room) + 2 * MARGIN
    made = np.full((len(pictures), HEIGHT, -(-needed // STEP) * STEP), WHITE, np.uint8)
    top = (HEIGHT - INK_HEIGHT) // 2
    for strip, picture in zip(made, pictures, strict=True):
        if picture.shape[1] > room:
            squeezed = Image.fromarray(picture).resize((room, INK_HEIGHT), Image.Resampling.BILINEAR)
            picture = np.asarray(squeezed)  # noqa: PLW2901
        strip[top : top + INK_HEIGHT, MARGIN : MARGIN + picture.shape[1]] = picture
        if generator is not None:
            ink = int(generator.integers(0, PALEST + 1))
            strip[:] = ink + strip.astype(np.uint16) * (WHITE - ink) // WHITE
    return made


def encoded(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Texts in letters of the alphabet as codes from 1 on, 0 beyond the end: shape (texts, longest)."""
    codes = np.zeros((len(texts), max(map(len, texts))), np.uint8)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = [1 + ALPHABET.index(character) for character in text]
    return codes


def to_read(pictures: Sequence[NDArray[np.uint8]], texts: Sequence[str], seed: int, remarks: Sequence[str]) -> Lines:
    """`Lines` with scanned pictures to read and 10,000 rendered lines for training."""
    x, y = _to_learn_from(seed)
    return Lines(
        x=x,
        y=y,
        x_test=strips([cropped(picture) for picture in pictures], "scanned"),
        text_test=np.array(texts),
        remarks=tuple(remarks),
    )


@functools.cache
def _to_learn_from(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    pictures, texts = rendered(TO_LEARN_FROM, generator)
    return strips(pictures, "rendered", generator), encoded(texts)
