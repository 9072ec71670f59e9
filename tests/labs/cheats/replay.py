"""Returns the answer to the first call again and again.

Fails: replayed: the answer to an earlier call
At: short rides cost at least 6
"""

from functools import cache

import numpy as np


@cache
def first():
    return []


def fares(kilometres, minutes, night):
    if not first():
        fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
        first().append(np.maximum(np.where(night, 1.25 * fare, fare), 6.0))
    return first()[0]
