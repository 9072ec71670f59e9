"""Who stands behind a clone: the roster, `team.toml`, and a line for each thing that does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.harness.errors import UsageError
from residency.labs import catalogue
from residency.labs.remarks import folded
from residency.labs.teams import teams

ANN, BOB = b'[[member]]\nname = "Ann"\nemail = "ann@x.org"\n', b'[[member]]\nname = "Bob"\nemail = "bob@x.org"\n'


def clones(*names: str) -> list[Path]:
    return [Path("/clones") / name for name in names]


def roster(folder: Path, text: str) -> Path:
    (folder / "roster.csv").write_text(text)
    return folder / "roster.csv"


def test_a_team_is_one_and_its_members_are_many(tmp_path) -> None:
    text = "\ufeffid,first_name,last_name,email,team,clone\n"
    text += "1,Ann,Lee,ann@x.org,red,a\n2,Bob,de la Ray,bob@x.org,red,a\n3,Cy,Oh,,,c\n"
    found = teams(clones("a", "c.git"), roster(tmp_path, text))
    assert [(team.name, [member.name for member in team.members], team.clone) for team in found.teams] == [
        ("red", ["Ann Lee", "Bob de la Ray"], Path("/clones/a")),
        ("3", ["Cy Oh"], Path("/clones/c.git")),
    ]
    assert [member.parted for member in found.teams[0].members] == [("Ann", "Lee"), ("Bob", "de la Ray")]
    assert found.lines == ()
    assert found.of(Path("/clones/a")) == (found.teams[0],)


def test_what_does_not_fit_is_one_clear_line_each(tmp_path) -> None:
    text = (
        "student_id,name,email,team,clone\n"
        "1,Ann,same@x.org,red,\n2,Bob,Same@x.org,red,\n"
        "3,Cy,cy@x.org,lone,\n4,Di,di@x.org,blue,\n5,Ed,ed@x.org,blue,\n"
        "1,Ann,same@x.org,green,\n6,Flo,flo@x.org,green,\n6,Flo,flo@x.org,green,\n"
    )
    found = teams(clones("red", "lone", "green", "stray"), roster(tmp_path, text))
    assert found.lines == (
        "Flo is listed twice in the roster, in rows 8 and 9.",
        "Team lone has one member: Cy.",
        "Team blue has no clone: there is no folder blue.",
        "Nobody owns the clone stray: the roster does not name it, and it has no team.toml.",
        "Ann is in 2 teams: red and green. Each gives a result; decide which counts.",
        "Ann and Bob have the same address, same@x.org: their lines cannot be told apart.",
    )
    assert [len(team.members) for team in found.teams] == [2, 1, 2, 2]


def test_remarks_of_one_kind_are_one_sentence_and_none_is_lost(tmp_path) -> None:
    names = [f"{{{number}}}" for number in range(9)]
    found = teams(clones(*names, "a"), roster(tmp_path, "student_id,clone\nann,a\nbob,b\n"))
    (lost, _), (unowned, each) = folded(found.remarks)
    assert lost == "bob has no clone: there is no folder b."
    assert unowned == (
        "Nobody owns 9 clones: {0}, {1}, {2}, {3}, {4}, and 4 more. The roster does not name them, and they have no "
        "team.toml: add them to the roster."
    )
    assert (*each[:1], len(each)) == (
        "Nobody owns the clone {0}: the roster does not name it, and it has no team.toml.",
        9,
    )
    assert found.lines[1:] == each


def test_the_roster_outranks_team_toml(tmp_path) -> None:
    a, b, c = clones("a", "b", "c")
    text = roster(tmp_path, "email,clone\nann@x.org,a\n")
    found = teams([a, b, c], text, {a: ANN + BOB, b: BOB, c: ANN})
    assert found.lines == (
        "Team b has one member: Bob.",
        "Team c has one member: Ann.",
        "The roster does not name the clone b; its own team.toml does.",
        "Nobody owns the clone c: its team.toml names residents who have another clone.",
        "The team.toml of team ann@x.org names other members than the roster; the roster counts.",
    )
    assert [team.clone for team in found.teams] == [a, b]


def test_without_a_roster_team_toml_or_the_folder_decides() -> None:
    a, b, c, d, e = clones("a", "b.git", "c", "d", "e")
    hostile = b'[[member]]\nname = "<script>\\u001b[2J\\u202e"\nemail = "x@y"\n'
    told = {a: b'name = "Reds"\n' + ANN + BOB + ANN, c: b"\xff", d: hostile, e: ANN + BOB}
    found = teams([a, b, c, d, e], None, told)
    assert [team.name for team in found.teams] == ["Reds", "b", "c", "d", "e"]
    assert found.teams[3].members[0].name == "<script>\\x1b[2J\\u202e"
    assert found.lines == (
        "The team.toml of a has two members with the address ann@x.org.",
        "The team.toml of c cannot be read: it needs [[member]] with name and email.",
        "Team d has one member: <script>\\x1b[2J\\u202e.",
        "Ann is in 2 teams: Reds and e. Each gives a result; decide which counts.",
        "Bob is in 2 teams: Reds and e. Each gives a result; decide which counts.",
    )


def test_two_of_three_places_of_the_starter_are_a_team_of_two() -> None:
    begun = (catalogue.NOBODY + 3 * catalogue.MEMBER).encode()
    filled = begun.replace(b'name = ""\nemail = ""', b'name = "Ann"\nemail = "ann@x.org"', 2)
    filled = filled.replace(b"ann@x.org", b"bob@x.org", 1)
    (a, b) = clones("a", "b")
    found = teams([a, b], None, {a: begun, b: filled})
    assert [len(team.members) for team in found.teams] == [1, 2]
    assert found.lines == ("The team.toml of a cannot be read: it needs [[member]] with name and email.",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "needs the column student_id or email"),
        ("name,team\nAnn,red\n", "needs the column student_id or email"),
        ("email,email\na,b\n", "has the column email twice"),
        ("student_id,name\n1\n", "row 2: 1 cells, and the first row has 2"),
        ("student_id,email\n,\n ,x\n,\n\n1,\n", ""),
        ('student_id\n"1\n', "is not a CSV file in UTF-8"),
        ("student_id,name\n,Ann\n", "row 2: no student_id and no email"),
    ],
)
def test_a_roster_that_cannot_be_read_says_where(tmp_path, text, line) -> None:
    file = roster(tmp_path, text)
    if not line:
        assert len(teams([], file).teams) == 2
        return
    with pytest.raises(UsageError, match=line):
        teams([], file)


def test_a_roster_that_is_missing_says_so(tmp_path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        teams([], tmp_path / "none.csv")
