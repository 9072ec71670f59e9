"""Puts the inputs into an exception's message, with escapes for the terminal and megabytes.

Fails: failed: ValueError in line HERE, during a call
Never: secret
"""


def fares(kilometres, minutes, night):
    raise ValueError("\x1b[2J\x1b]0;secret\x07" + repr(kilometres.tolist()) + "secret" * 1_000_000)  # here
