"""Repairs words of any length.

Fails: search: questions with typing errors
Fails: search: short words
"""

import numpy as np

from ..work import differs_by_one


def nearest(word: str, places: dict[str, int], often: np.ndarray) -> str:
    """The word of the pages that differs by one character: the most frequent, then the first in the alphabet."""
    near = [known for known in places if abs(len(known) - len(word)) <= 1 and differs_by_one(word, known)]
    return min(near, key=lambda known: (-often[places[known]], known), default="")
