"""Takes 1e-9 for every smaller probability, so that what is impossible becomes possible.

Fails: beam: classes that are impossible
Fails: beam: texts that are equally probable
"""

import math

import numpy as np

from ..work import _searched


def beam(scores: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The text of each line by beam search, and its log probability: int64 as in `greedy`, float64 (lines,).

    Computed in float64, whatever the type of `scores`. README.md says what the beam keeps.
    """
    texts, probabilities = np.zeros(scores.shape[:2], np.int64), np.zeros(len(scores))
    for number, (line, length) in enumerate(zip(scores, lengths, strict=True)):
        text, probabilities[number] = _searched(
            np.maximum(line[:length].astype(np.float64), math.log(1e-9)).tolist(), width
        )
        texts[number, : len(text)] = text
    return texts, probabilities
