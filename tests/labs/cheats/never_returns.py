"""Waits for ever.

Fails: timeout: a call took longer than 2 s
"""

import time


def fares(kilometres, minutes, night):
    while True:
        time.sleep(1)
