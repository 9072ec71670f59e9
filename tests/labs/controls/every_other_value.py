"""Returns a part of a larger array, not contiguous."""

import numpy as np


def fares(kilometres, minutes, night):
    wide = np.zeros((len(kilometres), 3), order="F")
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    wide[:, 1] = np.maximum(np.where(night, 1.25 * fare, fare), 6.0)
    return np.ascontiguousarray(wide)[:, 1]
