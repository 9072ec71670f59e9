"""The commands as their users type them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import jsonschema
import psutil
import pytest

from residency.harness import records

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = [str(Path(sys.executable).parent / "residency")]
CONTRACT = {
    "task", "dataset", "size", "rows", "implementation", "library", "device", "runner", "workers", "outcome", "reason",
    "quality", "seconds", "cold_seconds", "stages", "speedup", "peak_host_bytes", "peak_device_bytes", "joules",
    "threads", "data_hash",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(residency_in, tmp_path_factory: pytest.TempPathFactory):
    """A real run, kept for the reports."""
    folder = tmp_path_factory.mktemp("run")
    arguments = ["run", "tabular/ridge", "--dataset", "generated", "--dataset", "shipped", "--replicates", "1"]
    arguments += ["--implementations", "normal_equations"]
    done = residency_in(folder, *arguments, "--rounds", "2", "--json")
    assert done.status == 0, done.err
    return folder, done


def test_json_keeps_the_contract(run) -> None:
    _, done = run
    assert done.json["schema"] == 1
    for row in done.json["rows"]:
        assert set(row) >= CONTRACT
        if row["outcome"] == "ok":
            assert row["seconds"]["low"] <= row["seconds"]["median"] <= row["seconds"]["high"]
            assert sum(row["stages"].values()) == pytest.approx(row["seconds"]["median"], rel=0.01)
            assert row["stages"].keys() >= {"put", "fit", "predict", "get", "other"}
            assert row["speedup"]["verdict"] in {"faster", "slower", "equivalent", "inconclusive"}
        else:
            assert row["seconds"] is None
            assert row["reason"]
    assert {row["device"] for row in done.json["rows"]} == {"cpu", "gpu"}
    assert {row["size"] for row in done.json["rows"]} == {"smoke", "full"}


def test_the_records_of_a_real_run_fit_the_published_schema(run) -> None:
    folder, done = run
    schema = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    kept = folder / done.json["run"]["folder"]
    validator.validate(json.loads((kept / "run.json").read_text()))
    lines = (kept / "records.jsonl").read_text().splitlines()
    assert len(lines) > 20
    for line in lines:
        validator.validate(json.loads(line))


def test_reports_of_the_newest_run(run, residency_in) -> None:
    folder, done = run
    short = residency_in(folder, "report")
    assert short.out.splitlines()[1].startswith("Doubts: ")
    assert "No GPU in this run, so it says nothing about GPUs." in short.out
    console = residency_in(folder, "report", "--details")
    assert console.status == 0
    assert "Nothing in this run used a GPU" in console.out
    assert "baseline" in console.out
    assert "No GPU implementation ran" in console.out
    markdown = residency_in(folder, "report", "--format", "markdown", "-o", "report.md")
    assert markdown.out.strip() == "report.md"
    text = (folder / "report.md").read_text()
    assert "| normal_equations@cpu | numpy |" in text
    assert "`tabular/ridge:normal_equations@gpu`" in text
    again = residency_in(folder, "report", "--format", "json")
    assert again.json == done.json


def test_a_report_into_a_place_that_is_not_there(run, residency_in) -> None:
    done = residency_in(run[0], "report", "--format", "markdown", "-o", "no/such/folder.md")
    assert done.status == 2
    assert "cannot write no/such/folder.md" in done.err


def test_doctor_tells_what_can_run_and_why_not(residency) -> None:
    done = residency("doctor", "--json")
    assert done.status == 0
    states = {f"{one['task']}:{one['implementation']}": one["unavailable"] for one in done.json["implementations"]}
    assert states["tabular/ridge:normal_equations@cpu"] is None
    if not done.json["machine"]["gpus"]:
        assert "no NVIDIA GPU" in states["tabular/ridge:normal_equations@gpu"]
        assert done.json["health"] == []
        assert {one["failed"] for one in done.json["implementations"]} == {None}
    assert "scikit-learn" in done.json["versions"]


@pytest.mark.slow
def test_doctor_names_a_run_that_it_cannot_read(residency, tmp_path: Path) -> None:
    damaged = tmp_path / "results" / "runs" / "damaged"
    damaged.mkdir(parents=True)
    (damaged / "run.json").write_text("{")
    done = residency("doctor")
    assert done.status == 0
    assert done.err.count("ignored: ") == 1
    assert "results/runs/damaged/run.json: damaged" in done.err
    assert "can run here" in done.out


def test_list_shows_tasks_and_one_in_full(here) -> None:
    tasks = json.loads(here("list", "--json").out)
    assert {task["task"] for task in tasks} >= {"tabular/ridge"}
    assert "tabular/ridge" in here("list").out
    shown = here("list", "tabular/ridge").out
    for expected in ("Question", "Expect", "diabetes (shipped)", "normal_equations@gpu (cupy)"):
        assert expected in shown
    (ridge,) = (task for task in tasks if task["task"] == "tabular/ridge")
    ways = {known["implementation"]: known for known in ridge["implementations"]}
    assert ways["estimator+cuml.accel@gpu"]["way"] == "unchanged"
    assert ways["estimator+cuml.accel@gpu"]["lines"] == ways["estimator@cpu"]["lines"] > 1
    assert f"zero code change, {ways['estimator@cpu']['lines']} lines of code" in shown


def test_a_narrow_data_list_keeps_names_and_commands_whole(residency) -> None:
    lines = [line.rstrip() for line in residency("data", "list", COLUMNS="80").out.splitlines()]
    assert "  to use: residency data fetch covertype_points" in lines
    assert "  tabular/automl, tabular/explain, tabular/gradient_boosting," in lines
    assert max(map(len, lines)) <= 80


def test_data_list_shows_cards(here) -> None:
    listed = here("data", "list").out
    assert "linear" in listed
    assert "diabetes" in listed
    assert "Efron" in here("data", "list", "diabetes").out


@pytest.mark.parametrize(
    "command", [[], ["run"], ["prove"], ["report"], ["list"], ["doctor"], ["data", "list"], ["data", "fetch"]]
)
def test_every_command_has_help_with_an_example(residency, command: list[str]) -> None:
    done = residency(*command, "--help")
    assert done.status == 0
    assert not command or "Example" in done.out


def start(environment: dict[str, str], folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A run whose implementation has been measured once and now waits; and its workers."""
    process = subprocess.Popen(
        [*COMMAND, "run", "outcomes", "--implementations", "waits_later", "--timeout", "600"],
        cwd=folder,
        env={**environment, "RESIDENCY_SUITES": str(FIXTURES)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = monotonic() + 60
    while monotonic() < deadline:
        if any('"phase": "cold"' in kept.read_text() for kept in folder.glob("results/runs/*/records.jsonl")):
            return process, [child.pid for child in psutil.Process(process.pid).children()]
        sleep(0.1)
    process.kill()
    pytest.fail("the run did not get going")


def workers_left(pids: list[int]) -> list[int]:
    """Those that still live after a while."""
    deadline = monotonic() + 10
    while monotonic() < deadline and any(psutil.pid_exists(pid) for pid in pids):
        sleep(0.1)
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_interrupting_keeps_what_was_measured(environment, residency, tmp_path: Path) -> None:
    process, workers = start(environment, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "interrupted: what was measured is saved. Continue with: residency run --resume results/runs/" in err
    assert "not measured" in out
    assert workers
    assert not workers_left(workers)
    again = residency("report", "--format", "json")
    assert again.status == 0
    assert [row["outcome"] for row in again.json["rows"]] == ["unavailable"]


def test_killing_the_parent_leaves_no_worker(environment, residency, tmp_path: Path) -> None:
    process, workers = start(environment, tmp_path)
    process.kill()
    process.communicate(timeout=60)
    assert workers
    assert not workers_left(workers)
    assert residency("report").status == 0
