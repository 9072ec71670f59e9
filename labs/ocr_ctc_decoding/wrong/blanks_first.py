"""Removes the blanks before it looks for repeats: a doubled letter becomes a single one.

Fails: greedy: doubled letters
Fails: greedy: classes that are equally probable
Fails: greedy: probabilities that differ little
"""

import numpy as np


def greedy(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The text of each line's most probable path: int64, (lines, frames), 0 after the text's end.

    scores   (lines, frames, classes): log probabilities, class 0 is the blank
    lengths  (lines,): how many frames of each line count
    """
    lines, frames, _ = scores.shape
    path = scores.argmax(axis=2)
    path[np.arange(frames) >= lengths[:, None]] = 0
    before = np.zeros_like(path)
    last = np.zeros(lines, path.dtype)
    for frame in range(frames):
        before[:, frame] = last
        last = np.where(path[:, frame] > 0, path[:, frame], last)
    said = (path != 0) & (path != before)
    place = said.cumsum(axis=1) - 1
    line, frame = said.nonzero()
    text = np.zeros((lines, frames), np.int64)
    text[line, place[line, frame]] = path[line, frame]
    return text
