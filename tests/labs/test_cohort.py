"""A cohort graded through the command: the gradebook, the page, the feedback, and what can go wrong on the way."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from residency.harness.errors import UsageError
from residency.labs import audit, catalogue, cohort, feedback, gradebook, page, people, sandbox
from residency.labs.audit import Record
from residency.labs.driver import Checked, Graded, Timed
from residency.labs.lab import Points, Verdict
from residency.labs.remarks import Remark
from residency.labs.teams import Member, Team, Teams
from residency.reports.page import render
from tests.conftest import Done, Residency, command, in_this_process
from tests.labs import class_of_clones
from tests.labs.class_of_clones import CLONES, HOSTILE, LAB, ROSTER, address

boxed = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")
mounts = pytest.mark.skipif(
    os.geteuid() != 0
    or bool(subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode),
    reason="needs to mount a small file system",
)
THREE = ("team-of-three", "dan-least", "pia-no-tag")


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("three")
    class_of_clones.main(folder, list(THREE))
    return folder


@pytest.fixture(scope="module")
def graded(clones: Path, tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Done, Path]:
    results = tmp_path_factory.mktemp("graded") / "results"
    done = subprocess.run(
        [*command(), "lab", "grade", str(clones), "--results", str(results)],
        env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr), results


def rows(results: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((results / "grades.csv").read_text())))


@boxed
def test_three_clones_are_graded_and_a_team_is_fanned_out(graded: tuple[Done, Path]) -> None:
    done, results = graded
    assert done.status == 0, done.err
    assert done.err.count("\n") >= 3
    assert "pia-no-tag" in done.out
    found = rows(results)
    assert list(found[0])[:11] == list(gradebook.NBGRADER)
    of_three = [row for row in found if row["team"] == "The three"]
    assert [row["email"] for row in of_three] == [
        address(name) for name in ("Ann Example", "Bob Example", "Cem Sample")
    ]
    assert {(row["visible"], row["hidden"], row["max_score"]) for row in of_three} == {("2.0", "4.0", "10")}
    least = next(row for row in found if row["team"] == "dan-least")
    assert float(least["score"]) < 6
    assert "short rides cost at least 6" in least["failed"]
    untagged = next(row for row in found if row["team"] == "pia-no-tag")
    assert (untagged["score"], untagged["max_score"]) == ("0.0", "10")
    assert "submission" in untagged["problem"]
    document = json.loads((results / "grades.json").read_text())
    assert "seeds" not in json.dumps(document)
    assert "Content-Security-Policy" in (results / "cohort.html").read_text()


@boxed
def test_feedback_names_the_mistake_and_nothing_of_others(graded: tuple[Done, Path]) -> None:
    _, results = graded
    text = (results / "feedback" / "dan-least.md").read_text()
    assert "A ride costs at least 6, also at night." in text
    assert "residency lab check" in text
    assert "three" not in text
    assert "pia" not in text
    seeds = json.loads((results / "audit" / "dan-least.json").read_text())["seeds"]
    assert seeds
    assert not any(str(seed) in text for seed in seeds.values())
    untagged = (results / "feedback" / "pia-no-tag.md").read_text()
    assert "Nothing could be graded: this clone has no tag" in untagged


@pytest.mark.slow
@boxed
def test_an_audit_grades_again_to_the_same_verdict(
    graded: tuple[Done, Path], residency_in: Residency, tmp_path
) -> None:
    _, results = graded
    again = residency_in(tmp_path, "lab", "grade", "--again", results / "audit" / "dan-least.json", "--json")
    assert again.status == 0, again.err
    assert again.json["same"]
    assert again.json["first"]["seeds"] == again.json["again"]["seeds"]
    refused = residency_in(tmp_path, "lab", "grade", "--again", results / "audit" / "pia-no-tag.json")
    assert refused.status == 2
    assert "nothing was graded" in refused.err


@boxed
def test_resume_grades_only_what_is_missing(graded: tuple[Done, Path], residency_in: Residency, tmp_path) -> None:
    _, results = graded
    copied = shutil.copytree(results, tmp_path / "copied")
    (copied / "audit" / "dan-least.json").unlink()
    kept = (copied / "audit" / "team-of-three.json").read_bytes()
    done = residency_in(tmp_path, "lab", "grade", "--resume", copied)
    assert done.status == 0, done.err
    assert "dan-least" in done.err
    assert "team-of-three" not in done.err
    assert (copied / "audit" / "team-of-three.json").read_bytes() == kept
    assert (copied / "audit" / "dan-least.json").is_file()


# --- Wrong from the start -------------------------------------------------------------------------------------------


def test_what_cannot_be_graded_is_one_clear_line(clones: Path, environment: dict[str, str], tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain" / "folder").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "roster.csv").write_text("name\nAnn\n")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("")
    said = {
        ("empty",): "holds no folder",
        ("plain",): "holds no clone: none of its 1 folders is a Git repository",
        ("nowhere",): "cannot read nowhere: No such file or directory",
        (clones / "dan-least",): "is itself a clone",
        (): "name the folder of clones",
        (clones, "--lab", "foundations-vectorize"): "did you mean `foundations-vectorise`?",
        (clones, "--results", "full"): "full is not empty",
        (clones, "--results", "file/results"): "cannot write to file/results: Not a directory",
        (clones, "--jobs", "99999"): "each submission needs a core of its own",
        (clones, "--roster", "roster.csv"): "roster.csv needs the column student_id or email",
        ("--resume", "empty"): "empty holds no cohort",
        ("--again", "file"): "file is not the record of a graded submission",
        (clones, "--again", "file"): "leave out the other options",
    }
    for arguments, words in said.items():
        done = in_this_process(tmp_path, ["lab", "grade", *map(str, arguments)], environment)
        assert done.status == 2, arguments
        assert words in done.err, arguments
        assert done.err.strip().count("\n") == len(sandbox.means().missing), arguments
    assert not list(tmp_path.glob("full/.*"))


def test_two_graders_never_write_to_one_folder(clones: Path, tmp_path) -> None:
    def begun() -> AbstractContextManager[cohort.Grading]:
        return cohort.begun(clones, None, tmp_path / "results", tag=None, roster=None, seconds=None)

    with begun() as first:
        assert [task.clone.name for task in first.missing] == sorted(THREE)
        with (
            pytest.raises(UsageError, match="another grader"),
            begun(),
        ):
            pass
        with pytest.raises(UsageError, match="another grader"), cohort.resumed(tmp_path / "results"):
            pass
    with cohort.resumed(tmp_path / "results") as again:
        assert again.plan == first.plan
    plan = tmp_path / "results" / "cohort.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "versions": {LAB.name: "another"}}))
    with pytest.raises(UsageError, match="has changed since"), cohort.resumed(tmp_path / "results"):
        pass
    for task in first.tasks:
        audit.write(first.file(task.clone), audit.empty(task.clone, LAB))
    with cohort.resumed(tmp_path / "results") as whole:  # all is graded: points of people can be added
        assert not whole.missing
    with pytest.raises(UsageError, match="continue with --resume"), begun():
        pass


def test_a_strangers_lab_toml_is_read_with_care(tmp_path) -> None:
    for number, make in enumerate(
        (
            lambda file: file.symlink_to("/etc/passwd"),
            os.mkfifo,
            Path.mkdir,
            lambda file: file.write_bytes(b"\xff" * 100_000),
            lambda file: file.write_text('lab = "../x"'),
            lambda file: None,
        )
    ):
        clone = tmp_path / str(number)
        (clone / ".git").mkdir(parents=True)
        make(clone / "lab.toml")
        task = cohort.task(clone, None)
        assert task.lab is None
        assert "lab.toml" in task.problem


# --- Made from records ----------------------------------------------------------------------------------------------


def record(team: str, **fields: object) -> Record:
    """The record of a submission that failed one hidden check."""
    made = audit.empty(Path("/clones") / team, LAB)
    checks = [
        Checked("a thousand rides", True, Verdict("right")),
        Checked("an odd number of rides", False, Verdict("wrong", "a few values are wrong"), "Look at the `last` row."),
    ]
    points = {"visible": 2.0, "hidden": 2.67, "fast": 0.0}
    made.graded = Graded(LAB.name, checks, None, {"a thousand rides": 5}, points, dict(made.possible))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def timed(ratio: float, share: float) -> Graded:
    points = {"visible": 2.0, "hidden": 4.0, "fast": 4 * share}
    measured = Timed(Verdict("right"), ratio, 0.9 * ratio, 1.1 * ratio, 0.02, share, 5, 2)
    return Graded(LAB.name, [Checked("odd", False, Verdict("right"))], measured, {}, points, dict(audit.possible(LAB)))


def whole(*records: Record) -> gradebook.Cohort:
    paths = [Path(one.clone) for one in records]
    teams = [Team(path.name, (Member("1", "=cmd()|' /C calc'!A0", "-x@example.org"),), path) for path in paths]
    teams.append(Team("nobody", (Member("9", "No Body"),), None))
    labs = {LAB.name: {"title": LAB.title, "version": "0" * 64, "possible": audit.possible(LAB)}}
    named = {one.team: one for one in records}
    return gradebook.Cohort(
        Path("/clones"), paths, named, Teams(tuple(teams), (Remark("<b>one line</b>"),)), labs, machine={"cpu": "x"}
    )


def test_a_record_is_read_as_it_was_written(tmp_path) -> None:
    for made in (record("a\udcffb"), record("b", graded=None, problem="x"), record("c", graded=timed(3.0, 0.4))):
        audit.write(tmp_path / "one.json", made)
        assert audit.read(tmp_path / "one.json") == made
    (tmp_path / "one.json").write_text((tmp_path / "one.json").read_text()[:-20])
    with pytest.raises(UsageError, match="damaged"):
        audit.read(tmp_path / "one.json")


def test_each_team_has_a_file_of_its_own() -> None:
    names = [
        "ann",
        "Ann",
        "ANN",
        "../ann",
        "..",
        ".",
        "-rf",
        "a/b",
        "a b",
        "a-b",
        "x" * 250,
        "x" * 249,
        "\udcff",
        "日本",
        HOSTILE,
    ]
    files = [audit.file_name(name) for name in names]
    assert len({file.casefold() for file in files}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", file) for file in files)
    assert files[0] == "ann"


def test_spreadsheets_compute_nothing() -> None:
    found = whole(record(HOSTILE), record("@sum(1)"))
    text = gradebook.as_csv(found.members())
    for row in csv.DictReader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
    assert [gradebook.cell(value) for value in ("=1", " =1", "a=1", -1.5, "\t=1")] == [
        "'=1",
        "' =1",
        "a=1",
        -1.5,
        "'\t=1",
    ]
    missing = found.members()[-1]
    assert (missing["score"], missing["max_score"], missing["problem"]) == (0.0, 10, gradebook.NO_CLONE)


def test_the_page_shows_names_as_text_and_numbers_by_place() -> None:
    found = whole(
        record(HOSTILE),
        record("b", graded=timed(1.0, 1.0)),
        record("c", graded=timed(50.0, 0.0), changed=["baseline.py"]),
        record("d", graded=None, problem="<i>no tag</i>"),
        Record("e", "/clones/e", "", problem="no lab.toml"),
    )
    document = json.loads(json.dumps(found.as_json()))
    shown = page.page(found, document)
    html = render.page(shown)
    assert "<script>alert" not in html.replace("\\u003c", "<").partition('id="data"')[0]
    assert "<i>no tag" not in html
    assert "<b>one line" not in html
    (points, *_) = render.charts_of(shown)
    legend = {entry["word"] for entry in points.more["legend"]}
    assert {part["word"] for row in points.rows for part in row["parts"]} <= legend <= set(audit.PARTS.values())
    for chart in render.charts_of(shown):
        assert chart.rows
        for row in chart.rows:
            assert "text" in row
    for value, place in re.findall(r'<data value="([^"]*)" data-from="([^"]*)"', html):
        known = document
        for key in place.split("/"):
            known = known[int(key)] if isinstance(known, list) else known[key]
        assert float(value) == known
    assert page.page(whole(), whole().as_json())


def test_the_page_of_many_clones_says_what_they_share_once() -> None:
    found = whole(*(record(f"team-{number}", graded=None, problem="no <b>tag {0}") for number in range(30)))
    html = render.page(page.page(found, json.loads(json.dumps(found.as_json()))))
    unsure = record("unsure")
    assert unsure.graded is not None
    unsure.graded.checks.append(Checked("your table", True, Verdict("right", "13 rows are too few to tell")))
    said = whole(unsure)
    assert "- **your table**: 13 rows are too few to tell." in feedback.feedback(unsure, "unsure")
    assert "your table: 13 rows are too few to tell" in render.page(page.page(said, said.as_json()))
    first, _, folded = html.partition("All 30 notes, one by one")
    assert "team-4, and 25 more (30 clones): no &lt;b&gt;tag {0}." in first
    assert all(f"team-{number}: no &lt;b&gt;tag {{0}}." in folded for number in range(30))


def test_feedback_says_the_next_step() -> None:
    steps = {
        "Write a test of your own": record("a"),
        "Now make it faster": record("b", graded=timed(3.0, 0.4)),
        "go on with the next lab": record("c", graded=timed(1.0, 1.0)),
        "residency lab submit": record("d", graded=None, problem="no tag"),
    }
    for words, made in steps.items():
        assert words in feedback.feedback(made, made.team)
    text = feedback.feedback(record("a"), "<script>alert(1)</script> `` <b> ` x\n# y")
    assert "<script" not in text.replace("\\<", "")
    assert text.startswith(f"# {LAB.title}: ")
    assert "\n# y" not in text
    assert "measured again with 2 more pairs" in feedback.feedback(steps["Now make it faster"], "b")
    doubt = "Its lower end gives the points"
    assert doubt in feedback.feedback(record("e", graded=timed(1.3, 1.0)), "e")
    assert doubt not in feedback.feedback(steps["go on with the next lab"], "c")


def test_points_that_people_give_are_added_and_never_lost(tmp_path) -> None:
    def made() -> gradebook.Cohort:
        return whole(record("a", by_people=4), record("b", by_people=4), record("c", graded=None, by_people=4))

    waiting = made()
    text = feedback.feedback(waiting.graded[0], "a")
    assert "4 points for report.md are given by your instructor" in text
    assert "of 10 points" in text
    assert waiting.members()[0]["by_people"] == "4 points for report.md are not given yet"
    points = tmp_path / "points.csv"
    points.write_text("clone,points,note\na,3.5,A clear <b>question\nc,1,\nd,2,\n/clones/a,1,\n")
    lab = replace(LAB, points=Points(people=4))
    people.keep(points, [lab], tmp_path)
    given = made()
    people.give(given, tmp_path)
    first, second, _ = given.graded
    assert (first.total, first.most, second.total, second.most) == (8.17, 14, 4.67, 10)
    assert "A clear \\<b\\>question" in feedback.feedback(first, "a")
    assert given.members()[0]["people"] == 3.5
    assert [line.rpartition(": ")[2] for line in given.teams.lines[1:]] == [
        "nothing of it was graded.",
        "there is no such clone or team.",
        "a has points in an earlier row.",
    ]
    html = render.page(page.page(given, json.loads(json.dumps(given.as_json()))))
    assert "report" in html
    for wrong, said in {
        "points\n1\n": "needs the column clone or team",
        "clone,points\na,5\n": "row 2: points '5': give a number from 0 to 4",
        "clone,points\na,nan\n": "row 2: points 'nan'",
        "team,points\na,1\na,2\n": "row 3: a is listed twice",
    }.items():
        points.write_text(wrong)
        with pytest.raises(UsageError, match=said):
            people.keep(points, [lab], tmp_path)
    with pytest.raises(UsageError, match="no lab here has points that people give"):
        people.keep(points, [LAB], tmp_path)


def test_differences_between_two_gradings_are_sentences() -> None:
    first, second = record("a"), record("a", graded=timed(3.0, 0.4))
    assert not audit.differences(first, record("a"))
    assert any("points for hidden checks were 2.67, and are 4" in line for line in audit.differences(first, second))


# --- The whole class ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    class_of_clones.main(folder, [])
    return folder


def started(arguments: list[str | Path], environment: dict[str, str]) -> subprocess.Popen[str]:
    call = [*command(), "lab", "grade", *map(str, arguments)]
    return subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(results: Path, count: int) -> None:
    deadline = time.monotonic() + 600
    while len(list(results.glob("audit/*.json"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def running_below(folder: Path) -> list[str]:
    """The command lines of processes that grade into a folder."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and "residency.labs" in words:
            found.append(words)
    return found


@pytest.mark.slow
@boxed
def test_whatever_ends_it_resume_finishes_the_class(class_folder: Path, tmp_path, environment: dict[str, str]) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("gus-syntax", "leo-hung", "oda-no-repository", "pia-no-tag", "ned-leaves", "wrong-odd"):
        (few / name).symlink_to(class_folder / name)
    results = tmp_path / "results"
    words: list[str | Path] = [few, "--results", results, "--seconds", "60"]
    saved: dict[Path, bytes] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        running = started(words, environment)
        wait_for(results, 1)
        while not running_below(results):  # the hung one is never done before the end
            assert running.poll() is None
            time.sleep(0.1)
        running.send_signal(number)
        if number == signal.SIGINT:
            time.sleep(0.3)
            running.send_signal(number)  # an impatient teacher
        _, err = running.communicate(timeout=60)
        if number != signal.SIGKILL:
            assert running.returncode == 128 + number
            assert "graded and saved. Continue with: residency lab grade --resume" in err
            assert "Traceback" not in err
        deadline = time.monotonic() + 30
        while running_below(results):
            assert time.monotonic() < deadline, running_below(results)
            time.sleep(0.2)
        assert all(file.read_bytes() == content for file, content in saved.items())
        saved = {file: file.read_bytes() for file in results.glob("audit/*.json")}
        assert 1 <= len(saved) < 6
        assert not (results / "grades.csv").exists()
        words = ["--resume", results]
    again = started(words, environment)
    _, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    assert all(file.read_bytes() == content for file, content in saved.items())
    assert len(rows(results)) == 6


@pytest.mark.slow
@boxed
@mounts
def test_a_full_or_read_only_disk_is_one_line_and_loses_nothing(
    class_folder: Path, tmp_path, environment: dict[str, str]
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for name in ("gus-syntax", "dan-least", "pia-no-tag"):
        (few / name).symlink_to(class_folder / name)
    small = tmp_path / "small"
    small.mkdir()
    grade = f"{command()[0]} lab grade"
    script = f"""
        mount -t tmpfs -o size=40k none {small}
        {grade} {few} --results {small}/results --jobs 1; echo "status $?"
        ls {small}/results/audit
        mount -o remount,size=10m {small}
        {grade} --resume {small}/results >/dev/null; echo "status $?"
        ls {small}/results
        mount -o remount,ro {small}
        {grade} {few} --results {small}/other; echo "status $?"
        {grade} --resume {small}/results; echo "status $?"
    """
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert re.findall(r"status (\d)", done.stdout) == ["2", "0", "2", "2"], done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert done.stderr.count("Read-only file system") == 2
    assert "cohort.html" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@boxed
def test_a_class_of_twenty_is_graded_as_a_teacher_would(class_folder: Path, tmp_path, residency_in: Residency) -> None:
    (tmp_path / "roster.csv").write_text(ROSTER)
    done = residency_in(
        tmp_path, "lab", "grade", class_folder, "--roster", "roster.csv", "--results", "results", "--json",
        "--seconds", "200", timeout=3000,
    )  # fmt: skip
    assert done.status == 0, done.err
    results = tmp_path / "results"
    teams = {team["team"]: team for team in done.json["teams"]}
    assert set(teams) == set(CLONES)
    right = {"ann", "bob-slow", "cem-twice", "quin-edited", "team-of-three", HOSTILE}
    for name in right:
        assert teams[name]["graded"]["right"], name
        assert teams[name]["total"] >= 6, name
    assert teams["bob-slow"]["graded"]["points"]["fast"] < 4
    assert teams["quin-edited"]["changed"] == ["README.md", "baseline.py"]
    for name in ("hal-by-shape", "kim-goes-on"):  # right in every check: the timing finds them out
        assert teams[name]["graded"]["points"]["fast"] == 0, name
        assert teams[name]["graded"]["timed"]["verdict"]["kind"] != "right", name
    for name in ("fay-starter", "gus-syntax", "ida-reads", "leo-hung", "mia-bomb", "ned-leaves"):
        assert teams[name]["total"] == 0, name
    for name in ("oda-no-repository", "pia-no-tag"):
        assert teams[name]["problem"], name
    assert {check["verdict"]["kind"] for check in teams["leo-hung"]["graded"]["checks"]} == {"timeout"}
    assert {check["verdict"]["kind"] for check in teams["mia-bomb"]["graded"]["checks"]} <= {"memory", "failed"}
    found = rows(results)
    assert sum(row["team"] == "The three" for row in found) == 3
    assert [row["problem"] for row in found if row["student_id"] == "3"] == [gradebook.NO_CLONE]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in found for cell in row.values())
    texts = {file.stem: file.read_text() for file in results.glob("feedback/*.md")}
    assert len(texts) == len(list(results.glob("audit/*.json"))) == len(CLONES)
    for stem, text in texts.items():
        others = [name for name in CLONES if name != stem and re.search(rf"\b{re.escape(name)}\b", text)]
        assert not others, stem
        assert "array(" not in text
        assert str(LAB.folder) not in text


def test_the_class_has_twenty_clones() -> None:
    assert len(CLONES) >= 20
    assert {f"wrong-{file.stem}" for file in (LAB.folder / "wrong").glob("*.py")} <= set(CLONES)
    assert catalogue.lab(LAB.name) is LAB
