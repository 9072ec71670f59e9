"""Divides vectors of zeros by their length.

Fails: search: texts without a word
Fails: build: texts without a word
"""

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their length; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return vectors / length
