"""Returns a generator without an end.

Fails: memory: it used more than 256 MB of memory
Memory: 256
"""


def fares(kilometres, minutes, night):
    while True:
        yield b"x" * (1 << 20)
