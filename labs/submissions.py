"""A stranger's clone: what was submitted in it. Git reads it in the sandbox alone, and nothing of it is executed.

    submission = read(Path("clones/ann"), lab)
    submission.files        what is graded: the resident's files, and the teacher's copies of the protected ones

`reading.py` runs Git in the sandbox on a Git folder of its own, which borrows the clone's objects and references, so
that no setting, hook, attribute file, replacement or graft of the clone is ever read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from residency.labs.lab import Lab


@dataclass(frozen=True)
class Submission:
    """What one clone submitted. Names in `changed`, `removed`, `remarks` and `unsubmitted` can be shown as they are."""

    clone: Path
    lab: str
    tag: str  # `submission-3`; empty if a commit was asked for
    commit: str  # its whole identifier: 40 or 64 hexadecimal digits
    time: datetime | None  # when it was committed, in UTC, as the resident's clock said; None: an impossible time
    files: Mapping[str, bytes] = field(repr=False)  # by path: what is graded, with the teacher's protected files
    changed: tuple[str, ...] = ()  # protected files that differ from the teacher's; the teacher's are graded
    removed: tuple[str, ...] = ()  # protected files that are missing in the commit
    remarks: tuple[str, ...] = ()  # one sentence for each file that was left out, and why
    unsubmitted: tuple[str, ...] | None = None  # files of the work tree that differ from the commit; None: not known
    later: int = 0  # commits after the submitted one on the branch that is checked out
    team: bytes | None = field(default=None, repr=False)  # the text of `team.toml`


def read(clone: Path, lab: Lab, tag: str | None = None) -> Submission:
    """What a clone submitted: its last tag `submission-N`, or a given tag or commit.

    Raises `UsageError` with one line that says what is wrong with the clone.
    """
    raise NotImplementedError
