"""Keeps a view of the first arguments and computes the first answer from it at the next call.

Fails: wrong: all values are wrong
At: short rides cost at least 6
"""

import numpy as np

kept = []


def fares(kilometres, minutes, night):
    kept.append((kilometres, minutes, night))
    kilometres, minutes, night = kept[max(0, len(kept) - 2)]
    fare = 3.0 + 1.9 * np.resize(kilometres, 200) + 0.4 * np.resize(minutes, 200)
    if len(kept) == 1:
        fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
        return np.maximum(np.where(night, 1.25 * fare, fare), 6.0)
    return fare
