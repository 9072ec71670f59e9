"""Becomes root.

Fails: failed: PermissionError in line HERE, during a call
"""

import os


def fares(kilometres, minutes, night):
    os.setuid(0)  # here
    return kilometres
