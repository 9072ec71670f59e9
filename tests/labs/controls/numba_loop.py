"""A loop that Numba compiles.

Needs: numba
"""

import numba
import numpy as np


@numba.njit
def fares(kilometres, minutes, night):
    result = np.empty(len(kilometres))
    for ride in range(len(kilometres)):
        fare = 3.0 + 1.9 * kilometres[ride] + 0.4 * minutes[ride]
        result[ride] = max(1.25 * fare if night[ride] else fare, 6.0)
    return result
