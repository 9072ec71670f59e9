"""Who wrote the lines of a submission: `git blame` of its files, without the starter's lines. Evidence, never a mark.

    found = contribution(Path("clones/team-1"), lab, members=["ann@example.org", "bob@example.org"])
    found.authors       who wrote how many of the lines that were submitted
    found.warnings      why this may be wrong: squashed or rewritten history, strange dates, other committers
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from residency.labs.lab import Lab

EVIDENCE = (
    "This is evidence for a conversation, not a mark: it shows whose name stands on the lines, not who thought of them."
)


@dataclass(frozen=True)
class Author:
    """One person, by e-mail address after `.mailmap`. Name and address can be shown as they are."""

    name: str
    email: str
    lines: float  # of the submission; a commit with co-authors gives each the same part
    share: float  # of all lines that somebody wrote: 0 to 1
    commits: int
    member: bool | None = None  # whether the address belongs to a member; None: the members are not known


@dataclass(frozen=True)
class Day:
    """What one author committed on one day (UTC)."""

    day: date
    email: str
    commits: int
    lines: float  # that were added on this day, whether they are still there or not


@dataclass(frozen=True)
class Contribution:
    """Who wrote the lines of one submission."""

    commit: str
    authors: tuple[Author, ...] = ()  # who wrote most comes first
    timeline: tuple[Day, ...] = ()  # in the order of days
    files: Mapping[str, int] = field(default_factory=dict)  # lines that somebody wrote, by file
    starter: int = 0  # lines that are the starter's, and count for nobody
    left_out: tuple[str, ...] = ()  # files that were not counted, and why, as sentences
    warnings: tuple[str, ...] = ()  # why the numbers may be wrong, as sentences
    note: str = EVIDENCE  # stands on every output

    def as_json(self) -> dict[str, Any]:
        """Everything, for files and programs."""
        return {**asdict(self), "timeline": [{**asdict(day), "day": day.day.isoformat()} for day in self.timeline]}


def contribution(clone: Path, lab: Lab, tag: str | None = None, *, members: Sequence[str] = ()) -> Contribution:
    """Who wrote the lines of a clone's submission; `members` are the e-mail addresses of its team, if they are known.

    Raises `UsageError` with one line, as `submissions.read` does.
    """
    raise NotImplementedError


def lines(found: Contribution) -> Iterator[str]:
    """What a teacher reads in a terminal, with the words that it is no mark."""
    raise NotImplementedError
