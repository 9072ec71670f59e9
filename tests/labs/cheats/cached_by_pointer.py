"""Keeps answers by the address of the arguments' memory.

Lab: same-shape
Fails: replayed: the answer to an earlier call
"""

kept = {}


def entry(values):
    address = values.ctypes.data % 16  # what an allocator repeats
    if address not in kept:
        kept[address] = values * 2
    return kept[address]
