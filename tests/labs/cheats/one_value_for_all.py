"""One value, which a comparison would spread over all rides.

Fails: shape: the answer has 0 dimensions; it must have 1
"""


def fares(kilometres, minutes, night):
    return 6.0
