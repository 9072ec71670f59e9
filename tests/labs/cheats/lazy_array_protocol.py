"""Returns an object with `__array__`, which would compute in the judge.

Fails: type: it returned something else
"""


class Later:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __array__(self, dtype=None, copy=None):
        return self.arguments[0]


def fares(*arguments):
    return Later(*arguments)
