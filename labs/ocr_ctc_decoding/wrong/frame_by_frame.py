"""Decodes one frame after the other.

Fails: timing
"""

import numpy as np


def greedy(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The text of each line's most probable path: int64, (lines, frames), 0 after the text's end.

    scores   (lines, frames, classes): log probabilities, class 0 is the blank
    lengths  (lines,): how many frames of each line count
    """
    texts = np.zeros(scores.shape[:2], np.int64)
    for line, length, text in zip(scores, lengths, texts, strict=True):
        before, place = 0, 0
        for frame in line[:length]:
            label = int(np.argmax(frame))
            if label not in (0, before):
                text[place] = label
                place += 1
            before = label
    return texts
