"""Raises a group of a thousand exceptions that cause one another.

Fails: failed: ExceptionGroup in line HERE, during a call
Never: secret
"""


def fares(kilometres, minutes, night):
    raise ExceptionGroup("secret", [ValueError("secret")] * 1000) from RuntimeError("secret")  # here
