"""Returns nothing until some calls have come, and computes them together.

Fails: shape: the answer has 0 dimensions; it must have 1
"""

waiting = []


def fares(*arguments):
    waiting.append(arguments)
    return "later"
