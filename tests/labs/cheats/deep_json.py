"""Sends a header that is nested a hundred thousand deep.

Fails: failed: the channel to the grader was written to
"""

import os
import struct
import sys


def fares(kilometres, minutes, night):
    header = b'{"value":' + b"[" * 100_000
    os.write(int(sys.argv[1]), struct.pack("<4sIQ", b"RLAB", len(header), 0) + header)
    return kilometres
