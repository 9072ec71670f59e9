"""Returns a view with a negative stride."""

import numpy as np


def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres[::-1] + 0.4 * minutes[::-1]
    return np.maximum(np.where(night[::-1], 1.25 * fare, fare), 6.0)[::-1]
