"""Forks for ever.

Fails: failed: it started more than 64 processes or threads
"""

import os


def fares(kilometres, minutes, night):
    while True:
        try:
            os.fork()
        except OSError:
            pass
