"""Many children take a little memory each.

Memory: 256
Fails: memory: it used more than 256 MB of memory
"""

import os
import time


def fares(kilometres, minutes, night):
    for _ in range(30):
        if os.fork() == 0:
            kept = b"x" * (32 << 20)
            time.sleep(60)
            os._exit(len(kept) % 2)
    time.sleep(60)
