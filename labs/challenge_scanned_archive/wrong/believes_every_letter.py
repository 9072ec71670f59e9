"""Does not use the list of words.

Fails: read: broken letters
"""

import numpy as np

from ..work import Lists


def line_text(scores: np.ndarray, inked: np.ndarray, alphabet: str, lists: Lists, apart: np.ndarray) -> str:
    """The text of a line of cells: the best letter of each, corrected by the words of the list."""
    chosen = scores.argmax(axis=1)
    text = "".join(alphabet[one] if dark else " " for one, dark in zip(chosen, inked, strict=True))
    return text
