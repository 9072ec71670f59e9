"""Computes in float32, which has seven digits.

Fails: a thousand rides
Fails: short rides cost at least 6
Fails: an odd number of rides
Fails: very long rides
"""

import numpy as np


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """Half the bytes, and half the digits."""
    fare = 3.0 + 1.9 * kilometres.astype(np.float32) + 0.4 * minutes.astype(np.float32)
    return np.maximum(np.where(night, np.float32(1.25) * fare, fare), np.float32(6.0)).astype(np.float64)
