"""Keeps many objects, so that tidying up after a call takes long.

Lab: same-shape
At: timing
"""

kept = [[number] for number in range(300_000)]


def entry(values):
    return 2 * values
