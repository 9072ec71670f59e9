"""Returns a list that holds itself.

Fails: failed: RecursionError, during a call
"""


def fares(kilometres, minutes, night):
    result = []
    result.append(result)
    return result
