"""Puts an import hook before all others, and its own answer in place of NumPy's functions.

Fails: wrong: all values are wrong
"""

import sys

import numpy as np


class Hook:
    def find_spec(self, name, path=None, target=None):
        return None


sys.meta_path.insert(0, Hook())
np.maximum = lambda *arguments: arguments[0]


def fares(kilometres, minutes, night):
    return np.zeros(len(kilometres))
