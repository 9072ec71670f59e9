"""Takes a beam of width 1 for greedy decoding.

Fails: beam: a width of 1
"""

import numpy as np

from ..work import _searched, greedy


def beam(scores: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The text of each line by beam search, and its log probability: int64 as in `greedy`, float64 (lines,).

    Computed in float64, whatever the type of `scores`. README.md says what the beam keeps.
    """
    if width == 1:
        path = np.where(np.arange(scores.shape[1]) < lengths[:, None], scores.max(axis=2), 0.0)
        return greedy(scores, lengths), path.sum(axis=1, dtype=np.float64)
    texts, probabilities = np.zeros(scores.shape[:2], np.int64), np.zeros(len(scores))
    for number, (line, length) in enumerate(zip(scores, lengths, strict=True)):
        text, probabilities[number] = _searched(line[:length].astype(np.float64).tolist(), width)
        texts[number, : len(text)] = text
    return texts, probabilities
