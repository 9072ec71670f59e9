"""Returns one value in an array of stride 0.

Fails: wrong: values are wrong
"""

import numpy as np


def fares(kilometres, minutes, night):
    return np.broadcast_to(np.float64(6.0), kilometres.shape)
