"""Takes two rides at a time and forgets the last.

Fails: an odd number of rides
"""

import numpy as np


def fares(kilometres: np.ndarray, minutes: np.ndarray, night: np.ndarray) -> np.ndarray:
    """Halves, glued together."""
    fare = np.maximum((3.0 + 1.9 * kilometres + 0.4 * minutes) * np.where(night, 1.25, 1.0), 6.0)
    if len(fare) % 2:
        fare[-1] = 0.0
    return fare
