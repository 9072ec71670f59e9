"""A lab that takes a table of the user's: who gets which rows, what is refused, and what judges."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.harness.errors import UsageError
from residency.labs import catalogue, driver, sandbox, tables
from residency.labs.lab import Case, Verdict
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
    hidden, visible = (
        tables.call(LAB.shipped, given, np.random.default_rng(1), visible=seen) for seen in (False, True)
    )
    kept = [(*row, str(said)) for row, said in zip(read(hidden[0][2]), hidden[1], strict=True)]
    assert sorted([*own, *kept]) == sorted(read(sales.read_bytes()))
    assert not set(own) & set(kept)  # equal rows are on one side
    assert abs(len(own) / (ROWS + 100) - SHARE) < 0.1
    assert read(hidden[0][0]) == own
    learned, asked = read(visible[0][0]), read(visible[0][2])
    assert {*learned, *((*row, str(said)) for row, said in zip(asked, visible[1], strict=True))} == set(own)


def test_neither_which_rows_are_asked_for_nor_their_order_tells_the_target(tmp_path: Path) -> None:
    asked = []
    for half in (ROWS // 2, ROWS // 3):
        rows = [[number, "yes" if number < half else "no"] for number in range(ROWS)]  # sorted by the target
        given = tables.source(written(tmp_path / f"{half}.csv", [["number", "bought"], *rows]), "bought")
        assert LAB.shipped is not None
        calls = [tables.call(LAB.shipped, given, np.random.default_rng(seed), visible=False) for seed in (1, 2)]
        orders = [[int(row[0]) for row in read(arguments[2])] for arguments, _ in calls]
        assert orders[0] != orders[1]
        assert all(
            said == ("yes" if number < half else "no")
            for order, (_, secret) in zip(orders, calls, strict=True)
            for number, said in zip(order, secret, strict=True)
        )
        asked.append(sorted(orders[0]))
    assert asked[0] == asked[1]


def test_what_decides_the_sales_is_another_thing_in_each_call() -> None:
    seen = set()
    for seed in range(8):
        case = LAB.case("a number", seed)
        rows = list(csv.DictReader(io.StringIO(case.arguments[2].decode())))
        told = [
            (float(row["age"]) > 45) == (float(row["visits"]) > 3.5) if row["age"] and row["visits"] else None
            for row in rows
        ]
        both = [[y for y, said in zip(case.secret, told, strict=True) if said is one] for one in (True, False)]
        seen.add(np.mean(both[0]) > np.mean(both[1]))
    assert seen == {True, False}


def judged(file: Path, target: str, answer: Callable[[int], object], *, visible: bool = True) -> Verdict:
    """What the judge says of an answer, given the number of rows, to the table in a file."""
    assert LAB.shipped is not None
    assert LAB.judging is not None
    given = tables.source(file, target)
    arguments, secret = tables.call(LAB.shipped, given, np.random.default_rng(1), visible=visible)
    return LAB.judging(Case(arguments, secret), answer(len(secret)))


@pytest.mark.parametrize(("target", "seed"), [("bought", 25), ("spent", 35)])
def test_a_constant_passes_no_table_that_can_tell(tmp_path: Path, target: str, seed: int) -> None:
    """On a dozen rows a constant lies within three standard errors of what was possible."""
    drawn = random.Random(seed)
    ages = [drawn.randrange(18, 80) for _ in range(70)]
    made = [(age, int(age + drawn.gauss(0, 12) > 50), round(age + drawn.gauss(0, 15), 1)) for age in ages]
    rows = [[number, age, bought if target == "bought" else spent] for number, (age, bought, spent) in enumerate(made)]
    file = written(tmp_path / "small.csv", [["number", "age", target], *rows])
    found = judged(file, target, lambda count: np.full(count, np.median([row[-1] for row in rows])))
    assert (found.kind, found.what.partition(" on ")[0]) == ("wrong", "it is no better than a constant")
    assert LAB.checks["your table, data.csv"].hint


def test_a_team_can_check_its_part_of_a_small_table(tmp_path: Path) -> None:
    drawn = random.Random(6)
    rows = [[drawn.random(), number % 2] for number in range(60)]
    file = written(tmp_path / "small.csv", [["a", "b"], *rows])
    assert LAB.shipped is not None
    for name, content in tables.files(LAB.shipped, tables.source(file, "b")).items():
        (tmp_path / name).write_bytes(content)
    part = tables.of_team(tmp_path)
    (arguments, secret) = tables.call(LAB.shipped, part, np.random.default_rng(1), visible=True)
    assert set(secret) == {0, 1}
    assert arguments[1] == "b"


def test_a_table_that_cannot_tell_says_so(tmp_path: Path) -> None:
    drawn = random.Random(1)
    rows = [[drawn.random(), drawn.randrange(2)] for _ in range(70)]
    found = judged(written(tmp_path / "noise.csv", [["a", "b"], *rows]), "b", np.zeros)
    assert found.is_right
    assert "too few to tell whether it learned anything: a constant passes, too" in found.what


def test_dates_are_written_in_one_form_and_the_order_is_said(tmp_path: Path, environment: dict[str, str]) -> None:
    rows = [[f"{1 + number % 12:02}.04.2025", f"0{1 + number % 9}/07/2025", number, number % 2] for number in range(90)]
    written(tmp_path / "dates.csv", [["german", "open", "number", "bought"], *rows])
    options = ["--data", "dates.csv", "--target", "bought", "--into", "mine"]
    done = in_this_process(tmp_path, ["lab", "start", LAB.name, *options], environment)
    assert "german: dates, read as day.month.year. 01.04.2025 is 2025-04-01 in data.csv." in done.out
    assert "open: dates, read as month/day/year (day/month/year fits, too). 01/07/2025 is 2025-01-07" in done.out
    own = read((tmp_path / "mine" / "data.csv").read_bytes())
    assert {(row[0], row[1]) for row in own} <= {
        (f"2025-04-{1 + number % 12:02}", f"2025-0{1 + number % 9}-07") for number in range(90)
    }


def test_dates_in_several_forms_can_be_judged(tmp_path: Path) -> None:
    forms = ("2026-01-{:02} 08:30:00", "2026-01-{:02}T08:30:00Z", "{:02}.01.2026", "")
    rows = [[forms[number % 4].format(1 + number % 28), number, number % 2] for number in range(200)]
    given = tables.source(written(tmp_path / "dates.csv", [["when", "number", "bought"], *rows]), "bought")
    assert LAB.shipped is not None
    assert LAB.judging is not None
    arguments, secret = tables.call(LAB.shipped, given, np.random.default_rng(1), visible=False)
    assert LAB.judging(Case(arguments, secret), secret).is_right


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
    written(tmp_path / "few.csv", [["a", "b"], *([x, int(place < 10)] for place, (x, _) in enumerate(numbers))])
    written(tmp_path / "words.csv", [["a", "b"], *([x, drawn.choice("uvw")] for x, _ in numbers)])
    said = {
        ("--data", "five.csv"): "at least 50 are needed",
        ("--data", "headless.csv"): "to name them, write a line with names above it",
        ("--data", "utf16.csv"): "text in UTF-16: save it in UTF-8",
        ("--data", "twice.csv"): "several columns called `a`: rename them",
        ("--data", "constant.csv"): "name a column whose values differ",
        ("--data", "alone.csv"): "add what predicts it",
        ("--data", "rare.csv"): "is 1 in 3 rows; at least 10 are needed",
        ("--data", "few.csv"): "too few different rows to judge `b`: take more",
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
