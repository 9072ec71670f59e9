"""Yields the fares one by one."""


def fares(kilometres, minutes, night):
    for distance, time, dark in zip(kilometres, minutes, night, strict=True):
        fare = 3.0 + 1.9 * distance + 0.4 * time
        yield max(1.25 * fare if dark else fare, 6.0)
