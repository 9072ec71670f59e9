"""Going on where a run was interrupted: only what is missing, never samples of different code together."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = [str(Path(sys.executable).parent / "residency")]
ARGUMENTS = ["run", "outcomes", "--implementations", "waits_later", "--replicates", "2", "--rounds", "2"]
ARGUMENTS += ["--budget", "600"]  # however slow the machine is


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_goes_on(environment, residency, tmp_path: Path, how: signal.Signals) -> None:
    suites = {"RESIDENCY_SUITES": str(FIXTURES)}
    nowhere = subprocess.DEVNULL
    command, where = [*COMMAND, *ARGUMENTS], {**environment, **suites}
    process = subprocess.Popen(command, cwd=tmp_path, env=where, stdout=nowhere, stderr=nowhere)
    deadline = monotonic() + 60
    while not any('"cold"' in kept.read_text() for kept in tmp_path.glob("results/runs/*/records.jsonl")):
        assert monotonic() < deadline
        sleep(0.05)
    process.send_signal(how)
    process.wait(timeout=30)
    run = next(tmp_path.glob("results/runs/*"))
    before = (run / "records.jsonl").read_bytes()
    done = residency("run", "--resume", run, "--json", TEST_WAIT="no", **suites)
    assert done.status == 0, done.err
    assert "2 replicates more: it was interrupted, or its budget was used up" in done.err
    after = (run / "records.jsonl").read_bytes()
    assert after.startswith(before[: before.rfind(b"\n") + 1])
    (row,) = done.json["rows"]
    assert row["outcome"] == "ok"
    assert (row["seconds"]["replicates"], row["seconds"]["samples"]) == (2, 4)
    again = residency("run", "--resume", run, "--json", TEST_WAIT="no", **suites)
    assert again.status == 0, again.err
    assert "more:" not in again.err
    assert (run / "records.jsonl").read_bytes() == after


def test_other_code_is_measured_again_and_never_mixed(residency, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "steady", tmp_path / "suites" / "steady")
    suites = {"RESIDENCY_SUITES": str(tmp_path / "suites")}
    done = residency("run", "steady", "--implementations", "varying", *ARGUMENTS[-6:], **suites)
    assert done.status == 0, done.err
    run = next(tmp_path.glob("results/runs/*"))
    before = (run / "records.jsonl").read_text()
    file = tmp_path / "suites" / "steady" / "naps.py"
    file.write_text(file.read_text().replace('"0.06"', '"0.12"'))
    done = residency("run", "--resume", run, "--json", **suites)
    assert done.status == 0, done.err
    assert "2 replicates more: code, data, libraries or parameters have changed" in done.err
    (row,) = done.json["rows"]
    assert row["seconds"]["median"] > 0.09
    assert row["seconds"]["samples"] == 4
    after = (run / "records.jsonl").read_text()
    assert after.startswith(before)
    assert after.count('"phase": "timed"') == 2 * before.count('"phase": "timed"') == 8


def test_a_run_that_told_too_little_is_given_more_processes(residency, tmp_path: Path) -> None:
    """As its report advises; what it looked at before counts."""
    suites = {"RESIDENCY_SUITES": str(FIXTURES)}
    ran = residency("run", "steady", "--implementations", "steady", "--replicates", "1", "--rounds", "1", **suites)
    assert ran.status == 0, ran.err
    run = next(tmp_path.glob("results/runs/*"))
    done = residency("run", "--resume", run, "--replicates", "2", "--budget", "60", "--json", **suites)
    assert done.status == 0, done.err
    assert "1 replicates more: more are asked for" in done.err
    assert [row["seconds"]["replicates"] for row in done.json["rows"]] == [2]
    kept = map(json.loads, (run / "records.jsonl").read_text().splitlines())
    assert [one["asked"] for one in kept if one["kind"] == "outcome"] == [1, 2]


def test_a_cut_off_line_is_taken_back(residency, tmp_path: Path) -> None:
    suites = {"RESIDENCY_SUITES": str(FIXTURES)}
    residency("run", "steady", "--implementations", "steady", "--replicates", "1", "--rounds", "2", **suites)
    run = next(tmp_path.glob("results/runs/*"))
    path = run / "records.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    done = residency("run", "--resume", run, **suites)
    assert done.status == 0, done.err
    for line in path.read_text().splitlines():
        json.loads(line)


def test_resuming_what_is_not_a_run(residency) -> None:
    done = residency("run", "--resume", "nowhere")
    assert done.status == 2
    assert "no run in nowhere" in done.err


@pytest.mark.slow
def test_a_run_goes_on_from_another_folder(residency_in, tmp_path: Path) -> None:
    """Its data and its suites were named from the folder that it was begun in."""
    first, other = tmp_path / "first", tmp_path / "other"
    shutil.copytree(FIXTURES / "steady", first / "suites" / "steady")
    other.mkdir()
    lines = [f"{row % 17},{row % 5},{row % 17 - 2 * (row % 5)}" for row in range(300)]
    (first / "plain.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    asked = ["--replicates", "1", "--rounds", "1", "--devices", "cpu", "--results"]
    data = ["tabular/ridge", "--data", "plain.csv", "--target", "y", "--implementations", "normal_equations"]
    suites = {"RESIDENCY_SUITES": "suites"}
    for results, what, extra in (("one", data, {}), ("two", ["steady", "--implementations", "steady"], suites)):
        done = residency_in(first, "run", *what, *asked, results, **extra)
        assert done.status == 0, done.err
        (run,) = (first / results).iterdir()
        before = (run / "records.jsonl").read_text()
        (run / "records.jsonl").write_text("")  # as one that was interrupted at once
        done = residency_in(other, "run", "--resume", f"../first/{results}/{run.name}")
        assert done.status == 0, done.err
        after = (run / "records.jsonl").read_text()
        keys = [{json.loads(line)["key"] for line in text.splitlines()} for text in (before, after)]
        assert keys[0] == keys[1]
        assert json.loads((run / "run.json").read_text())["command"][1:3] == ["run", what[0]]
    assert not (other / "results").exists()


def test_the_newest_run_is_the_one_that_started_last(residency, tmp_path: Path) -> None:
    suites = {"RESIDENCY_SUITES": str(FIXTURES)}
    brief = ["run", "steady", "--implementations", "steady", "--replicates", "1", "--rounds", "1"]
    assert residency(*brief, **suites).status == 0
    (first,) = tmp_path.glob("results/runs/*")
    first.rename(first.parent / "baseline")
    assert residency(*brief, **suites).status == 0
    (second,) = tmp_path.glob("results/runs/2*")
    damaged = first.parent / "zz"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    done = residency("report", "--format", "json")
    assert done.json["run"]["folder"] == str(second.relative_to(tmp_path))
    assert done.err.startswith("left out: results/runs/zz/run.json: damaged: ")
    assert second.name in residency("report").out
