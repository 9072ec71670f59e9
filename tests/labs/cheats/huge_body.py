"""Announces a body of 16 exabytes.

Fails: failed: more than 64 MB
"""

import os
import struct
import sys


def fares(kilometres, minutes, night):
    os.write(int(sys.argv[1]), struct.pack("<4sIQ", b"RLAB", 2, 0xFFFFFFFFFFFFFFFF) + b"{}")
    return kilometres
