"""The right values in a column: they would be compared with every row.

Fails: shape: the answer has 2 dimensions; it must have 1
"""

import numpy as np


def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    return np.maximum(np.where(night, 1.25 * fare, fare), 6.0)[:, None]
