"""A thread goes on computing after the answer.

Lab: same-shape
Fails: failed: it goes on computing after its answer
At: timing
"""

import threading


def burn():
    while True:
        sum(range(1000))


threading.Thread(target=burn, daemon=True).start()


def entry(values):
    return 2 * values
