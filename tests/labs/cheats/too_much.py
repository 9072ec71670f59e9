"""Returns more than the lab takes.

Fails: failed: the answer has more than 64 MB
"""

import numpy as np


def fares(kilometres, minutes, night):
    return np.zeros(9 << 20)
