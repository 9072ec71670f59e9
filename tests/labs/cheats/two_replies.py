"""Sends an answer by itself and then returns another one for the next call.

Fails: failed: it wrote to the grader's channel before it was called
Or: replayed: this is the answer to an earlier call
At: short rides cost at least 6
"""

import gc
import socket

import numpy as np
import wire

channel = next(held for held in gc.get_objects() if type(held) is socket.socket)


def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    right = np.maximum(np.where(night, 1.25 * fare, fare), 6.0)
    wire.send(channel, wire.pack({"value": right}))
    return right
