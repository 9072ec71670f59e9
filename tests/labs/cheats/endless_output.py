"""Prints without end.

Fails: failed: it printed more than 1 MB
"""


def fares(kilometres, minutes, night):
    while True:
        print("x" * 10_000)
