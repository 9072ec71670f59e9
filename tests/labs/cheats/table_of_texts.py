"""Returns texts of which an array would be huge: each place is as wide as the longest.

Fails: type: no array of numbers
"""


def fares(kilometres, minutes, night):
    return ["x" * 1_000_000, *["y"] * 100_000]
