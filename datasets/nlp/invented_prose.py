"""Prose in an invented language, with everything that makes it hard to cut text into words: generated, any size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.nlp.invented_texts import spell, zipf
from residency.datasets.nlp.prose import ROW_GROUP, STOP_WORDS, Prose, ranked, write
from residency.harness.dataset import decoded, generated

VOCABULARY = 50_000  # words, odd ones and stop words among them
TICKETS = 2**20  # words in the list to draw from, each as often as its share
SHORT_WORDS = 1_000  # of two syllables, the commonest; the others have three
LEAST_WORDS, MOST_WORDS = 4, 28  # in a line that is not empty
EMPTY_SHARE = 50  # one line in this many
SEPARATORS = (" ", ", ", ". ", "; ", ": ", " (", ") ", '" ', "'s ", "-", "/", "_", " \N{EM DASH} ", "\t", "\N{NBSP}")
SEPARATOR_SLOTS = np.repeat(np.arange(len(SEPARATORS)), (100, 8, 6, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1))
CASE_SLOTS = np.repeat(np.arange(3), (26, 5, 1))  # as it is, with a capital letter, in capitals
ODD = {  # words of more than ASCII letters, or very short, always written like this; and which words to count for each
    "a": (),
    "I": (),
    "7": (),
    "42": ("42",),
    "1984": ("1984",),
    "3D": ("3d",),
    "don't": ("don",),
    "e-mail": ("mail",),
    "snake_case": ("snake", "case"),
    "na\N{LATIN SMALL LETTER I WITH DIAERESIS}ve": ("na", "ve"),
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}": ("caf",),
    "cafe\N{COMBINING ACUTE ACCENT}s": ("cafe",),
    "Stra\N{LATIN SMALL LETTER SHARP S}e": ("stra",),
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}zmir": ("zmir",),
    "300\N{KELVIN SIGN}": ("300",),
    "\N{LATIN SMALL LETTER LONG S}un": ("un",),
    "\N{LATIN SMALL LIGATURE FI}ne": ("ne",),
    "soft\N{SOFT HYPHEN}ware": ("soft", "ware"),
    "\N{ZERO WIDTH SPACE}zero": ("zero",),
    "x\N{SUPERSCRIPT TWO}": (),
    "\N{ARABIC-INDIC DIGIT THREE}\N{ARABIC-INDIC DIGIT FOUR}": (),
    "\N{FULLWIDTH LATIN SMALL LETTER A}\N{FULLWIDTH LATIN SMALL LETTER B}": (),
    "\N{CJK UNIFIED IDEOGRAPH-6771}\N{CJK UNIFIED IDEOGRAPH-4EAC}": (),
    "\N{CYRILLIC SMALL LETTER DE}\N{CYRILLIC SMALL LETTER A}": (),
    "\N{GRINNING FACE}": (),
    "\N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}": (),
}
FIRST_ODD, ODD_STEP = 20, 4  # their ranks: among the commonest words, so that a wrong rule is noticed


@decoded(94)
@generated
def invented_prose(rows: int, seed: int, folder: Path) -> Prose:
    """Lines of 4 to 28 words of an invented vocabulary, one line in fifty empty, 94 bytes a line.

    There are 50,000 words: English stop words, then invented words of two or three syllables. They are drawn
    independently; the share of the word of rank r is proportional to 1 / (r + 2.7) (Zipf and Mandelbrot), so three
    words in ten are stop words. Some are written with a capital letter or in capitals; punctuation, dashes and tabs
    separate them. 26 of the commonest are odd: accents composed and decomposed, digits of other scripts, emoji,
    invisible characters, letters whose lower case is an ASCII letter. The file is compressed by Snappy, in row groups
    of 32,768 lines.

    A table says which words to count for each odd word, and words are counted as they are drawn: no rule is applied to
    find the truth. An implementation is right or wrong: the expected quality is 1.
    """
    generator = np.random.default_rng(seed)
    spellings, meanings = _vocabulary(generator)
    pieces = [*spellings, *SEPARATORS, "."]
    letters = np.frombuffer("".join(pieces).encode(), np.uint8)
    starts = np.cumsum([0, *(len(piece.encode()) for piece in pieces)])
    tickets = zipf(VOCABULARY, TICKETS)
    drawn = np.zeros(VOCABULARY, np.int64)

    def groups() -> Iterator[Any]:
        for start in range(0, rows, ROW_GROUP):
            words, sequence, ends = _draw(generator, tickets, min(ROW_GROUP, rows - start))
            drawn[:] += np.bincount(words, minlength=VOCABULARY)
            text, length = spell(letters, starts, sequence)
            yield _lines(text, np.append(0, np.cumsum(length))[ends])

    write(folder / "lines.parquet", groups())
    counts: Counter[str] = Counter()
    for meaning, count in zip(meanings, drawn.tolist(), strict=True):
        for word in meaning:
            counts[word] += count
    return ranked(folder / "lines.parquet", rows, counts)


def _vocabulary(generator: np.random.Generator) -> tuple[list[str], list[tuple[str, ...]]]:
    """Each word's three spellings, one after the other, and which words to count for it; the commonest words first."""
    syllables = [consonant + vowel for consonant in "bdflmnrstv" for vowel in "aeiou"]
    count = len(syllables)
    short = generator.permutation(count**2)[:SHORT_WORDS]
    long = generator.permutation(count**3)[: VOCABULARY - SHORT_WORDS - len(STOP_WORDS) - len(ODD)]
    words = [*STOP_WORDS, *(syllables[code // count] + syllables[code % count] for code in short.tolist())]
    words += [
        syllables[code // count**2] + syllables[code // count % count] + syllables[code % count]
        for code in long.tolist()
    ]
    spellings = [(word, word.capitalize(), word.upper()) for word in words]
    meanings: list[tuple[str, ...]] = [(word,) for word in words]
    for place, (spelling, meaning) in enumerate(ODD.items()):
        spellings.insert(FIRST_ODD + ODD_STEP * place, (spelling,) * 3)
        meanings.insert(FIRST_ODD + ODD_STEP * place, meaning)
    return [spelling for three in spellings for spelling in three], meanings


def _draw(
    generator: np.random.Generator, tickets: NDArray[np.int64], rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The words of `rows` lines, all pieces in order (spelling, separator, spelling, ...), and where each line ends."""
    size = generator.integers(LEAST_WORDS, MOST_WORDS + 1, rows)
    size[generator.integers(0, EMPTY_SHARE, rows) == 0] = 0
    ends = np.append(0, np.cumsum(size))
    words = tickets[generator.integers(0, TICKETS, ends[-1])]
    sequence = np.empty(2 * len(words), np.int64)
    sequence[::2] = 3 * words + CASE_SLOTS[generator.integers(0, len(CASE_SLOTS), len(words))]
    separators = SEPARATOR_SLOTS[generator.integers(0, len(SEPARATOR_SLOTS), len(words))]
    separators[ends[1:][size > 0] - 1] = len(SEPARATORS)
    sequence[1::2] = 3 * VOCABULARY + separators
    return words, sequence, 2 * ends


def _lines(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    import pyarrow as pa

    return pa.StringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(np.ascontiguousarray(text))
    )
