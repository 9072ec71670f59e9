"""Right, with a loop over rides.

Fails: timing
"""

import numpy as np


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """One ride after the other."""
    result = []
    for distance, time, late in zip(kilometres, minutes, night, strict=True):
        fare = 3.0 + 1.9 * distance + 0.4 * time
        result.append(max(1.25 * fare if late else fare, 6.0))
    return np.array(result, np.float64)
