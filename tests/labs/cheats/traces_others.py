"""Attaches to other processes as a debugger.

Fails: failed: PermissionError in line HERE, during a call
"""

import ctypes
import os


def fares(kilometres, minutes, night):
    libc = ctypes.CDLL(None, use_errno=True)
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            if libc.ptrace(16, int(name), 0, 0) == 0:  # PTRACE_ATTACH
                return kilometres
    if ctypes.get_errno():
        raise PermissionError(ctypes.get_errno(), "")  # here
