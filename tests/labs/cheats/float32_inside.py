"""Computes in float32.

Fails: wrong: values are wrong
"""

import numpy as np


def fares(kilometres, minutes, night):
    fare = np.float32(3.0) + np.float32(1.9) * kilometres.astype("f4") + np.float32(0.4) * minutes.astype("f4")
    return np.maximum(np.where(night, np.float32(1.25) * fare, fare), np.float32(6.0))
