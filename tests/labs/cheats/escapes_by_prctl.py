"""Asks for privileges, a new root and a longer life than its parent's.

Fails: failed: PermissionError in line HERE, during a call
"""

import ctypes
import os


def fares(kilometres, minutes, night):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(1, 0, 0, 0, 0)  # no signal when the parent dies
    libc.prctl(38, 0, 0, 0, 0)  # new privileges, please
    os.setsid() if os.getpgid(0) != os.getpid() else None
    if libc.mount(b"none", b"/grader", b"tmpfs", 0, None):
        raise PermissionError(ctypes.get_errno(), "")  # here
    return kilometres
