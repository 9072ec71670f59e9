"""Teams: who stands behind a clone. A team is graded once, and each member gets its result.

`roster.csv` of the instructor decides; a clone that it does not name may have a `team.toml`:

    name = "Team 1"
    [[member]]
    name = "Ann Example"
    email = "ann@example.org"
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from residency.harness.errors import UsageError, visible
from residency.labs.remarks import Remark

ROSTER_BYTES, MOST_MEMBERS, LENGTH = 4 << 20, 20, 100
COLUMNS = ("student_id", "name", "email", "team", "clone")
OTHER_NAMES = {"id": "student_id", "e-mail": "email", "mail": "email"}  # nbgrader's gradebook exports `id`


@dataclass(frozen=True)
class Member:
    """One resident. Everything can be shown as it is; what is not known is empty."""

    student_id: str
    name: str
    email: str = ""
    last_name: str = ""  # as the roster has it; else the last word of the name counts

    @property
    def parted(self) -> tuple[str, str]:
        """First and last name."""
        first, _, last = self.name.strip().rpartition(" ")
        if self.last_name and self.name.endswith(self.last_name):
            return self.name.removesuffix(self.last_name).strip(), self.last_name
        return first, last

    @property
    def label(self) -> str:
        """How a line names the member."""
        return self.name or self.student_id or self.email


@dataclass(frozen=True)
class Team:
    """Who is graded together. A resident alone is a team of one member with the resident's own name."""

    name: str
    members: tuple[Member, ...]
    clone: Path | None  # None: there is no clone of this team


@dataclass(frozen=True)
class Teams:
    """All teams in the order of the roster or of the clones, and one remark for each thing that does not fit."""

    teams: tuple[Team, ...]
    remarks: tuple[Remark, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """One sentence for each thing that does not fit."""
        return tuple(remark.text for remark in self.remarks)

    def of(self, clone: Path) -> tuple[Team, ...]:
        """The teams of a clone; none if the roster names nobody for it."""
        return tuple(team for team in self.teams if team.clone == clone)


@dataclass(frozen=True)
class _Row:
    """One line of the roster."""

    member: Member
    team: str
    clone: str


def teams(clones: Sequence[Path], roster: Path | None = None, told: Mapping[Path, bytes] | None = None) -> Teams:
    """Who stands behind each clone.

    `clones` are the folders; `roster` is a CSV file with the columns `student_id` (or `id`), `name` (or `first_name`
    and `last_name`), `email`, `team` and `clone` (a folder's name), of which `student_id` or `email` is needed; `told`
    are the texts of `team.toml` by clone (`Submission.team`). Without a column `clone`, the clone is the folder that is
    called as the team, or as the `student_id`. Raises `UsageError` where the roster cannot be read.
    """
    remarks: list[Remark] = []
    own = {clone: _told(clone, text, remarks) for clone, text in (told or {}).items()}
    if roster is None:
        found = [own.get(clone) or _alone(clone) for clone in clones]
    else:
        found = _from_roster(clones, _rows(roster, remarks), remarks)
        found += _unnamed(clones, found, own, remarks)
        remarks += _contradicted(found, own)
    remarks += _checked(found)
    return Teams(tuple(found), tuple(remarks))


def _alone(clone: Path) -> Team:
    name = visible(clone.name.removesuffix(".git")[:LENGTH])
    return Team(name, (Member(name, name),), clone)


# --- The instructor's roster ----------------------------------------------------------------------------------------


def read_cells(
    file: Path, what: str, wanted: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of an instructor's CSV file that are not blank, with their numbers: what can be shown, by column.

    One of the `wanted` columns is needed; each of `columns` may occur once. Raises `UsageError`.
    """
    try:
        with file.open("rb") as opened:
            text = opened.read(ROSTER_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(text) > ROSTER_BYTES:
        raise UsageError(f"{file} has more than {ROSTER_BYTES >> 20} MB: it is not a {what}")
    try:
        table = list(csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{file} is not a CSV file in UTF-8: {error}") from None
    head = [_column(name) for name in table[0]] if table else []
    if not set(wanted) & set(head):
        raise UsageError(f"{file} needs the column {' or '.join(wanted)}; known columns: {', '.join(columns)}")
    if twice := sorted({name for name in head if name in columns and head.count(name) > 1}):
        raise UsageError(f"{file} has the column {twice[0]} twice")
    for number, cells in enumerate(table[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise UsageError(f"{file}, row {number}: {len(cells)} cells, and the first row has {len(head)}")
        yield number, {name: visible(cell.strip()) for name, cell in zip(head, cells, strict=True)}


def _rows(roster: Path, remarks: list[Remark]) -> list[_Row]:
    found: dict[_Row, int] = {}
    for number, cells in read_cells(roster, "roster", ("student_id", "email"), COLUMNS):
        row = _row({name: cell[:LENGTH] for name, cell in cells.items()})
        if not row.member.student_id:
            raise UsageError(f"{roster}, row {number}: no student_id and no email")
        if row in found:
            label, rows = row.member.label, f"rows {found[row]} and {number}"
            remarks.append(
                Remark(
                    f"{label} is listed twice in the roster, in {rows}.",
                    f"{label} ({rows})",
                    "{count} residents are listed twice in the roster: {names}.",
                )
            )
        found.setdefault(row, number)
    return list(found)


def _column(name: str) -> str:
    plain = name.strip().casefold().replace(" ", "_")
    return OTHER_NAMES.get(plain, plain)


def _row(cells: Mapping[str, str]) -> _Row:
    last = cells.get("last_name", "")
    name = cells.get("name") or " ".join(filter(None, (cells.get("first_name"), last)))
    email = cells.get("email", "")
    student = cells.get("student_id") or email
    return _Row(Member(student, name, email, last), cells.get("team", ""), cells.get("clone", ""))


def _from_roster(clones: Sequence[Path], rows: Sequence[_Row], remarks: list[Remark]) -> list[Team]:
    """The teams of the roster, in its order."""
    grouped: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        # Without a team's name, who has the same clone is a team.
        key = ("team", row.team) if row.team else ("clone", row.clone) if row.clone else ("", row.member.student_id)
        grouped.setdefault(key, []).append(row)
    return [_team(kind, name, members, clones, remarks) for (kind, name), members in grouped.items()]


def _team(kind: str, name: str, rows: Sequence[_Row], clones: Sequence[Path], remarks: list[Remark]) -> Team:
    members = tuple(row.member for row in rows)
    if kind == "team" and len(rows) == 1:
        remarks.append(_of_one(name, members[0]))
    if kind != "team" and len(rows) == 1:
        name = rows[0].member.student_id
    named = list(dict.fromkeys(row.clone for row in rows if row.clone))
    if len(named) > 1:
        remarks.append(
            Remark(
                f"{_named(name)} has {len(named)} clones in the roster: {named[0]} is taken.",
                f"{name} ({named[0]})",
                "{count} teams have several clones in the roster; the one in brackets is taken: {names}.",
            )
        )
    wanted = named[0] if named else name
    clone = next((clone for clone in clones if wanted in called(clone)), None)
    if clone is None:
        who = _named(name) if len(rows) > 1 or kind == "team" else members[0].label
        remarks.append(
            Remark(
                f"{who} has no clone: there is no folder {wanted}.",
                f"{who} ({wanted})",
                "{count} teams or residents have no clone: {names}. No folder has the name in brackets.",
            )
        )
    return Team(name, members, clone)


def _of_one(name: str, member: Member) -> Remark:
    return Remark(
        f"{_named(name)} has one member: {member.label}.",
        f"{name} ({member.label})",
        "{count} teams have one member: {names}.",
    )


def _named(name: str, word: str = "Team") -> str:
    """A team's name in a sentence: not `Team Team 1`."""
    return name if name.casefold().startswith("team") else f"{word} {name}"


def called(clone: Path) -> set[str]:
    """What a roster may call a clone."""
    name = visible(clone.name)
    return {name, name.removesuffix(".git"), visible(str(clone))}


def _unnamed(
    clones: Sequence[Path], found: Sequence[Team], own: Mapping[Path, Team | None], remarks: list[Remark]
) -> list[Team]:
    """Clones that the roster does not name: their own `team.toml` counts where it names nobody of the roster's."""
    taken = {team.clone for team in found}
    known = {member.email.casefold() for team in found for member in team.members if member.email}
    more = []
    for clone in (clone for clone in clones if clone not in taken):
        name, team = visible(clone.name), own.get(clone)
        if team is None:
            remarks.append(
                Remark(
                    f"Nobody owns the clone {name}: the roster does not name it, and it has no team.toml.",
                    name,
                    "Nobody owns {count} clones: {names}. The roster does not name them, and they have no team.toml: "
                    "add them to the roster.",
                )
            )
        elif known & {member.email.casefold() for member in team.members}:
            remarks.append(
                Remark(
                    f"Nobody owns the clone {name}: its team.toml names residents who have another clone.",
                    name,
                    "Nobody owns {count} clones: {names}. Their team.toml names residents who have another clone.",
                )
            )
        else:
            remarks.append(
                Remark(
                    f"The roster does not name the clone {name}; its own team.toml does.",
                    name,
                    "The roster does not name {count} clones; their own team.toml does: {names}.",
                )
            )
            more.append(team)
    return more


def _contradicted(found: Sequence[Team], own: Mapping[Path, Team | None]) -> Iterator[Remark]:
    """Where a clone's `team.toml` says otherwise than the roster: the roster counts."""
    for team in found:
        said = own.get(team.clone) if team.clone else None
        if said is None or said is team:
            continue
        named = {member.email.casefold() for member in said.members if member.email}
        listed = {member.email.casefold() for member in team.members if member.email}
        if named and named != listed:
            whose = _named(team.name, "team")
            yield Remark(
                f"The team.toml of {whose} names other members than the roster; the roster counts.",
                team.name,
                "The team.toml of {count} teams names other members than the roster; the roster counts: {names}.",
            )


# --- A clone's own team.toml ----------------------------------------------------------------------------------------


def _told(clone: Path, text: bytes, remarks: list[Remark]) -> Team | None:
    """The team that a resident's file names; None, and a line, if it cannot be read."""
    name = visible(clone.name.removesuffix(".git")[:LENGTH])
    try:
        said = tomllib.loads(text[:100_000].decode())
        members = _members(said.get("member", said.get("members")))
    except (UnicodeDecodeError, ValueError, RecursionError):
        remarks.append(
            Remark(
                f"The team.toml of {name} cannot be read: it needs [[member]] with name and email.",
                name,
                "The team.toml of {count} clones cannot be read: it needs [[member]] with name and email: {names}.",
            )
        )
        return None
    known: dict[str, Member] = {}
    for member in members:
        if member.email and member.email.casefold() in known:
            remarks.append(
                Remark(
                    f"The team.toml of {name} has two members with the address {member.email}.",
                    f"{name} ({member.email})",
                    "{count} clones have two members with one address in team.toml: {names}.",
                )
            )
        else:
            known[member.email.casefold() or f"name {member.name}"] = member
    team = said.get("name")
    called = visible(team.strip()[:LENGTH]) if isinstance(team, str) and team.strip() else name
    if len(known) == 1:
        remarks.append(_of_one(called, members[0]))
    return Team(called, tuple(known.values()), clone)


def _members(said: Any) -> list[Member]:
    """The members in a `team.toml`; raises `ValueError`."""
    if not isinstance(said, list) or not 0 < len(said) <= MOST_MEMBERS:
        raise ValueError("members")
    found = []
    for entry in said:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key, ""), str) for key in COLUMNS):
            raise ValueError("member")
        cells = {key: visible(entry.get(key, "").strip()[:LENGTH]) for key in ("student_id", "name", "email")}
        if not any(cells.values()):
            continue  # a place of the starter's that nobody took
        if not cells["name"] and not cells["email"]:
            raise ValueError("member")
        member = Member(**cells)
        found.append(member if member.student_id else replace(member, student_id=member.email or member.name))
    if not found:
        raise ValueError("members")
    return found


# --- What does not fit ----------------------------------------------------------------------------------------------


def _checked(found: Sequence[Team]) -> Iterator[Remark]:
    """Remarks about members in two teams, two members with one address, and two teams with one clone."""
    places: defaultdict[str, list[Team]] = defaultdict(list)
    addresses: defaultdict[str, dict[tuple[str, str], Member]] = defaultdict(dict)
    owners: defaultdict[Path, list[str]] = defaultdict(list)
    for team in found:
        if team.clone is not None:
            owners[team.clone].append(team.name)
        for member in team.members:
            places[member.student_id].append(team)
            if member.email:
                addresses[member.email.casefold()][member.student_id, member.name] = member
    for student, several in places.items():
        if len(several) > 1:
            label = next(member.label for member in several[0].members if member.student_id == student)
            names = " and ".join(team.name for team in several)
            yield Remark(
                f"{label} is in {len(several)} teams: {names}. Each gives a result; decide which counts.",
                f"{label} ({names})",
                "{count} residents are in several teams: {names}. Each team gives a result; decide which counts.",
            )
    for address, members in addresses.items():
        if len(members) > 1:
            names = " and ".join(member.label for member in members.values())
            yield Remark(
                f"{names} have the same address, {address}: their lines cannot be told apart.",
                f"{address} ({names})",
                "{count} addresses belong to several residents, so their lines cannot be told apart: {names}.",
            )
    for clone, several_names in owners.items():
        if len(several_names) > 1:
            name, teams_of_it = visible(clone.name), ", ".join(several_names)
            yield Remark(
                f"The clone {name} belongs to {len(several_names)} teams: {teams_of_it}.",
                f"{name} ({teams_of_it})",
                "{count} clones belong to several teams: {names}.",
            )
