"""Writes garbage to the channel.

Fails: failed: the channel to the grader was written to
"""

import os
import sys


def fares(kilometres, minutes, night):
    os.write(int(sys.argv[1]), b"\x80\x04garbage" * 10)
    return kilometres
