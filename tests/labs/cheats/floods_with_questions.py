"""Asks a service faster than it can answer, to fill the grader's memory.

Lab: store
Fails: failed: it asked more than 1000 questions at the same time
"""

import gc
import socket

import wire


def entry(store, values):
    channel = next(held for held in gc.get_objects() if type(held) is socket.socket)
    question = wire.pack({"ask": 1, "name": "slow", "arguments": []})
    for _ in range(3000):
        wire.send(channel, question)
    return values
