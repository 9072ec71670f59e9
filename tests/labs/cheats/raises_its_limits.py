"""Raises its own limits.

Fails: failed: ValueError in line HERE, during a call
"""

import resource


def fares(kilometres, minutes, night):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))  # here
    return kilometres
