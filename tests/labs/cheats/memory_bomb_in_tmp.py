"""Fills /tmp, which is memory, too.

Memory: 128
Fails: memory: it used more than 128 MB of memory
"""


def fares(kilometres, minutes, night):
    with open("/tmp/large", "wb") as file:
        while True:
            file.write(b"x" * (1 << 20))
