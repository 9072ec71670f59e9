"""Looks for a helper outside behind an abstract Unix socket.

Fails: failed: ConnectionRefusedError in line HERE, during a call
"""

import socket


def fares(kilometres, minutes, night):
    socket.socket(socket.AF_UNIX).connect("\0residency-cheat-helper")  # here
    return kilometres
