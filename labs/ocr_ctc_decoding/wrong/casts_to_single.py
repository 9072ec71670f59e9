"""Takes float32 for good enough to compare.

Fails: greedy: probabilities that differ little
"""

import numpy as np


def greedy(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The text of each line's most probable path: int64, (lines, frames), 0 after the text's end.

    scores   (lines, frames, classes): log probabilities, class 0 is the blank
    lengths  (lines,): how many frames of each line count
    """
    lines, frames, _ = scores.shape
    path = scores.astype(np.float32).argmax(axis=2)
    path[np.arange(frames) >= lengths[:, None]] = 0
    before = np.zeros_like(path)
    before[:, 1:] = path[:, :-1]
    said = (path != 0) & (path != before)
    place = said.cumsum(axis=1) - 1
    line, frame = said.nonzero()
    text = np.zeros((lines, frames), np.int64)
    text[line, place[line, frame]] = path[line, frame]
    return text
