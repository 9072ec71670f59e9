"""A pool of threads that waits for the next call without computing.

Lab: same-shape
At: timing
"""

from concurrent.futures import ThreadPoolExecutor

pool = ThreadPoolExecutor(2)


def entry(values):
    return pool.submit(lambda: 2 * values).result()
