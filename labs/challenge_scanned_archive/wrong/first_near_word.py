"""Takes the first near word in the alphabet, not the most frequent.

Fails: search: questions with typing errors
"""

import numpy as np

from ..work import differs_by_one


def nearest(word: str, places: dict[str, int], often: np.ndarray) -> str:
    """The word of the pages that differs by one character: the most frequent, then the first in the alphabet."""
    if len(word) < 4:
        return ""
    near = [known for known in places if abs(len(known) - len(word)) <= 1 and differs_by_one(word, known)]
    return min(near, default="")
