"""Bad input gets one clear line on stderr with the alternatives, status 2, and nothing is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from residency.harness.discovery import Catalogue
from residency.runners.plan import Selection, plan
from residency.suites import SHIPPED
from tests.class_run import write
from tests.page_numbers import assert_says_the_same


def only_line(done) -> str:
    """The one line of a refusal."""
    assert done.status == 2, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    lines = done.err.strip().splitlines()
    assert len(lines) == 1, done.err
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tabular/ridgee"], "no task `tabular/ridgee`; did you mean `tabular/ridge`?"),
        (["run", "tabluar"], "no topic or task `tabluar`; did you mean `tabular`"),
        (
            ["run", "tabular/ridge", "--size", "larg"],
            "invalid size `larg`: use smoke, lab, lecture, production or a whole number of rows, 20 at least",
        ),
        (["run", "tabular/ridge", "--size", "0"], "or a whole number of rows, 20 at least, written as 20000"),
        (["run", "tabular/ridge", "--size", "20,000"], "or a whole number of rows, 20 at least, written as 20000"),
        (["run", "tabular/ridge", "--size", "smoke,lab"], "for several sizes, repeat --size"),
        (["run", "tabular/ridge", "--size", "2"], "nothing to run: tabular/ridge: takes from 20 to 400000000000 rows"),
        (["run", "tabular/ridge", "--size", "9" * 20], "tabular/ridge: takes from 20 to 400000000000 rows, not 9999"),
        (["run", "tabular/ridge", "--size", "9" * 5000], "invalid size `9999"),
        (
            ["run", "tabular/ridge", "--dataset", "taxis"],
            "taxis is not a dataset of tabular/ridge, but of tabular/etl; there are: `california_housing`",
        ),
        (
            ["run", "tabular/ridge", "--dataset", "own_regression"],
            "own_regression is your own table: name it by --data FILE --target COLUMN",
        ),
        (["run", "image/classify", "--dataset", "own_labelled"], "is your own data: name it with --data PATH"),
        (["run", "tabular/ridge", "--devices", ""], "--devices is empty: name cpu, gpu or both"),
        (["run", "tabular/ridge", "--dataset", "diabetis"], "no dataset `diabetis`; did you mean `diabetes`?"),
        (["run", "tabular/ridge", "--devices", "tpu"], "no device `tpu`; did you mean"),
        (["run", "tabular/ridge", "--implementations", "normal_equation"], "did you mean `normal_equations`"),
        (["run", "tabular/ridge", "--data", "none.csv"], "--data none.csv: there is no such file or folder"),
        *(
            (["run", "tabular/ridge", "--runner", "cluster", "--scheduler", address], "expected an address with a port")
            for address in ("", "foo", "tcp://10.0.0.1", "xyz://10.0.0.1:8786", "10.0.0.1:port")
        ),
        (["list", "tabular/rigde"], "no task `tabular/rigde`; did you mean `tabular/ridge`?"),
        (["data", "list", "linaer"], "no dataset `linaer`; did you mean `linear`?"),
        (["data", "fetch", "linear"], "linear is generated: there is nothing to fetch"),
        (["data", "fetch", "--mirror", "nowhere"], "--mirror nowhere: there is no such folder"),
        (["report"], "no run in results/runs; measure one with `residency run`"),
        (["report", "nowhere"], "no run in nowhere: there is no such folder"),
    ],
)
def test_what_does_not_exist_is_named_with_the_alternatives(refused, arguments: list[str], message: str) -> None:
    assert message in refused(*arguments)


def test_results_that_cannot_be_written(residency, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    line = only_line(residency("run", "tabular/ridge", "--results", "taken"))
    assert "cannot write results to taken" in line
    assert "--results" in line
    assert (tmp_path / "taken").read_text() == "a file"


@pytest.mark.parametrize("place", ["/proc/x", "taken"])
def test_a_cache_that_cannot_be(residency, tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("a file")
    done = residency("run", "tabular/ridge", "--replicates", "1", "--rounds", "1", RESIDENCY_CACHE=place)
    line = only_line(done)
    assert line.startswith(f"residency: cannot write the cache {place}: ")
    assert line.endswith("; set RESIDENCY_CACHE to another folder")


def test_what_is_named_twice_is_measured_once() -> None:
    twice = Selection(tasks=("tabular/ridge",), sizes=("1000", "1000"), datasets=("linear", "linear"))
    assert [group.title for group in plan(Catalogue([SHIPPED]), twice)] == ["tabular/ridge, linear at 1000"]


def test_damaged_records_are_named_by_file_and_line(residency, tmp_path: Path) -> None:
    brief = ("--implementations", "normal_equations@cpu", "--replicates", "1", "--rounds", "1")
    done = residency("run", "tabular/ridge", *brief, "--results", "runs")
    assert done.status == 0, done.err
    records = next((tmp_path / "runs").glob("*/records.jsonl"))
    lines = records.read_text().splitlines()
    records.write_text("\n".join([*lines[:2], lines[2][:40], *lines[3:]]) + "\n")
    before = records.read_bytes()
    line = only_line(residency("report", records.parent))
    assert f"{records}:3: damaged line" in line
    assert records.read_bytes() == before
    command = line.rpartition(": ")[2].split()
    done = residency(*command[1:])
    assert done.status == 0, done.err
    assert "1 damaged line was left out" in done.out
    assert records.with_name("records.jsonl.damaged-1").read_bytes() == before
    assert residency("report", records.parent).status == 0


MARKS = "\u202e\u2066\u200f\u061c\x1b[31m\x07\x9b"
ORDINARY = "[red] 名前 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f52c"


def test_text_that_would_change_other_text_is_shown_as_escapes(here, made_run, made, tmp_path: Path) -> None:
    hostile = f"{MARKS}{ORDINARY}"
    machine = dict.fromkeys(("host", "cpu", "system", "python", "no_gpu_because"), hostile)
    rows = [made(f"{hostile}@cpu"), made("b@cpu", 2.0), made("bad@cpu", outcome="failed", reason=hostile)]
    run = made_run(f"runs/{hostile}", *rows, machine=machine, command=["residency", hostile], commit=hostile)
    other = made_run("runs/-b", *rows, name=hostile)
    commands = [
        *(["report", run, *arguments] for arguments in ([], ["--details"], ["--format", "markdown"])),
        *(["report", run, *arguments] for arguments in (["--format", "html"], ["--slides"])),
        *([["report", run, "--beside", other], ["compare", run, other], ["history", "runs"], ["report", f"{run}x"]]),
        *(["history", "runs", "--page", "page.html"], ["compare", run, other, "--page", "compare.html"]),
    ]
    pages = ["page.html", "compare.html"]
    for arguments in commands:
        done = here(*arguments)
        shown = done.out + done.err
        assert "Traceback" not in shown
        assert not set(shown) & set(MARKS[:5] + MARKS[-2:]), arguments
        assert "\\u202e\\u2066\\u200f\\u061c\\x1b[31m" in shown or arguments[0] == "compare" or "--page" in arguments
        assert "名前" in shown
    for page in pages:
        text = (tmp_path / page).read_text()
        assert not set(text) & set(MARKS[:5] + MARKS[-2:])
        assert ORDINARY in text
    assert json.loads(here("report", run, "--format", "json").out)["run"]["commit"] == hostile


@pytest.mark.parametrize("name", ["a b", "new\nline", "[red]x", "-lead", "esc\x1b\udcff"])
def test_a_folder_of_any_name_is_shown_with_commands_that_work(here, made_run, made, monkeypatch, name: str) -> None:
    made_run(name, made("a@cpu"), made("b@cpu", 2.0))
    out = here("report", "--", name).out
    line = next(line for line in out.splitlines() if line.startswith("Details:")).partition(":")[2]
    said = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    typed = [os.fsdecode(word) for word in said.stdout.split(b"\0")[:-1]]
    assert "Answer: " in here(*typed[1:]).out
    assert here("compare", "--", name, name).err.count("\n") <= 1
    assert here("history", ".").status == 0


def test_ok_without_a_sample_says_so(here, made_run, made) -> None:
    run = made_run("run", made("a@cpu"), made("b@cpu", 2.0))
    kept = [line for line in (run / "records.jsonl").read_text().splitlines() if '"kind": "sample"' not in line]
    (run / "records.jsonl").write_text("\n".join(kept) + "\n")
    assert "a@cpu, b@cpu: no timed sample was recorded" in here("report", run).out
    assert "no timed sample was recorded" in here("report", run, "--details").out
    (run / "run.json").write_text("{")
    assert only_line(here("run", "--resume", run)).startswith(f"residency: {run}/run.json: damaged: ")


def test_a_run_of_another_version_is_refused(residency, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"schema": 7}))
    assert "schema 7 is not one this version reads" in only_line(residency("report", "run"))


def test_an_unknown_option_ends_with_status_2(residency) -> None:
    done = residency("run", "--sizes", "lab")
    assert done.status == 2
    assert "No such option" in done.err
    assert "Traceback" not in done.err


def test_a_list_given_twice_is_refused_unless_it_may_be_repeated(here) -> None:
    twice = ("--implementations", "estimator", "--implementations", "onedal")
    said = "residency: --implementations was given 2 times: give it once, with commas between the values"
    assert only_line(here("run", "tabular/ridge", *twice)) == said
    workers = ("--workers", "1", "--workers", "2")
    assert "--workers was given 2 times" in only_line(here("scale", "tabular/ridge", *workers))
    assert "invalid size `huge`" in only_line(here("run", "tabular/ridge", "--size", "smoke", "--size", "huge"))
    assert "invalid size `huge`" in only_line(here("run", "--seed", "1", "--seed", "2", "--size", "huge"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("budget", "inf"),
        ("timeout", "inf"),
        ("memory", "inf"),
        ("replicates", "9" * 18),
        ("seed", "-1"),
        ("budget", "nan"),
        ("timeout", "nan"),
        ("memory", "nan"),
        ("precision", "nan"),
    ],
)
def test_numbers_that_cannot_be_used(here, tmp_path: Path, option: str, value: str) -> None:
    done = here("run", "tabular/ridge", f"--{option}", value, "--results", "runs")
    assert done.status == 2
    assert f"Invalid value for '--{option}'" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "runs").exists()


def test_a_suite_folder_that_is_not_there(residency) -> None:
    assert "no folder of suites at" in only_line(residency("list", RESIDENCY_SUITES="nowhere"))


def test_a_report_never_replaces_what_a_run_measured(here, made_run, made) -> None:
    run = made_run("run", made("a@cpu"), made("b@cpu", 2.0))
    before = {file: file.read_bytes() for file in run.rglob("*") if file.is_file()}
    (run.parent / "link").symlink_to(run / "records.jsonl")
    for place in (run / "records.jsonl", run / "run.json", run.parent / "link", run / "source" / "page.html"):
        done = here("report", run, "--format", "html", "-o", place)
        assert (done.status, done.err.count("\n")) == (2, 1)
        assert "it is a file of the run" in done.err
    assert {file: file.read_bytes() for file in before} == before


def test_an_outcome_without_its_reason_is_a_damaged_line(here, made_run, made) -> None:
    run = made_run("run", made("a@cpu"), made("b@cpu", 2.0))
    lines = (run / "records.jsonl").read_text().replace('"outcome": "ok"', '"outcome": "wrong"')
    (run / "records.jsonl").write_text(lines)
    done = here("report", run)
    assert done.status == 2
    assert "field `reason` is empty" in done.err


def refuse(name: str) -> NoReturn:
    """Of a number that JSON does not have."""
    raise AssertionError(name)


def test_extreme_numbers_and_names_are_reported(here, tmp_path: Path) -> None:
    run = write(tmp_path / "runs" / "extreme", tasks=1, replicates=2, rounds=1, started="9999-12-31T23:59:59-05:00")
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "outcome":
            line |= {"bytes": 1e30, "flops": 1e30, "quality": 1e308}
        elif line["figures"]:
            line["figures"] = {**dict.fromkeys(line["figures"], 1e-300), "read GB/s": 1.0, "a~1b": 2.0}
        elif line["implementation"] == "array@cpu":
            line |= {"seconds": 1e-12 if line["replicate"] else 1e5, "stages": {}}
    (run / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for arguments in ([], ["--format", "html"], ["--slides"]):
        done = here("report", run, *arguments)
        assert (done.status, done.err) == (0, "")
        if arguments == ["--slides"]:
            assert 'figures/read GB~1s">1.00' in done.out
    document = json.loads(here("report", run, "--format", "json").out, parse_constant=refuse)
    assert_says_the_same(done.out, document)
    assert here("compare", run, run, "--page", "compare.html").status in {0, 2, 3}


def test_a_file_is_shown_as_escapes_and_a_link_to_itself_is_refused(here, made_run, made, tmp_path: Path) -> None:
    run = made_run("run", made("a@cpu"))
    assert here("report", run, "--format", "csv", "-o", "e\x1b[31m.csv").out == "e\\x1b[31m.csv\n"
    (tmp_path / "loop.html").symlink_to("loop.html")
    done = here("report", run, "--format", "html", "-o", "loop.html")
    assert (done.status, done.err) == (2, "residency: cannot write loop.html: Too many levels of symbolic links\n")
    assert (tmp_path / "loop.html").is_symlink()
