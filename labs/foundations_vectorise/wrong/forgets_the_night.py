"""Computes every ride by the price of the day.

Fails: a thousand rides
Fails: short rides cost at least 6
Fails: an odd number of rides
Fails: very long rides
"""

import numpy as np


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """Right by day."""
    return np.maximum(3.0 + 1.9 * kilometres + 0.4 * minutes, 6.0)
