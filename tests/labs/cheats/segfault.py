"""Reads where there is no memory.

Fails: failed: it crashed in compiled code (SIGSEGV)
"""

import ctypes


def fares(kilometres, minutes, night):
    return ctypes.string_at(0)
