"""Comparing two runs by the real command: every exit status, by real runs of work of a known length."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"


@pytest.fixture(scope="module")
def measure(residency_in, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A real run of the naps, its folder."""

    def run(*arguments: str, **environment: str) -> Path:
        folder: Path = tmp_path_factory.mktemp("run")
        done = residency_in(
            folder, "run", "steady", "--replicates", "5", "--rounds", "4", "--budget", "300", *arguments,
            RESIDENCY_SUITES=str(FIXTURES), **environment,
        )  # fmt: skip
        assert done.status == ("TEST_WRONG" in environment), done.err
        return next((folder / "results" / "runs").iterdir())

    return run


@pytest.fixture(scope="module")
def baseline(measure) -> Path:
    return measure()


def altered(run: Path, to: Path, change: Callable[[dict], None]) -> Path:
    """A copy of a run with `run.json` changed."""
    shutil.copytree(run, to)
    info = json.loads((to / "run.json").read_text())
    change(info)
    (to / "run.json").write_text(json.dumps(info))
    return to


def test_the_same_commit_twice_is_no_regression(residency, measure, baseline: Path) -> None:
    done = residency("compare", baseline, measure(), "--margin", "0.1")
    assert done.status == 0, done.out + done.err
    assert "no regression" in done.out
    assert done.out.count("equivalent (margin 10 %)") == 3


def test_a_slow_down_of_20_percent_is_a_regression(residency, measure, baseline: Path, tmp_path: Path) -> None:
    slow = measure(TEST_NAP="0.072")
    done = residency("compare", baseline, slow, "--margin", "0.1", "--junit", "out.xml", "--github")
    assert done.status == 1, done.out + done.err
    assert "::error title=steady/naps%2C answered at smoke%2C varying@cpu::slower: now / before 1." in done.out
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert suite.get("failures") == "1"
    assert suite.find("testcase/failure") is not None
    cells = {cell["implementation"]: cell for cell in residency("compare", baseline, slow, "--json").json["cells"]}
    assert cells["varying@cpu"]["kind"] == "slower"
    assert cells["varying@cpu"]["low"] > 1.05
    assert 1.12 < cells["varying@cpu"]["ratio"] < 1.28
    assert residency("compare", baseline, slow, "--margin", "0.1", "--task-margin", "steady/naps=0.5").status == 0
    assert residency("compare", slow, baseline, "--margin", "0.1").status == 0


@pytest.mark.slow
def test_a_regression_that_stays_is_confirmed(residency, measure, baseline: Path) -> None:
    slow = measure(TEST_NAP="0.09")
    environment = {"RESIDENCY_SUITES": str(FIXTURES), "TEST_NAP": "0.09"}
    done = residency("compare", baseline, slow, "--margin", "0.2", "--confirm", **environment)
    assert done.status == 1, done.out + done.err
    assert "measured again: confirmed" in done.out
    assert list(slow.parent.iterdir()) == [slow]  # the confirmation is a part of the run that it confirms
    (confirmation,) = slow.glob("confirmation-*")
    assert "varying@cpu" in residency("report", confirmation).out


@pytest.mark.slow
def test_a_regression_that_was_a_mishap_is_not(residency, measure, baseline: Path) -> None:
    mishap = measure(TEST_NAP="0.09")
    done = residency("compare", baseline, mishap, "--margin", "0.2", "--confirm", RESIDENCY_SUITES=str(FIXTURES))
    assert done.status == 0, done.out + done.err
    assert "at first, measured again: not confirmed" in done.out


@pytest.mark.slow
def test_other_code_cannot_confirm(residency, measure, baseline: Path, tmp_path: Path) -> None:
    slow = measure(TEST_NAP="0.09")
    shutil.copytree(FIXTURES / "steady", tmp_path / "suites" / "steady")
    file = tmp_path / "suites" / "steady" / "naps.py"
    file.write_text(file.read_text() + "# changed\n")
    suites = {"RESIDENCY_SUITES": str(tmp_path / "suites")}
    done = residency("compare", baseline, slow, "--margin", "0.2", "--confirm", **suites)
    assert done.status == 2
    assert "not those that" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.slow
def test_wrong_results_outrank_a_slow_down(residency, measure, baseline: Path) -> None:
    done = residency(
        "compare", baseline, measure("--replicates", "3", TEST_WRONG="yes", TEST_NAP="0.12"), "--margin", "0.1"
    )
    assert done.status == 4, done.out + done.err
    assert "  wrong: R²" in done.out


def test_unlike_machines_cannot_be_compared(residency, baseline: Path, tmp_path: Path) -> None:
    other = altered(baseline, tmp_path / "other", lambda info: info["machine"].update(cpu="Another", cores=64))
    done = residency("compare", baseline, other)
    assert done.status == 2
    assert "Unlike machines: processor" in done.out
    assert "Another" in done.out


def test_gpus_of_one_model_are_alike_and_others_are_not(residency, baseline: Path, tmp_path: Path) -> None:
    def with_gpu(name: str, uuid: str) -> Path:
        gpu = {"name": name, "memory_bytes": 24 * 2**30, "driver": "580.65.06", "uuid": uuid}
        return altered(baseline, tmp_path / uuid, lambda info: info["machine"].update(gpus=[gpu]))

    first, second, other = (
        with_gpu("NVIDIA L4", "GPU-1"),
        with_gpu("NVIDIA L4", "GPU-2"),
        with_gpu("NVIDIA A2", "GPU-3"),
    )
    assert residency("compare", first, second, "--margin", "0.1").status == 0
    done = residency("compare", first, other, "--margin", "0.1")
    assert done.status == 2
    assert "Unlike machines: GPUs NVIDIA L4 in the baseline, NVIDIA A2 now" in done.out


def test_runs_without_a_common_cell_cannot_be_compared(residency, baseline: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(baseline, other)
    for file in (other / "run.json", other / "records.jsonl"):
        file.write_text(file.read_text().replace("steady/naps", "steady/others"))
    done = residency("compare", baseline, other)
    assert done.status == 2
    assert "no cell in common" in done.out


def test_a_single_process_is_inconclusive(residency, measure, baseline: Path) -> None:
    done = residency("compare", baseline, measure("--replicates", "1"), "--margin", "0.05")
    assert done.status == 3, done.out
    assert "inconclusive" in done.out


def test_a_device_that_is_gone(residency, baseline: Path, tmp_path: Path) -> None:
    """The baseline is told to have run on a GPU that both machines are said to have and only one can use."""
    with_gpu = tmp_path / "with_gpu"
    shutil.copytree(baseline, with_gpu)
    records = [json.loads(line) for line in (with_gpu / "records.jsonl").read_text().splitlines()]
    kept = [record for record in records if record["implementation"] != "paired@gpu"]
    for record in kept:
        if record["implementation"] == "paired@cpu":
            record |= {"implementation": "paired@gpu", "device": "gpu"}
    (with_gpu / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in kept))
    done = residency("compare", with_gpu, baseline, "--margin", "0.1")
    assert done.status == 5, done.out
    assert "no device: unavailable: no NVIDIA GPU" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "nowhere"], "no run in nowhere"),
        (["--task-margin", "tabular/ridge"], "write it as tabular/ridge=0.1"),
        (["--task-margin", "steady/naps=-1"], "a margin is a fraction, 0 or more"),
        (["--task-margin", "steady/naps=nan"], "a margin is a fraction, 0 or more"),
        (["--task-margin", "steady/nap=0.1"], "the runs have no task `steady/nap`, only steady/naps"),
    ],
)
def test_bad_input(residency, baseline: Path, arguments: list[str], message: str) -> None:
    runs = [] if len(arguments) == 2 and arguments[0] == "nowhere" else [baseline, baseline]
    done = residency("compare", *runs, *arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.strip().splitlines()) == 1
