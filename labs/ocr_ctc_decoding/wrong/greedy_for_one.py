"""Takes a beam of width 1 for greedy decoding.

Fails: beam: a width of 1
"""

import math

import numpy as np

NEVER = -math.inf  # the logarithm of 0


def greedy(scores: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The text of each line's most probable path: int64, (lines, frames), 0 after the text's end.

    scores   (lines, frames, classes): log probabilities, class 0 is the blank
    lengths  (lines,): how many frames of each line count
    """
    lines, frames, _ = scores.shape
    path = scores.argmax(axis=2)
    path[np.arange(frames) >= lengths[:, None]] = 0
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
    if width == 1:
        path = np.where(np.arange(scores.shape[1]) < lengths[:, None], scores.max(axis=2), 0.0)
        return greedy(scores, lengths), path.sum(axis=1, dtype=np.float64)
    texts, probabilities = np.zeros(scores.shape[:2], np.int64), np.zeros(len(scores))
    for number, (line, length) in enumerate(zip(scores, lengths, strict=True)):
        text, probabilities[number] = _searched(line[:length].astype(np.float64).tolist(), width)
        texts[number, : len(text)] = text
    return texts, probabilities


def _searched(line: list[list[float]], width: int) -> tuple[tuple[int, ...], float]:
    """The most probable text that the beam holds after the last frame."""
    # A text, its paths that end in a blank, and those that end in its last letter.
    kept: list[tuple[tuple[int, ...], float, float]] = [((), 0.0, NEVER)]
    for frame in line:
        blanks: dict[tuple[int, ...], float] = {}
        letters: dict[tuple[int, ...], float] = {}
        for text, blank, letter in kept:
            both = _plus(blank, letter)
            blanks[text] = both + frame[0]
            if text:
                letters[text] = _plus(letters.get(text, NEVER), letter + frame[text[-1]])
            for label in range(1, len(frame)):
                longer = (*text, label)
                before = blank if text and text[-1] == label else both
                letters[longer] = _plus(letters.get(longer, NEVER), before + frame[label])
        found = [(text, blanks.get(text, NEVER), letters.get(text, NEVER)) for text in {**blanks, **letters}]
        kept = sorted(found, key=_rank)[:width]
    text, blank, letter = min(kept, key=_rank)
    return text, _plus(blank, letter)


def _rank(entry: tuple[tuple[int, ...], float, float]) -> tuple[float, tuple[int, ...]]:
    """The most probable text first; of equals, the text that comes first."""
    text, blank, letter = entry
    return -_plus(blank, letter), text


def _plus(one: float, other: float) -> float:
    """The logarithm of the sum of two probabilities that are given as logarithms."""
    small, large = min(one, other), max(one, other)
    return large if small == NEVER else large + math.log1p(math.exp(small - large))


def answer(question: str, *arguments: object) -> object:
    """What the grader calls: `greedy` or `beam`. Leave it as it is."""
    return greedy(*arguments) if question == "greedy" else beam(*arguments)  # type: ignore[arg-type]
