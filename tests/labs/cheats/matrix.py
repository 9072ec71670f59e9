"""Returns a NumPy matrix: its `*` is another operation, so a lab's judge must not meet one.

Fails: type: a NumPy matrix
"""

import warnings

import numpy as np

warnings.simplefilter("ignore")


def fares(kilometres, minutes, night):
    return np.matrix(kilometres)
