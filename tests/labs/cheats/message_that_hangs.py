"""An exception whose text never comes.

Fails: failed: ValueError in line HERE, during a call
"""

import time


class Hangs(ValueError):
    def __str__(self):
        while True:
            time.sleep(1)

    __repr__ = __str__


def fares(kilometres, minutes, night):
    """No text is asked for."""

    raise Hangs  # here
