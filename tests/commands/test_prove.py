"""`residency prove` as its user types it, on a stand-in for a GPU: within its budget, with all it has, and honest."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import jsonschema
import psutil
import pytest

from residency.harness import records
from tests.page_numbers import assert_says_the_same, places_of

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}
COMMAND = [str(Path(sys.executable).parent / "residency")]


@pytest.fixture(scope="module")
def gpu(stand_in_gpu) -> dict[str, str]:
    return stand_in_gpu(name="NVIDIA Stand-in 9000")


@pytest.fixture(scope="module")
def proved(residency_in, gpu, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A proof of two tasks that has all the time it needs but for one side: its folder, and the ended command."""
    folder: Path = tmp_path_factory.mktemp("proved")
    done = residency_in(
        folder,
        "prove",
        "proving/quick",
        "proving/growing",
        "--budget",
        "150",
        "--json",
        "--page",
        "proof.html",
        **SUITES,
        **gpu,
    )
    assert done.status == 1, done.err
    (run,) = (folder / "results" / "reference").iterdir()
    return run, done


@pytest.fixture(scope="module")
def standings(proved) -> dict[str, list[str]]:
    found = proved[1].json["proof"]["standings"]
    return {f"{one['task']}:{one['implementation']}": list(one["sizes"].values()) for one in found}


@pytest.mark.slow
def test_the_page_says_what_was_proved_with_the_numbers_of_the_json(proved) -> None:
    run, done = proved
    page = (run.parent.parent.parent / "proof.html").read_text()
    assert (
        '<p class="answer">2 of 4 GPU implementations ran on NVIDIA Stand-in 9000 (24.0 GiB) and passed their quality '
        "check: 2 up to lecture.</p>"
    ) in page
    assert page.count("<td>not proved</td>") == 2
    assert {place.split("/")[0] for place in places_of(page)} == {"rows", "proof"}
    assert_says_the_same(page, done.json)


@pytest.mark.slow
def test_what_is_proved_and_what_is_not(standings) -> None:
    assert standings == {
        "proving/quick:naps@gpu": ["ok", "ok", "ok"],
        "proving/quick:forgets@gpu": ["fell_back", "-", "-"],
        "proving/quick:fails@gpu": ["failed", "-", "-"],
        "proving/growing:naps@gpu": ["ok", "ok", "ok"],
    }


@pytest.mark.slow
def test_above_smoke_the_strongest_of_the_cpu_stands_beside_in_three_processes(proved) -> None:
    rows = {(row["task"], row["size"], row["implementation"]): row for row in proved[1].json["rows"]}
    measured = {key: row["seconds"]["replicates"] for key, row in rows.items() if row["seconds"] is not None}
    assert {key[1:]: count for key, count in measured.items() if key[0] == "proving/quick"} == {
        ("smoke", "strong@cpu"): 1, ("smoke", "weak@cpu"): 1, ("smoke", "naps@gpu"): 1,
        ("lab", "strong@cpu"): 3, ("lab", "naps@gpu"): 3,
        ("lecture", "strong@cpu"): 3, ("lecture", "naps@gpu"): 3,
    }  # fmt: skip
    lab = rows["proving/quick", "lab", "naps@gpu"]["speedup"]
    assert lab["baseline"] == "strong@cpu"
    assert lab["ratio"] == pytest.approx(4.0)
    assert lab["low"] <= lab["ratio"] <= lab["high"]


@pytest.mark.slow
def test_both_means_are_proved(proved) -> None:
    """One task copies before it computes; the other has no stage that copies, so its ratio is a bound."""
    run, done = proved
    rows = {(row["task"], row["size"], row["implementation"]): row for row in done.json["rows"]}
    quick = rows["proving/quick", "lab", "naps@gpu"]["resident"]
    assert quick["ratio"] == pytest.approx(16.0)
    assert quick["low"] <= quick["ratio"] <= quick["high"]
    assert (quick["baseline"], quick["verdict"], quick["at_least"]) == ("strong@cpu", "faster", False)
    growing = rows["proving/growing", "lab", "naps@gpu"]["resident"]
    assert (growing["ratio"], growing["at_least"]) == (pytest.approx(15.0), True)
    lab = next(gain for gain in done.json["proof"]["gains"] if gain["size"] == "lab")
    assert lab["mean"] == pytest.approx((4.0 * 15.0) ** 0.5)
    assert lab["resident"]["mean"] == pytest.approx((16.0 * 15.0) ** 0.5)
    assert (lab["resident"]["tasks"], lab["resident"]["at_least"]) == (2, 1)
    assert lab["resident"]["low"] <= lab["resident"]["mean"] <= lab["resident"]["high"]
    assert lab["resident"]["rest"] is None  # 15.5 is less than twice 7.7
    page = (run / "README.md").read_text()
    assert "With the data resident: 15.5 × as fast [" in page
    assert "faster: at least 15.0 × as fast [" in page


@pytest.mark.slow
def test_a_cpu_side_that_does_not_fit_is_left_out_and_said(proved) -> None:
    done = proved[1]
    assert "proving/growing, answered at lecture: without counts@cpu: about " in done.err
    rows = {(row["size"], row["implementation"]) for row in done.json["rows"] if row["task"] == "proving/growing"}
    assert ("lecture", "naps@gpu") in rows
    assert ("lecture", "counts@cpu") not in rows
    (alone,) = done.json["proof"]["alone"]
    assert (alone["task"], alone["size"], alone["implementation"]) == ("proving/growing", "lecture", "counts@cpu")
    assert alone["seconds"] == pytest.approx(30.0)


@pytest.mark.slow
def test_the_page_and_the_records_stand_in_a_folder_named_after_the_machine(proved) -> None:
    run, done = proved
    machine = done.json["run"]["machine"]
    assert run.name.startswith(f"1-stand-in-9000-{machine['cores']}-cores")
    page = (run / "README.md").read_text()
    assert page.startswith("# 1 × NVIDIA Stand-in 9000, ")
    assert "2 of 4 GPU implementations ran on the GPU and passed their quality check: 2 up to `lecture`" in page
    assert "at lab, best of each of 2 tasks: geometric mean" in page
    assert "were unavailable here, and might be stronger: a_library_nobody_has." in page
    assert "- `proving/quick:forgets@gpu` at smoke: fell_back: asked for the GPU, ran on the CPU" in page
    assert "- `proving/quick:fails@gpu` at smoke: failed: RuntimeError: no kernel image is available" in page
    assert "not reached within" not in page
    assert {one.name for one in run.iterdir()} == {"README.md", "run.json", "records.jsonl", "source"}
    validator = jsonschema.Draft202012Validator(json.loads((Path(records.__file__).parent / "schema.json").read_text()))
    for line in [(run / "run.json").read_text(), *(run / "records.jsonl").read_text().splitlines()]:
        validator.validate(json.loads(line))


@pytest.mark.slow
def test_all_of_smoke_comes_before_all_of_lab(proved) -> None:
    lines = [json.loads(line) for line in (proved[0] / "records.jsonl").read_text().splitlines()]
    sizes = [line["size"] for line in lines]
    assert sizes == sorted(sizes, key=["smoke", "lab", "lecture"].index)
    lab = [line["replicate"] for line in lines if line["size"] == "lab"]
    assert lab == sorted(lab)  # one of everything before a second of anything


@pytest.mark.slow
def test_a_report_shows_it_as_any_run(proved, residency) -> None:
    text = residency("report", proved[0], "--details").out
    assert "proving/growing  answered, lecture, 300,000 rows" in text
    assert "GPU over the strongest correct CPU implementation at smoke, best of each of 2 tasks" in text
    assert "The two differ because naps@gpu computes for only 25 % of its time" in " ".join(text.split())
    markdown = residency("report", proved[0], "--format", "markdown").out
    assert "| 16.0 × as fast [" in markdown
    assert "with the data resident it is 16.0 × as fast [" in markdown
    exported = json.loads(residency("report", proved[0], "--format", "pytest-benchmark").out)["benchmarks"]
    (extra,) = (one["extra_info"] for one in exported if one["name"] == "proving/quick-answered-lab-naps@gpu")
    assert extra["resident"]["ratio"] == pytest.approx(16.0)
    assert json.loads(residency("report", proved[0], "--format", "json").out)["gains"]


@pytest.mark.slow
def test_a_folder_that_is_there_is_not_written_over(proved, residency_in, gpu) -> None:
    run, _ = proved
    before = {one: one.read_bytes() for one in run.rglob("*.*") if one.is_file()}
    done = residency_in(run.parent.parent.parent, "prove", "proving/quick", **SUITES, **gpu)
    assert done.status == 2
    assert f"results/reference/{run.name} exists already" in done.err
    assert "residency prove --resume" in done.err
    assert {one: one.read_bytes() for one in run.rglob("*.*") if one.is_file()} == before


@pytest.mark.slow
def test_what_is_done_is_not_done_again(proved, residency, gpu, tmp_path: Path) -> None:
    """Going on tries again what failed, beside its group, and nothing else."""
    run = Path(shutil.copytree(proved[0], tmp_path / "kept"))
    before = (run / "records.jsonl").read_text()
    done = residency("prove", "--resume", run, "--budget", "40", **SUITES, **gpu)
    assert done.status == 1, done.err
    after = (run / "records.jsonl").read_text()
    assert after.startswith(before)
    added = [json.loads(line) for line in after[len(before) :].splitlines()]
    assert {(line["task"], line["size"]) for line in added} == {("proving/quick", "smoke")}
    ended = {line["implementation"]: line["outcome"] for line in added if line["kind"] == "outcome"}
    assert ended == {"strong@cpu": "ok", "weak@cpu": "ok", "naps@gpu": "ok", "fails@gpu": "failed"}


@pytest.mark.clock
@pytest.mark.slow
def test_it_ends_within_its_budget_and_keeps_what_it_has(residency, gpu, tmp_path: Path) -> None:
    start = monotonic()
    done = residency("prove", "proving/slow", "--budget", "15", **SUITES, **gpu)
    took = monotonic() - start
    assert took <= 15.0, done.err
    assert took > 10.0
    assert "was cut: the time is up; what was measured before is kept" in done.err
    (run,) = (tmp_path / "results" / "reference").iterdir()
    kept = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    assert [line for line in kept if line["kind"] == "sample"]
    assert not [line for line in kept if line["kind"] == "outcome" and line["outcome"] == "timeout"]
    page = (run / "README.md").read_text()
    assert page == done.out
    assert "## What was not reached within the time" in page
    assert "- from `smoke` on: `proving/slow:rests_too@gpu`" in page


@pytest.mark.clock
@pytest.mark.slow
def test_one_that_hangs_costs_its_timeout_and_no_more(residency, gpu, tmp_path: Path) -> None:
    done = residency("prove", "proving/hanging", "--budget", "24", "--json", **SUITES, **gpu)
    assert done.status == 1, done.err
    (standing,) = done.json["proof"]["standings"]
    assert list(standing["sizes"].values()) == ["ok", "timeout", "-"]
    (hung,) = [row for row in done.json["rows"] if row["outcome"] == "timeout"]
    assert hung["reason"].startswith("took longer than 8 s")  # a third of the budget, for it is the first execution
    assert "lab: no time" not in done.err


@pytest.fixture
def started(environment, gpu, tmp_path: Path) -> Callable[[str, str], subprocess.Popen[str]]:
    """Start a proof, and wait until its records hold a text."""

    def start(task: str, text: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*COMMAND, "prove", task, "--budget", "120"],
            cwd=tmp_path,
            env={**environment, **SUITES, **gpu},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = monotonic() + 60
        while not any(text in kept.read_text() for kept in tmp_path.glob("results/reference/*/records.jsonl")):
            if monotonic() > deadline:
                process.kill()
                pytest.fail("the proof did not get going")
            sleep(0.05)
        return process

    return start


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_interrupting_keeps_what_was_measured_and_it_goes_on(started, residency, gpu, tmp_path: Path) -> None:
    process = started("proving/growing", '"phase": "timed"')
    workers = [child.pid for child in psutil.Process(process.pid).children()]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted: what was measured is saved. Continue with: residency prove --resume results/reference/" in err
    assert not [pid for pid in workers if lives(pid)]
    (run,) = (tmp_path / "results" / "reference").iterdir()
    assert (run / "README.md").read_text() == out
    assert "## What was not reached within the time" in out
    before = (run / "records.jsonl").read_text()
    done = residency("prove", "--resume", run, "--budget", "60", "--json", **SUITES, **gpu)
    assert done.status == 0, done.err
    assert (run / "records.jsonl").read_text().startswith(before)
    (standing,) = done.json["proof"]["standings"]
    assert list(standing["sizes"].values()) == ["ok", "ok", "ok"]


def test_a_machine_without_a_gpu(residency, tmp_path: Path) -> None:
    done = residency("prove", "proving/quick", **SUITES, CUDA_VISIBLE_DEVICES="")
    assert done.status == 5
    assert done.err.startswith("residency: nothing can be proved here: ")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_nothing_to_prove(residency, gpu) -> None:
    done = residency("prove", "proving/cpu_only", **SUITES, **gpu)
    assert done.status == 2
    assert "nothing to prove: none of these tasks has a GPU implementation" in done.err
    done = residency("prove", "proving/quik", **SUITES, **gpu)
    assert done.status == 2
    assert "did you mean `proving/quick`?" in done.err


def test_where_nothing_can_run_nothing_is_proved(residency, gpu, tmp_path: Path) -> None:
    """The GPU's library is not here: the CPU side is not measured for its own sake."""
    done = residency("prove", "proving/lacking", "--results", tmp_path / "kept", "--json", **SUITES, **gpu)
    assert done.status == 1, done.err
    assert {row["device"] for row in done.json["rows"]} == {"gpu"}
    assert {row["outcome"] for row in done.json["rows"]} == {"unavailable"}
    (run,) = (tmp_path / "kept").iterdir()
    page = (run / "README.md").read_text()
    assert "0 of 1 GPU implementations" in page
    assert "- `proving/lacking:solves@gpu`" in page.partition("## What was unavailable here")[2]


@pytest.mark.slow
def test_going_on_needs_a_proof_of_this_machine(residency, gpu, proved, stand_in_gpu, tmp_path: Path) -> None:
    run, _ = proved
    done = residency("prove", "--resume", run, **SUITES, **stand_in_gpu(name="NVIDIA Other"))
    assert done.status == 2
    assert f"was measured on {run.name}, and this is 1-other-" in done.err
    made = residency("run", "proving/growing", "--devices", "cpu", "--replicates", "1", "--rounds", "1", **SUITES)
    assert made.status == 0, made.err
    (other,) = (tmp_path / "results" / "runs").iterdir()
    done = residency("prove", "--resume", other, **SUITES, **gpu)
    assert done.status == 2
    assert "is not a proof; continue it with: residency run --resume" in done.err
