"""Leaves with `sys.exit(0)`, as if all were well.

Fails: failed: SystemExit in line HERE, during a call
"""

import sys


def fares(kilometres, minutes, night):
    sys.exit(0)  # here
