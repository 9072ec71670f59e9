"""Keeps the last of several texts that are equally probable.

Fails: beam: texts that are equally probable
"""

from ..work import _plus


def _rank(entry: tuple[tuple[int, ...], float, float]) -> tuple[float, tuple[int, ...]]:
    """The most probable text first; of equals, the text that comes first."""
    text, blank, letter = entry
    return -_plus(blank, letter), tuple(-label for label in text)
