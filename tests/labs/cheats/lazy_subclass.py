"""Returns a subclass of an array that computes when it is looked at.

Fails: type: it returned something else
"""

import numpy as np


class Lazy(np.ndarray):
    def __array_finalize__(self, other):
        self.later = getattr(other, "later", None)


def fares(kilometres, minutes, night):
    lazy = kilometres.view(Lazy)
    lazy.later = (minutes, night)
    return lazy
