"""Announces a header of four gigabytes.

Fails: failed: more than 64 MB
"""

import os
import struct
import sys


def fares(kilometres, minutes, night):
    os.write(int(sys.argv[1]), struct.pack("<4sIQ", b"RLAB", 0xFFFFFFFF, 0) + bytes(64))
    return kilometres
