"""Multiplies probabilities: right for short lines, 0 for long ones.

Fails: beam: long lines
"""

import math

import numpy as np

from ..work import _rank

NEVER = 0.0


def beam(scores: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The text of each line by beam search, and its log probability: int64 as in `greedy`, float64 (lines,).

    Computed in float64, whatever the type of `scores`. README.md says what the beam keeps.
    """
    texts, probabilities = np.zeros(scores.shape[:2], np.int64), np.zeros(len(scores))
    for number, (line, length) in enumerate(zip(scores, lengths, strict=True)):
        text, probabilities[number] = _searched(np.exp(line[:length].astype(np.float64)).tolist(), width)
        texts[number, : len(text)] = text
    return texts, probabilities


def _searched(line: list[list[float]], width: int) -> tuple[tuple[int, ...], float]:
    """The most probable text that the beam holds after the last frame."""
    # A text, its paths that end in a blank, and those that end in its last letter.
    kept: list[tuple[tuple[int, ...], float, float]] = [((), 1.0, NEVER)]
    for frame in line:
        blanks: dict[tuple[int, ...], float] = {}
        letters: dict[tuple[int, ...], float] = {}
        for text, blank, letter in kept:
            both = _plus(blank, letter)
            blanks[text] = both * frame[0]
            if text:
                letters[text] = _plus(letters.get(text, NEVER), letter * frame[text[-1]])
            for label in range(1, len(frame)):
                longer = (*text, label)
                before = blank if text and text[-1] == label else both
                letters[longer] = _plus(letters.get(longer, NEVER), before * frame[label])
        found = [(text, blanks.get(text, NEVER), letters.get(text, NEVER)) for text in {**blanks, **letters}]
        kept = sorted(found, key=_rank)[:width]
    text, blank, letter = min(kept, key=_rank)
    return text, math.log(_plus(blank, letter) or 5e-324)


def _plus(one: float, other: float) -> float:
    """The logarithm of the sum of two probabilities that are given as logarithms."""
    return one + other
