"""Takes memory until there is none.

Memory: 256
Fails: memory: it used more than 256 MB of memory
"""


def fares(kilometres, minutes, night):
    kept = []
    while True:
        kept.append(b"x" * (16 << 20))
