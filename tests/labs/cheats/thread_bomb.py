"""Starts threads for ever.

Fails: failed: it started more than 64 processes or threads
"""

import threading
import time


def fares(kilometres, minutes, night):
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
