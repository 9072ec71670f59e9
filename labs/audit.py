"""The record of one graded submission: what was graded, by which seeds, on which machine, and what came of it.

One file a team, `audit/TEAM.json`, written in one step when the submission is done. All that a cohort's folder shows
is made from these files, so nothing can be lost but what is under way; and with one of them a grading can be repeated.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residency.harness.errors import UsageError
from residency.harness.files import write_whole
from residency.labs import score
from residency.labs.driver import Checked, Graded, Timed
from residency.labs.lab import Lab, Verdict
from residency.labs.teams import Member

SCHEMA = 1
TIME = "%Y-%m-%d %H:%M:%S"
PEOPLE = "people"  # the part of the points that people give
PARTS = {  # of the points, as files name them and as people read them
    "visible": "visible checks",
    "hidden": "hidden checks",
    "fast": "time",
    "gpu": "time on a GPU",
    PEOPLE: "report",
}
LONGEST = 80  # characters of a file's name


@dataclass
class Record:
    """One submission. `problem` says why there was nothing to grade; then `graded` is None."""

    team: str  # the name of the clone's folder, which is unique
    clone: str  # the clone's folder
    lab: str
    lab_folder: str = ""
    title: str = ""
    lab_version: str = ""
    possible: dict[str, int] = field(default_factory=dict)  # the points that could be earned here, by part
    by_people: int = 0  # points that people give for `report.md`; they are `possible` only once they are given
    note_of_people: str = ""
    problem: str = ""
    commit: str = ""
    tag: str = ""
    submitted: str = ""  # when, in UTC: `2026-11-29 17:14:17`
    members: list[Member] = field(default_factory=list)
    told: str | None = None  # the text of the clone's `team.toml`
    changed: list[str] = field(default_factory=list)  # the teacher's files that the team had changed
    notes: list[str] = field(default_factory=list)  # what else the teacher should know of the clone
    graded: Graded | None = None
    contribution: dict[str, Any] = field(default_factory=dict)
    seeds: dict[str, int] = field(default_factory=dict)
    limit: float = 0.0  # seconds
    table: dict[str, Any] | None = None  # the instructor's own, if the lab took one: path, target, SHA-256
    at: str = ""  # when it was graded, in UTC
    seconds: float = 0.0  # how long that took
    cores: list[int] = field(default_factory=list)
    isolation: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The points."""
        return self.graded.total if self.graded else 0.0

    @property
    def most(self) -> int:
        """The points that could be earned here."""
        return sum(self.possible.values())

    @property
    def waits_for_people(self) -> int:
        """The points that people have still to give."""
        return self.by_people if PEOPLE not in self.possible else 0

    @property
    def failed(self) -> list[Checked]:
        """The checks that failed."""
        return [checked for checked in self.graded.checks if not checked.verdict.is_right] if self.graded else []

    def as_json(self) -> dict[str, Any]:
        """Everything, for files and programs."""
        graded = self.graded.as_json() if self.graded else None
        return {"schema": SCHEMA, **asdict(self), "graded": graded, "total": self.total, "most": self.most}


def write(file: Path, record: Record) -> None:
    """Write a record in one step."""
    write_whole(file, json.dumps(record.as_json(), indent=1))


def read(file: Path) -> Record:
    """The record in a file; raises `UsageError` if it cannot be read."""
    try:
        found = json.loads(file.read_bytes())
        if found["schema"] != SCHEMA:
            raise UsageError(f"{file} has schema {found['schema']}; this version of Residency reads {SCHEMA}")
        return _record(found)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(f"{file} is not the record of a graded submission, or it is damaged") from None


def _record(found: Mapping[str, Any]) -> Record:
    names = Record.__dataclass_fields__
    fields = {name: value for name, value in found.items() if name in names}
    members = [Member(**member) for member in found["members"]]
    return Record(**{**fields, "members": members, "graded": _graded(found["graded"])})


def _graded(found: Mapping[str, Any] | None) -> Graded | None:
    if found is None:
        return None
    fields = {name: value for name, value in found.items() if name in Graded.__dataclass_fields__}
    checks = [Checked(**{**one, "verdict": Verdict(**one["verdict"])}) for one in found["checks"]]
    return Graded(**{**fields, "checks": checks, "timed": _timed(found["timed"]), "gpu": _graded(found["gpu"])})


def _timed(found: Mapping[str, Any] | None) -> Timed | None:
    if found is None:
        return None
    speedup = score.Ratio(**found["speedup"]) if found["speedup"] else None
    return Timed(**{**found, "verdict": Verdict(**found["verdict"]), "speedup": speedup})


def empty(clone: Path, lab: Lab) -> Record:
    """The record of a clone of which nothing is known yet."""
    record = Record(clone.name, str(clone), lab.name, str(lab.folder), lab.title, version(lab), possible(lab))
    record.at, record.by_people = now(), lab.points.people
    return record


def now() -> str:
    """The time in UTC, as gradebooks have it: `2026-11-29 17:14:17`."""
    return datetime.now(UTC).strftime(TIME)


def possible(lab: Lab) -> dict[str, int]:
    """The points that a lab gives by machine and without a GPU, by part."""
    points = {"visible": lab.points.visible, "hidden": lab.points.hidden}
    return {**points, "fast": lab.points.fast} if lab.timing is not None else points


def version(lab: Lab) -> str:
    """A hash of all files of a lab's folder: the same hash means the same checks, limits and solution."""
    found = hashlib.sha256()
    for file in sorted(lab.folder.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            content = file.read_bytes()
            found.update(f"{file.relative_to(lab.folder).as_posix()}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def file_name(team: str) -> str:
    """A team's name as the name of a file: unchanged where it is plain, else with what makes it unique.

    Names come from strangers: `../x`, `-rf`, `CON`, two hundred letters, two names that differ in case alone.
    """
    plain = re.sub(r"[^a-z0-9._-]+", "-", team).strip(".-")
    if plain == team and len(plain) <= LONGEST:
        return plain
    unique = hashlib.sha256(team.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', team).strip('.-')[:LONGEST] or 'team'}-{unique}"


def differences(first: Record, again: Record) -> Sequence[str]:
    """What a second grading of the same commit decided otherwise, as sentences."""
    said: list[str] = []
    if first.problem != again.problem:
        return [f"first: {first.problem or 'it was graded'}; now: {again.problem or 'it was graded'}"]
    if first.graded is None or again.graded is None:
        return said
    now = {checked.title: checked.verdict.kind for checked in again.graded.checks}
    for checked in first.graded.checks:
        kind = now.get(checked.title, "not run")
        if kind != checked.verdict.kind:
            said.append(f"check {checked.title!r} was {checked.verdict.kind}, and is {kind}")
    for part in sorted({*first.graded.points, *again.graded.points}):
        before, after = first.graded.points.get(part), again.graded.points.get(part)
        if before != after:
            name = PARTS.get(part, part)
            said.append(f"points for {name} were {_points(before)}, and are {_points(after)}")
    return said


def _points(value: float | None) -> str:
    return "not graded" if value is None else f"{value:g}"
