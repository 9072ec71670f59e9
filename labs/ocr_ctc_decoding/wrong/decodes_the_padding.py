"""Decodes the frames after a line's end as well.

Fails: greedy: lines of different lengths
Fails: beam: lines of different lengths
"""

import numpy as np

from ..work import _searched


def greedy(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The text of each line's most probable path: int64, (lines, frames), 0 after the text's end.

    scores   (lines, frames, classes): log probabilities, class 0 is the blank
    lengths  (lines,): how many frames of each line count
    """
    lines, frames, _ = scores.shape
    path = scores.argmax(axis=2)
    before = np.zeros_like(path)
    before[:, 1:] = path[:, :-1]
    said = (path != 0) & (path != before)
    place = said.cumsum(axis=1) - 1
    line, frame = said.nonzero()
    text = np.zeros((lines, frames), np.int64)
    text[line, place[line, frame]] = path[line, frame]
    return text


def beam(scores: np.ndarray, lengths: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The text of each line by beam search, and its log probability: int64 as in `greedy`, float64 (lines,).

    Computed in float64, whatever the type of `scores`. README.md says what the beam keeps.
    """
    texts, probabilities = np.zeros(scores.shape[:2], np.int64), np.zeros(len(scores))
    for number, line in enumerate(scores):
        text, probabilities[number] = _searched(line.astype(np.float64).tolist(), width)
        texts[number, : len(text)] = text
    return texts, probabilities
