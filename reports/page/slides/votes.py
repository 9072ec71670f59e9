"""What a class can vote for, and which of the choices the measured numbers support."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from residency.analysis.contest import Contest
from residency.analysis.row import Row
from residency.analysis.vote import UP_TO, vote
from residency.reports import words
from residency.reports.answers import name_of
from residency.reports.page.parts import Text

NAMED = 3  # choices that a sentence names
VOTES = (
    "the CPU is faster",
    "about equal",
    f"the GPU, up to {UP_TO[0]:.0f} ×",
    f"the GPU, {UP_TO[0]:.0f} to {UP_TO[1]:.0f} ×",
    f"the GPU, more than {UP_TO[1]:.0f} ×",
)
"""What `analysis.vote.Choice` is called, in its order."""


def choices(rivals: Contest) -> list[str]:
    """What the class can vote for. Implementations come by name, so that the order tells nothing."""
    if rivals.between_devices:
        return list(VOTES)
    return sorted(map(name_of, rivals.measured)) if len(rivals.measured) > 1 else []


def letter(index: int) -> str:
    """A, B, C, ..., and numbers after Z."""
    return ascii_uppercase[index] if index < len(ascii_uppercase) else str(index + 1)


def right(rivals: Contest, offered: Sequence[str]) -> Text:
    """Which of the choices offered was right, and which others the interval does not exclude."""
    if rivals.between_devices and rivals.gpu is not None and rivals.gpu.compared.speedup is not None:
        told = vote(rivals.gpu.compared.speedup)
        sure = [int(told.right)] if told.right is not None else []
        possible = [int(choice) for choice in told.possible]
    else:
        first, *others = rivals.measured
        tied = [row for row in others if verdict(row) == "equivalent"]
        near = [row for row in others if verdict(row) not in {"equivalent", "slower"}]
        sure = [] if near else [offered.index(name_of(row)) for row in (first, *tied)]
        possible = [offered.index(name_of(row)) for row in (first, *tied, *near)]
    if not sure:
        left = _lettered(possible, offered) if len(possible) < len(offered) else "all of these"
        return f"This run cannot tell. Possible: {left}."
    more = sorted(set(possible) - set(sure))
    also = f" The interval also allows {_lettered(more, offered)}." if more else ""
    return f"Right: {_lettered(sure, offered)}.{also}"


def verdict(row: Row) -> str:
    """What its ratio to the strongest says; empty if it has none."""
    return row.compared.speedup.verdict if row.compared.speedup else ""


def _lettered(indices: Sequence[int], offered: Sequence[str]) -> str:
    """`C (the GPU, up to 3 ×)`; the letters alone if there are many."""
    if len(indices) > NAMED:
        return words.joined([letter(index) for index in sorted(indices)])
    return words.joined([f"{letter(index)} ({offered[index]})" for index in sorted(indices)])
