"""Returns an array of objects that would run a command where it is unpickled.

Fails: type: an array of Python objects or records
"""

import os

import numpy as np


class Payload:
    def __reduce__(self):
        return os.system, ("touch /tmp/owned",)


def fares(kilometres, minutes, night):
    return np.array([Payload()] * len(kilometres), object)
