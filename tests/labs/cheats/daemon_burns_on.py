"""A child of a child with a session of its own burns the processor, also while the solution is timed.

Lab: same-shape
Fails: failed: it goes on computing after its answer
At: timing
"""

import os

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            pass
    os._exit(0)


def entry(values):
    return 2 * values
