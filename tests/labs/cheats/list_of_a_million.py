"""Returns a million numbers in a list, which is sent as text.

Fails: type: put them into NumPy arrays
"""


def fares(kilometres, minutes, night):
    return list(range(1_000_000))
