"""Fills /dev/shm, which is memory, too.

Fails: failed: OSError in line HERE, during a call
"""


def fares(kilometres, minutes, night):
    for number in range(100):
        with open(f"/dev/shm/large-{number}", "wb") as file:
            block = b"x" * (1 << 20)
            for _ in range(64):
                file.write(block)  # here
    return kilometres
