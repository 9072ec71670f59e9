"""Computes on several cores in a lab of one.

Lab: same-shape
Fails: failed: it computes on more than one processor core
At: timing
Cores: 2
"""

import hashlib
import os
import threading
import time

os.sched_setaffinity(0, range(os.cpu_count() or 1))
block = bytes(1 << 20)


def burn(until):
    while time.perf_counter() < until:
        hashlib.sha256(block)  # without the interpreter's lock


def entry(values):
    until = time.perf_counter() + 0.3
    helpers = [threading.Thread(target=burn, args=(until,)) for _ in range(8)]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    return 2 * values
