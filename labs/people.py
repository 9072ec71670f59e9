"""Points that people give for a team's `report.md`, after they have read it: `--people points.csv` of `lab grade`.

    clone,points,note             or: team,points,note
    team-1,3.5,Clear question; the error bars are missing.

The file is kept in the folder of results, so that a cohort that is resumed has these points again. They are no part of
an audit: a machine cannot repeat them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from residency.harness.errors import UsageError
from residency.harness.files import write_whole
from residency.labs.audit import PEOPLE, Record
from residency.labs.gradebook import Cohort
from residency.labs.lab import Lab
from residency.labs.remarks import Remark
from residency.labs.teams import called, read_cells

KEPT = "people.csv"  # in the folder of results
COLUMNS = ("clone", "team", "points", "note")


@dataclass(frozen=True)
class Given:
    """The points of one team: `name` is that of its clone or its own."""

    name: str
    points: float
    note: str


def keep(file: Path, labs: Sequence[Lab], results: Path) -> None:
    """Keep a file of points beside the results; raises `UsageError` if it cannot be used."""
    read(file, max((lab.points.people for lab in labs), default=0))
    write_whole(results / KEPT, file.read_bytes())


def read(file: Path, most: int) -> list[Given]:
    """The points in a file, each from 0 to `most`; raises `UsageError` with the row that is wrong."""
    if not most:
        raise UsageError("--people: no lab here has points that people give")
    found: dict[str, Given] = {}
    for number, cells in read_cells(file, "list of points", ("clone", "team"), COLUMNS):
        name, text = cells.get("clone") or cells.get("team", ""), cells.get("points", "")
        try:
            points = float(text)
        except ValueError:
            points = math.nan
        if not name or name in found:
            raise UsageError(f"{file}, row {number}: {f'{name} is listed twice' if name else 'no clone and no team'}")
        if not 0 <= points <= most:
            raise UsageError(f"{file}, row {number}: points {text!r}: give a number from 0 to {most}")
        found[name] = Given(name, points, cells.get("note", ""))
    return list(found.values())


def give(found: Cohort, results: Path) -> None:
    """Add the kept points to the records of a cohort, and a remark for each that nobody gets."""
    file = results / KEPT
    if not file.is_file():
        return
    teams = {team.name: team.clone.name for team in found.teams.teams if team.clone is not None}
    clones = {name: clone.name for clone in found.clones for name in called(clone)}
    said: list[Remark] = []
    having: set[str] = set()
    for given in read(file, max((record.by_people for record in found.graded), default=0) or 1):
        clone = clones.get(given.name) or teams.get(given.name, "")
        record = found.records.get(clone)
        if record is None:
            said.append(_lost(given, "there is no such clone or team"))
        elif record.graded is None:
            said.append(_lost(given, "nothing of it was graded"))
        elif clone in having:
            said.append(_lost(given, f"{clone} has points in an earlier row", "they have points in an earlier row"))
        elif given.points > record.by_people:
            said.append(
                Remark(
                    f"{given.name} has {given.points:g} points for its report; there are {record.by_people}.",
                    f"{given.name} ({given.points:g} of {record.by_people})",
                    "{count} teams have more points for the report than there are: {names}.",
                )
            )
        else:
            having.add(clone)
            _give(record, given)
    found.teams = replace(found.teams, remarks=(*found.teams.remarks, *said))


def _lost(given: Given, why: str, of_several: str = "") -> Remark:
    """Points that count nowhere."""
    return Remark(
        f"The points for the report of {given.name} are not counted: {why}.",
        given.name,
        f"The points for {{count}} reports are not counted ({of_several or why}): {{names}}.",
    )


def _give(record: Record, given: Given) -> None:
    assert record.graded is not None
    record.graded.points[PEOPLE], record.note_of_people = given.points, given.note
    record.graded.possible[PEOPLE] = record.possible[PEOPLE] = record.by_people
