"""Teams: who stands behind a clone. A team is graded once, and each member gets its result.

`roster.csv` of the instructor decides where it names teams or clones; `team.toml` in a clone says it otherwise:

    name = "Team 1"
    [[member]]
    name = "Ann Example"
    email = "ann@example.org"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Member:
    """One resident. All three can be shown as they are; what is not known is empty."""

    student_id: str
    name: str
    email: str = ""


@dataclass(frozen=True)
class Team:
    """Who is graded together. A resident alone is a team of one member with the resident's own name."""

    name: str
    members: tuple[Member, ...]
    clone: Path | None  # None: there is no clone of this team


@dataclass(frozen=True)
class Teams:
    """All teams in the order of the roster or of the clones, and one line for each thing that does not fit."""

    teams: tuple[Team, ...]
    lines: tuple[str, ...] = ()

    def of(self, clone: Path) -> tuple[Team, ...]:
        """The teams of a clone."""
        return tuple(team for team in self.teams if team.clone == clone)


def teams(clones: Sequence[Path], roster: Path | None = None, told: Mapping[Path, bytes] | None = None) -> Teams:
    """Who stands behind each clone.

    `clones` are the folders; `roster` is a CSV file with the columns `student_id`, `name` (or `first_name` and
    `last_name`), `email`, `team` and `clone` (a folder's name), of which `student_id` or `email` is needed; `told` are
    the texts of `team.toml` by clone (`Submission.team`). Raises `UsageError` where the roster cannot be read.
    """
    raise NotImplementedError
