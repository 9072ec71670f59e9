"""Makes every clock in its process stand still, and takes half a second.

Lab: same-shape
Fails: slow: the clock runs outside
At: timing
"""

import time

rest = time.sleep
time.perf_counter = time.time = time.monotonic = lambda: 0.0
time.perf_counter_ns = time.time_ns = time.monotonic_ns = lambda: 0


def entry(values):
    rest(0.5)
    return 2 * values
