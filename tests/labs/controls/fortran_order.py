"""Returns a matrix in Fortran order.

Lab: table
"""

import numpy as np


def entry(values):
    return np.asfortranarray(2 * values)
