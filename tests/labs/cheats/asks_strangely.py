"""Asks a service with a question that is none, and takes the error's text for the answer.

Lab: store
Fails: failed: ValueError in line HERE, during a call
"""


def entry(store, values):
    return store.ask("\x1b[2J" * 1000, {"a": [None] * 1000})  # here
