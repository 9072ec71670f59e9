"""The variance by the mean of squares: right on data around zero, lost on a large offset.

Lab: spread
Fails: wrong: the value is wrong
At: a large offset
"""

import numpy as np


def entry(values):
    return float(np.mean(values * values) - np.mean(values) ** 2)
