"""The length of every row. Edit this file; `residency lab check` tells whether it is right and how fast it is."""

import numpy as np


def lengths(rows: np.ndarray) -> np.ndarray:
    """The Euclidean length of each row: float64, one entry for each row, without a loop over rows."""
    ### BEGIN SOLUTION
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))
    ### END SOLUTION
