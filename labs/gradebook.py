"""The grades of a cohort: one row a member for a gradebook (`grades.csv`), and everything for programs (`grades.json`).

The first eleven columns are those of nbgrader's export, so what imports that file imports this one. A team is graded
once; each of its members gets a row.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.labs.audit import PARTS, SCHEMA, Record, file_name
from residency.labs.teams import Member, Teams
from residency.reports import words

NBGRADER = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
)
OURS = ("team", *PARTS, "by_people", "times_solution", "low", "high", "failed", "problem", "tag", "commit")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for a formula (OWASP, CSV injection)
LEFT_OUT = ("seeds", "machine", "versions", "told")  # of a record in `grades.json`: the audit has them
NO_CLONE = "there is no clone of this team"
NOT_GRADED = "not graded yet"


@dataclass
class Cohort:
    """What is known of a cohort: the clones, their records, and the teams."""

    folder: Path
    clones: Sequence[Path]
    records: Mapping[str, Record]  # by the name of the clone's folder; one that is missing is not graded yet
    teams: Teams
    labs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # title, version and possible points, by name
    isolation: Sequence[str] = ()  # what this machine did not keep submissions from
    machine: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    seconds: float = 0.0
    jobs: int = 1

    @property
    def graded(self) -> list[Record]:
        """The records in the order of the clones."""
        return [self.records[clone.name] for clone in self.clones if clone.name in self.records]

    def name_of(self, clone: str) -> str:
        """What a clone's team is called, beside the name of its folder."""
        found = [team.name for team in self.teams.teams if team.clone is not None and team.clone.name == clone]
        folder = words.visible(clone)
        return f"{folder} ({', '.join(found)})" if found and found != [folder] else folder

    def members(self) -> list[dict[str, Any]]:
        """A row for each member, in the order of the teams."""
        return [self._row(team.name, team.clone, member) for team in self.teams.teams for member in team.members]

    def _row(self, team: str, clone: Path | None, member: Member) -> dict[str, Any]:
        first, last = member.parted
        record = self.records.get(clone.name) if clone is not None else None
        only = next(iter(self.labs)) if len(self.labs) == 1 else ""
        row: dict[str, Any] = dict.fromkeys((*NBGRADER, *OURS), "")
        row |= {
            "assignment": record.lab if record else only,
            "student_id": member.student_id or member.email or member.name or team,
            "last_name": last,
            "first_name": first,
            "email": member.email,
            "team": team,
        }
        if clone is not None and record is None:
            return row | {"problem": NOT_GRADED}
        row["late_submission_penalty"] = 0.0
        if record is None:
            most = sum(self.labs[only]["possible"].values()) if only else ""
            return row | {"raw_score": 0.0, "score": 0.0, "max_score": most, "problem": NO_CLONE}
        row |= {
            "timestamp": record.submitted,
            "raw_score": record.total,
            "score": record.total,
            "max_score": record.most,
            "problem": record.problem or timing_problem(record),
            "tag": record.tag,
            "commit": record.commit,
            "failed": "; ".join(checked.title for checked in record.failed),
            "by_people": f"{waiting} points for report.md are not given yet"
            if (waiting := record.waits_for_people)
            else "",
        }
        if record.graded is not None:
            row |= {part: record.graded.points[part] for part in PARTS if part in record.graded.points}
            if (timed := record.graded.timed) is not None and timed.ratio is not None:
                row |= {"times_solution": timed.ratio, "low": timed.low, "high": timed.high}
        return row

    def as_json(self) -> dict[str, Any]:
        """Everything but the seeds."""
        teams = []
        for record in self.graded:
            kept = {name: value for name, value in record.as_json().items() if name not in LEFT_OUT}
            if kept["graded"]:
                kept["graded"] = _without_seeds(kept["graded"])
            teams.append({**kept, "name": self.name_of(record.team), "file": file_name(record.team)})
        return {
            "schema": SCHEMA,
            "folder": str(self.folder),
            "at": self.at,
            "seconds": self.seconds,
            "jobs": self.jobs,
            "labs": {name: dict(lab) for name, lab in self.labs.items()},
            "machine": dict(self.machine),
            "not_isolated": list(self.isolation),
            "remarks": list(self.teams.lines),
            "not_graded": [clone.name for clone in self.clones if clone.name not in self.records],
            "teams": teams,
            "members": self.members(),
        }


def _without_seeds(graded: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in graded.items() if name != "seeds"}
    return {**kept, "gpu": _without_seeds(kept["gpu"]) if kept["gpu"] else None}


def timing_problem(record: Record) -> str:
    """Why a submission whose checks passed has no time; empty if it has one."""
    timed = record.graded.timed if record.graded else None
    return "" if timed is None or timed.verdict.is_right else f"timing: {timed.verdict.what}"


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The gradebook, with names that a spreadsheet cannot take for a formula."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*NBGRADER, *OURS), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """A value of a gradebook. A text that a spreadsheet would compute begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    shown = words.visible(value)
    return f"'{shown}" if value.lstrip(" ").startswith(FORMULA) else shown
