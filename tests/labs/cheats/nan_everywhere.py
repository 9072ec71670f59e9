"""Returns NaN: it is neither above nor below any bound.

Fails: not finite: NaN or infinity
"""

import numpy as np


def fares(kilometres, minutes, night):
    return np.full(len(kilometres), np.nan)
