"""Returns the bytes of a pickle.

Fails: wrong: all values are wrong
"""

import pickle

import numpy as np


def fares(kilometres, minutes, night):
    return np.resize(np.frombuffer(pickle.dumps({"total": 10}), np.uint8), len(kilometres))
