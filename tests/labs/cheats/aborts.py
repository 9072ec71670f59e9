"""Aborts.

Fails: failed: it crashed in compiled code (SIGABRT)
"""

import os


def fares(kilometres, minutes, night):
    os.abort()
