"""Keeps the larger of two ways to a text, where it was reached by itself and by the shorter text.

Fails: beam: a batch of lines
Fails: beam: wide enough for every text
Fails: beam: doubled letters
Fails: beam: lines of different lengths
Fails: beam: long lines
Fails: beam: classes that are impossible
Fails: beam: half precision
"""

from ..work import NEVER, _plus, _rank


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
                letters[text] = max(letters.get(text, NEVER), letter + frame[text[-1]])
            for label in range(1, len(frame)):
                longer = (*text, label)
                before = blank if text and text[-1] == label else both
                letters[longer] = max(letters.get(longer, NEVER), before + frame[label])
        found = [(text, blanks.get(text, NEVER), letters.get(text, NEVER)) for text in {**blanks, **letters}]
        kept = sorted(found, key=_rank)[:width]
    text, blank, letter = min(kept, key=_rank)
    return text, _plus(blank, letter)
