"""Closes the channel to the grader and waits.

Fails: failed: it closed the channel to the grader
"""

import os
import sys
import time


def fares(kilometres, minutes, night):
    os.close(int(sys.argv[1]))
    time.sleep(60)
