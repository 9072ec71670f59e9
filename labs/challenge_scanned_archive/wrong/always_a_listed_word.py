"""Replaces every word that is not on the list by the best of the list.

Fails: read: words that are not on the list
Fails: find: NumPy's documentation
"""

import re

import numpy as np

from ..work import Lists


def corrected(found: re.Match[str], scores: np.ndarray, alphabet: str, lists: Lists, apart: np.ndarray) -> str:
    """The word, or the one of the list that the picture allows as well."""
    word = found.group()
    end = word[-1] if word[-1] in ".," and len(word) > 1 else ""
    word = word.removesuffix(end) if end else word
    same, codes = lists.get(len(word), ([], np.zeros((0, len(word)), int)))
    if word in same or not same or word.isdigit():
        return word + end
    cells = scores[found.start() : found.start() + len(word)]
    columns = np.arange(len(word))
    best = int(cells[columns, codes].sum(axis=1).argmax())
    return same[best] + end
