"""Several runs on one page, and a recorded machine beside the local one: labelled, and never on one axis."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.class_run import write
from tests.page_numbers import assert_says_the_same

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
AMD, XEON = REFERENCE / "2-cores-amd-epyc-nlp-lab", REFERENCE / "2-cores-intel-xeon-nlp-lab"
REHEARSAL = REFERENCE / "2-cores-amd-epyc-rehearsal"


def section(page: str, name: str) -> str:
    """The text of a section, without its tags."""
    found = page.partition(f'<section id="{name}"')[2]
    return " ".join(re.sub(r"<[^>]+>", " ", found.partition("</section>")[0]).split())


@pytest.fixture
def text(residency) -> Callable[..., str]:
    """What `residency report` prints."""

    def of(*arguments: str | Path) -> str:
        done = residency("report", *arguments)
        assert done.status == 0, done.err
        return str(done.out)

    return of


@pytest.fixture
def classroom(tmp_path: Path) -> Path:
    """A made-up run without a GPU of what the class run has with one; the data of one task is another."""
    folder = write(tmp_path / "recorded", tasks=3, replicates=1, rounds=1)
    local = Path(shutil.copytree(folder, tmp_path / "local"))
    info = json.loads((local / "run.json").read_text())
    info["machine"] |= {"cpu": "Classroom <b>processor</b>", "gpus": [], "no_gpu_because": "no NVIDIA GPU"}
    (local / "run.json").write_text(json.dumps(info))
    lines = [json.loads(line) for line in (local / "records.jsonl").read_text().splitlines()]
    kept = [
        line | ({"data_hash": "other"} if line["task"].endswith("etl") else {})
        for line in lines
        if line["device"] == "cpu"
    ]
    (local / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    return local


def test_a_recorded_machine_is_laid_beside_under_its_own_name(text) -> None:
    arguments = AMD, "--beside", XEON
    page, document = text(*arguments, "--format", "html"), json.loads(text(*arguments, "--format", "json"))
    assert_says_the_same(page, document)
    assert document["schema"] == 1
    assert document["beside"]["run"]["machine"]["cpu"].startswith("Intel")
    said = section(page, "beside")
    assert "this run: AMD EPYC, 2 cores, no GPU" in said
    assert "recorded on Intel(R) Xeon(R) Processor, 2 cores, no GPU, 2026-11-27" in said
    assert "times of two machines, not a comparison of libraries" in said
    assert "its times come from 1 to 2 processes for each implementation" in said
    assert "1 process, busy machine" in said
    assert "processor AMD EPYC here, Intel(R) Xeon(R) Processor there" in said
    assert "speedup" not in said
    pairs = {pair["task"]: pair for pair in document["beside"]["pairs"]}
    assert list(pairs["nlp/classify"]["ratios"]) == ["cpu"]  # the same implementation is the fastest on both
    assert pairs["nlp/search"]["ratios"] == {}
    assert "another implementation is the fastest there" in said
    ratio = pairs["nlp/classify"]["ratios"]["cpu"]
    assert ratio["low"] < ratio["ratio"] < ratio["high"]
    (chart,) = (chart for chart in data(page)["charts"].values() if chart["spec"] == "beside")
    assert chart["settings"]["hereEnds"] != chart["settings"]["thereEnds"]  # an axis each


def data(page: str) -> Any:
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def test_a_class_without_a_gpu_sees_what_one_does(text, classroom) -> None:
    arguments = classroom, "--beside", classroom.parent / "recorded"
    page, document = text(*arguments, "--format", "html"), json.loads(text(*arguments, "--format", "json"))
    assert_says_the_same(page, document)
    said = section(page, "beside")
    assert "Classroom &lt;b&gt;processor&lt;/b&gt;, 8 cores, no GPU" in said
    assert "recorded on Stand-in processor, 8 cores, NVIDIA Stand-in 9000" in said
    assert "cuml (estimator@gpu)" in said
    assert "other data: its hash is other here, 0123456789abcdef there" in said
    etl = next(pair for pair in document["beside"]["pairs"] if pair["task"] == "tabular/etl")
    assert etl["ratios"] == {}
    shown = text(*arguments)
    assert "Beside a recorded machine" in shown
    assert "recorded on Stand-in processor" in shown
    assert "GPU" in shown.partition("Beside a recorded machine")[2]


def test_what_has_no_times_is_said_in_one_line(text) -> None:
    line = "is a rehearsal, which has no times, so there is nothing to lay beside"
    assert line in section(text(AMD, "--beside", REHEARSAL, "--format", "html"), "beside")
    assert line in " ".join(text(AMD, "--beside", REHEARSAL).split())
    assert "no task, dataset and size in common" in text(AMD, "--beside", REFERENCE / "2-cores-intel-xeon-image-lab")


def test_several_runs_are_shown_together_and_meet_in_one_section_only(text) -> None:
    page, document = (text(AMD, XEON, "--format", form) for form in ("html", "json"))
    document = json.loads(document)
    assert list(document) == ["schema", "runs", "beside"]
    assert document["runs"] == [json.loads(text(run, "--format", "json")) for run in (AMD, XEON)]
    assert_says_the_same(page, document)
    for number, processor in enumerate(("AMD EPYC", "Intel(R) Xeon(R) Processor")):
        whole = page.partition(f'<section id="run-{number}"')[2].partition('<section id="run-')[0]
        assert processor in whole.partition("</h2>")[0]
    assert "Beside each other" in page
    assert "not a comparison of libraries" in section(page, "beside-0")
    for form in ("console", "markdown"):
        shown = text(AMD, XEON, "--format", form)
        assert shown.index("AMD EPYC") < shown.index("Intel(R) Xeon")


def test_what_cannot_be_shown_together_is_refused_in_one_line(refused, tmp_path) -> None:
    runs = Path(shutil.copytree(AMD, tmp_path / "runs" / "only")).parent
    assert "there is nothing to lay beside it" in refused("report", AMD, "--beside", AMD)
    assert "no run in nothing: there is no such folder" in refused("report", AMD, "nothing", "--format", "html")
    assert "no run in nothing" in refused("report", AMD, "--beside", "nothing")
    assert "holds one run, and 2 were named" in refused("report", AMD, XEON, "--format", "pytest-benchmark")
    assert "--beside needs --format html, console or json" in refused(
        "report", AMD, "--beside", XEON, "--format", "markdown"
    )
    assert "name one run, or name all runs without --beside" in refused("report", AMD, XEON, "--beside", REHEARSAL)
    assert "cannot be written to a file" in refused("report", AMD, XEON, "-o", "page.txt")
    assert runs.is_dir()


def test_of_a_folder_of_runs_the_newest_is_shown(residency, tmp_path) -> None:
    shutil.copytree(AMD, tmp_path / "runs" / "newer")
    shutil.copytree(XEON, tmp_path / "runs" / "older")
    done = residency("report", XEON, tmp_path / "runs", "--format", "json")
    assert done.status == 0
    assert "taken: " in done.err
    assert [run["run"]["machine"]["cpu"] for run in done.json["runs"]] == ["Intel(R) Xeon(R) Processor", "AMD EPYC"]


def test_a_run_that_is_named_twice_or_copied_counts_once(residency, tmp_path) -> None:
    copy = shutil.copytree(AMD, tmp_path / "copy")
    once = residency("report", AMD, "--format", "csv").out
    for same, said in ((f"{AMD}/run.json", "is named twice: it counts once"), (copy, f"it is a copy of {AMD} (")):
        done = residency("report", AMD, same, "--format", "csv")
        assert (done.status, done.out) == (0, once)
        assert said in done.err
        assert len(done.err.splitlines()) == 1
    assert residency("report", AMD, "--beside", copy).status == 2
