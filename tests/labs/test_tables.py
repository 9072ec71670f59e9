"""A lab that takes a table of the user's: who gets which rows, what is refused, and what judges."""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from residency.harness.errors import UsageError
from residency.labs import catalogue, driver, sandbox, tables
from tests.conftest import in_this_process

boxed = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")

LAB = catalogue.lab("challenge-tabular-pipeline")
ROWS = 600
SHARE = 0.7  # of the rows, about, that a team gets
BY_AGE = b"""
import csv, io

def predict(train, target, rows):
    return [float(row["age"]) for row in csv.DictReader(io.StringIO(rows.decode()))]
"""


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """A table of which the age decides nearly everything; each row but the last hundred is there once."""
    drawn = random.Random(1)
    rows = [[number, age := drawn.randrange(18, 80), "yes" if age > 50 else "no"] for number in range(ROWS)]
    return written(tmp_path / "sales.csv", [["number", "age", "bought"], *rows, *rows[:100]])


def written(file: Path, rows: list[list[object]]) -> Path:
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return file


def read(text: bytes) -> list[tuple[str, ...]]:
    return [tuple(row) for row in csv.reader(io.StringIO(text.decode()))][1:]


def test_a_team_never_has_the_rows_that_judge_it(sales: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    options = ["--data", str(sales), "--target", "bought", "--into", "mine"]
    done = in_this_process(tmp_path, ["lab", "start", LAB.name, *options], environment)
    assert done.status == 0, done.err
    assert "about 70 %" in done.out
    own = read((tmp_path / "mine" / "data.csv").read_bytes())
    assert LAB.shipped is not None
    given = tables.source(sales, "bought")
    hidden, visible = (tables.call(LAB.shipped, given, visible=seen) for seen in (False, True))
    kept = [(*row, str(said)) for row, said in zip(read(hidden[0][2]), hidden[1], strict=True)]
    assert sorted([*own, *kept]) == sorted(read(sales.read_bytes()))
    assert not set(own) & set(kept)  # equal rows are on one side
    assert abs(len(own) / (ROWS + 100) - SHARE) < 0.1
    assert read(hidden[0][0]) == own
    learned, asked = read(visible[0][0]), read(visible[0][2])
    assert {*learned, *((*row, str(said)) for row, said in zip(asked, visible[1], strict=True))} == set(own)


@boxed
def test_the_table_of_the_user_is_what_judges(sales: Path, tmp_path: Path) -> None:
    files = driver.write(tmp_path / "files", {**driver.solved(LAB), "work.py": BY_AGE})
    with driver.Grader(LAB, files, table=tables.source(sales, "bought")) as grader:
        checked = list(grader.checks([check for check in LAB.checks.values() if "your table" in check.title]))
    assert [one.verdict.kind for one in checked] == ["right", "right"]


def test_another_file_is_refused_when_it_is_graded_again(sales: Path) -> None:
    given = tables.source(sales, "bought")
    given.refuse_another("it was graded")
    sales.write_text(sales.read_text() + "9999,40,no\n")
    with pytest.raises(UsageError, match="is another file now"):
        given.refuse_another("it was graded")


def test_what_is_no_table_for_it_is_one_clear_line(sales: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    drawn = random.Random(2)
    numbers = [[f"{drawn.random():.3f}", drawn.randrange(2)] for _ in range(100)]
    (tmp_path / "utf16.csv").write_text("a,b\n1,2\n", encoding="utf-16")
    written(tmp_path / "five.csv", [["a", "b"], *numbers[:5]])
    written(tmp_path / "headless.csv", numbers)
    written(tmp_path / "twice.csv", [["a", "a", "b"], *([x, x, y] for x, y in numbers)])
    written(tmp_path / "constant.csv", [["a", "b"], *([x, 1] for x, _ in numbers)])
    written(tmp_path / "alone.csv", [["b"], *([y] for _, y in numbers)])
    written(tmp_path / "rare.csv", [["a", "b"], *([x, int(place < 3)] for place, (x, _) in enumerate(numbers))])
    written(tmp_path / "words.csv", [["a", "b"], *([x, drawn.choice("uvw")] for x, _ in numbers)])
    said = {
        ("--data", "five.csv"): "at least 50 are needed",
        ("--data", "headless.csv"): "to name them, write a line with names above it",
        ("--data", "utf16.csv"): "text in UTF-16: save it in UTF-8",
        ("--data", "twice.csv"): "several columns called `a`: rename them",
        ("--data", "constant.csv"): "name a column whose values differ",
        ("--data", "alone.csv"): "add what predicts it",
        ("--data", "rare.csv"): "is 1 in 3 rows; at least 10 are needed",
        ("--data", "words.csv"): "name a column with two values, or with numbers",
        ("--data", "."): "is a folder",
        ("--data", str(sales)): "no column `b` in sales.csv",
        (): "name the table too, with --data FILE",
    }
    for options, words in said.items():
        done = in_this_process(tmp_path, ["lab", "start", LAB.name, *options, "--target", "b"], environment)
        assert (done.status, done.err.count("\n")) == (2, 1), done.err
        assert words in done.err
    done = in_this_process(tmp_path, ["lab", "start", "foundations-vectorise", "--data", "five.csv"], environment)
    assert "takes no table of yours" in done.err
    assert not (tmp_path / LAB.name).exists()


def test_a_team_that_loses_its_table_is_told_how_to_get_it_back(tmp_path: Path) -> None:
    for lost in ("data.toml", "data.csv"):
        with pytest.raises(UsageError, match=r"git checkout -- data\.csv data\.toml"):
            tables.of_team(tmp_path)
        (tmp_path / lost).write_text('target = "b"\n')


def test_challenges_stand_below_the_labs(tmp_path: Path, environment: dict[str, str]) -> None:
    listed = in_this_process(tmp_path, ["lab", "list"], environment).out
    labs, _, challenges = listed.partition("Challenges, for teams of three:\n")
    assert LAB.name in challenges
    assert LAB.name not in labs
    known = json.loads(in_this_process(tmp_path, ["lab", "list", "--json"], environment).out)
    assert {lab["team"] for lab in known} == {1, 3}
    begun = catalogue.begun(LAB)
    assert begun["team.toml"].count(b"[[member]]") == LAB.team
    assert "report.md" in begun
    assert not {"report.md", "team.toml"} & set(catalogue.protected(LAB))
    assert "team.toml" not in catalogue.begun(replace(LAB, team=1))
