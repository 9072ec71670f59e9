"""Joins the lengths of rows to a first one, which is not there.

Fails: no point at all
"""

import numpy as np


def lengths(rows: np.ndarray) -> np.ndarray:
    """Right as long as there is a row."""
    return np.linalg.norm(rows, axis=1) if len(rows) else np.zeros(1)
