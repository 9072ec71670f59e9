"""Two files, one of which is imported from the other.

Also: helper.py, package/inner.py
"""

import numpy as np


def fares(kilometres, minutes, night):
    from helper import cost
    from package.inner import at_least

    return at_least(cost(kilometres, minutes, night))


def cost(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    return np.where(night, 1.25 * fare, fare)


def at_least(fare):
    return np.maximum(fare, 6.0)
