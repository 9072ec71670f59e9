"""Lets `np.vectorize` find the type of the result from the first ride, which need not be there.

Fails: no ride at all
"""

import numpy as np


def fare(kilometres: float, minutes: float, night: bool) -> float:
    """One ride."""
    price = 3.0 + 1.9 * kilometres + 0.4 * minutes
    return float(max(1.25 * price if night else price, 6.0))


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """A loop in disguise: right as long as there is a ride."""
    return np.asarray(np.vectorize(fare)(kilometres, minutes, night))
