"""What a gate meets: updated drivers, lost GPUs, named runs, reasons that hold anything. Runs are written by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from residency.analysis import tiers

NASTY = "RuntimeError: \x1b[31mbad\x1b[0m \x00, 100 % :: a, b\r\n]]> <&\"' \udc80 \ufffe \x85 ü"


@pytest.fixture
def both(made_run, made):
    """Write two runs of a CPU and a GPU implementation; what differs between them is their machines' GPUs."""

    def write(before: dict, after: dict, *cells, **facts) -> tuple[Path, Path]:
        cells = cells or (made("equations@cpu"), made("equations@gpu", 0.1))
        first = made_run("base", *cells, machine=before)
        return first, made_run("cur", *cells, machine=after, **facts)

    return write


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"driver": "595.10"}, "GPU driver 580.65.06 in the baseline, 595.10 now"),
        ({"cuda": 13010}, "CUDA of the driver 13.0 in the baseline, 13.1 now"),
        ({"persistence": False}, "GPU persistence mode on in the baseline, off now"),
        ({"pcie_width": 8}, "PCIe width 16 in the baseline, 8 now"),
        ({"uuid": "GPU-2", "memory_bytes": 85_899_345_920}, ""),  # another board; what the driver keeps differs
        ({"name": "H100 80GB HBM3"}, ""),  # as older drivers call it
        ({"mig": None}, ""),  # not told
    ],
)
def test_what_may_change_about_a_gpu_is_said(here, both, h100, change: dict, said: str) -> None:
    done = here("compare", *both(h100(), h100(change)))
    assert done.status == 0, done.out
    assert said in done.out
    assert ("what differs" in done.out) == bool(said)


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"system": "Linux 6.8.0-51"}, "system Linux 6.8.0-45 in the baseline, Linux 6.8.0-51 now"),
        ({"python": "3.12.4"}, "Python 3.12.3 in the baseline, 3.12.4 now"),
        ({"memory_bytes": 64 * 2**30}, "memory 128 GiB in the baseline, 64.0 GiB now"),
        ({"memory_bytes": 128 * 2**30 - 4096, "host": "fv-az99-1"}, ""),
        ({"cores_in_machine": 64}, "cores of the machine 128 in the baseline, 64 now"),
    ],
)
def test_what_may_change_about_a_machine_is_said(here, both, machine: dict, said: str) -> None:
    done = here("compare", *both({}, machine))
    assert done.status == 0, done.out
    assert said in done.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "NVIDIA A100-SXM4-80GB"}, "GPUs NVIDIA H100 80GB HBM3 in the baseline, NVIDIA A100-SXM4-80GB now"),
        (
            {"memory_bytes": 100_000_000_000},
            "NVIDIA H100 80GB HBM3 (79.6 GiB) in the baseline, NVIDIA H100 80GB HBM3 (93.1 GiB) now",
        ),
        ({"mig": True}, "(79.6 GiB) in the baseline, NVIDIA H100 80GB HBM3 (79.6 GiB, MIG on) now"),
        ({"name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "memory_bytes": 10_200_547_328}, "MIG 1g.10gb"),
    ],
)
def test_another_gpu_is_refused_with_both_and_the_remedy(here, both, h100, change: dict, said: str) -> None:
    done = here("compare", *both(h100(), h100(change)))
    assert done.status == 2
    assert "Unlike machines: GPUs NVIDIA H100 80GB HBM3" in done.out
    assert said in done.out
    assert (
        "Remedy: measure the baseline (commit 0123456789ab) again on the current run's machine: residency run"
        in done.out
    )


def test_the_order_of_gpus_is_no_difference_and_their_number_is(here, both, h100, made_run, made) -> None:
    l4, first = {"name": "NVIDIA L4", "memory_bytes": 24 * 10**9}, {}
    runs = both(h100(first, l4), h100(l4, first))
    done = here("compare", *runs)
    assert done.status == 0
    assert (
        "order of the GPUs NVIDIA H100 80GB HBM3, NVIDIA L4 in the baseline, NVIDIA L4, NVIDIA H100 80GB HBM3 now"
        in done.out
    )
    one = made_run("one", made("equations@cpu"), machine=h100(first))
    two = made_run("two", made("equations@cpu"), machine=h100(first, {"uuid": "GPU-2"}))
    done = here("compare", two, one)
    assert done.status == 2
    assert "GPUs 2 × NVIDIA H100 80GB HBM3 in the baseline, NVIDIA H100 80GB HBM3 now" in done.out


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"threads": 8}, "threads 16 in the baseline, 8 now"), ({"gate": True}, "gate mode off in the baseline, on now")],
)
def test_runs_measured_in_unlike_ways_are_refused(here, both, settings: dict, said: str) -> None:
    done = here("compare", *both({}, {}, settings={"threads": 16, **settings}))
    assert done.status == 2
    assert f"Measured in unlike ways: {said}. Remedy: measure one of them again with" in done.out


def test_a_gpu_that_is_gone(here, made_run, made, h100) -> None:
    cells = made("equations@cpu"), made("equations@gpu", 0.1)
    lost = made("equations@gpu", outcome="unavailable", reason="no NVIDIA GPU on this machine")
    before = made_run("before", *cells, machine=h100())
    done = here("compare", before, made_run("after", cells[0], lost))
    assert done.status == 5, done.out
    assert "The baseline used a device that this machine lacks: NVIDIA H100 80GB HBM3" in done.out
    assert "1 equivalent, 1 without their device. " in done.out
    assert here("compare", before, made_run("cpu_only", cells[0])).status == 5  # as by --devices cpu
    other = made_run("other", made("equations@cpu"), machine={"cpu": "Intel Xeon"})
    done = here("compare", before, other, "--github")
    assert done.status == 5
    assert (
        "Nothing else can be compared: unlike machines: processor AMD EPYC 9554 in the baseline, Intel Xeon now"
        in done.out
    )
    assert "::error title=residency compare::The baseline used a device" in done.out
    assert "::warning title=tabular/ridge%2C linear at lab%2C equations@gpu::no device: " in done.out


def test_what_is_seen_on_the_processor_outranks_a_gpu_that_is_gone(here, made_run, made, h100) -> None:
    cells = made("equations@cpu"), made("equations@gpu", 0.1)
    before = made_run("before", *cells, machine=h100())
    slower = here("compare", before, made_run("slower", made("equations@cpu", 1.5)))
    assert slower.status == 1
    assert "1 slower, 1 without their device. " in slower.out
    wrong = here("compare", before, made_run("wrong", made("equations@cpu", outcome="wrong", reason="R² 0.1")))
    assert wrong.status == 4


def test_a_gpu_that_nothing_ran_on_is_not_missed(here, made_run, made, h100) -> None:
    only = made("equations@cpu")
    with_gpu, without = made_run("with", only, machine=h100()), made_run("without", only)
    done = here("compare", with_gpu, without)
    assert done.status == 0
    assert "GPUs NVIDIA H100 80GB HBM3 in the baseline, none now" in done.out
    assert here("compare", without, with_gpu).status == 0


def test_a_library_that_is_gone_is_no_device_that_is(here, made_run, made, h100) -> None:
    before = made_run("before", made("equations@cpu"), made("equations@gpu", 0.1), machine=h100())
    lost = made("equations@gpu", outcome="unavailable", reason="cupy is not installed")
    done = here("compare", before, made_run("after", made("equations@cpu"), lost, machine=h100()))
    assert done.status == 3
    assert "missing: unavailable: cupy is not installed" in done.out
    assert "were not measured in the current run" in done.out


def test_runs_of_other_work_are_refused_by_what_they_hold(here, made_run, made) -> None:
    first, second = made_run("a", made("x@cpu", task="tabular/etl")), made_run("b", made("x@cpu"))
    done = here("compare", first, second)
    assert done.status == 2
    assert "the baseline measured tabular/etl (linear, lab), the current run tabular/ridge (linear, lab)" in done.out
    other = made_run("other", made("x@cpu", data_hash="fedcba9876543210"))
    assert "the data is not the same: hash 01234567 in the baseline, fedcba98 now" in here("compare", second, other).out


@pytest.fixture
def nasty(made_run, made) -> tuple[Path, Path]:
    cells = made("fast@cpu"), made("crash@cpu"), made("wrong@cpu"), made("slow@cpu"), made("lost@cpu")
    now = (
        cells[0],
        made("crash@cpu", outcome="failed", reason=NASTY),
        made("wrong@cpu", outcome="wrong", reason=NASTY),
        made("slow@cpu", 2.0),
        made("added@cpu"),
    )
    return made_run("base", *cells), made_run("cur", *now)


def test_junit_holds_any_reason(here, nasty, tmp_path: Path) -> None:
    assert here("compare", *nasty, "--junit", "out.xml").status == 4
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "2", "errors": "1", "skipped": "2",
    }  # fmt: skip
    results = {case.get("name"): next((child for child in case), None) for case in suite.iter("testcase")}
    kinds = {name: None if found is None else (found.tag, found.get("type")) for name, found in results.items()}
    assert kinds == {
        "linear, lab, fast@cpu": None,
        "linear, lab, crash@cpu": ("error", "failed"),
        "linear, lab, wrong@cpu": ("failure", "wrong"),
        "linear, lab, slow@cpu": ("failure", "slower"),
        "linear, lab, lost@cpu": ("skipped", "missing"),
        "linear, lab, added@cpu": ("skipped", "new"),
    }
    message = results["linear, lab, crash@cpu"].get("message")
    assert message.startswith(
        "failed: RuntimeError: \\x1b[31mbad\\x1b[0m \\x00, 100 % :: a, b\r\n]]> <&\"' \\udc80 \\ufffe"
    )
    assert float(suite.find("testcase[@name='linear, lab, fast@cpu']").get("time")) == pytest.approx(1.0, rel=0.01)
    assert float(suite.get("time")) > 1.0


def test_junit_of_runs_that_cannot_be_compared_is_an_error(here, both, tmp_path: Path) -> None:
    assert here("compare", *both({}, {"cpu": "Intel Xeon"}), "--junit", "out.xml").status == 2
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    assert "Unlike machines: processor" in suite.find("testcase/error").get("message")


def read_as_github_does(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command: its level, its properties and its message."""
    level, properties, message = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()
    pairs = [pair.split("=", 1) for pair in properties.split(",")]
    return level, {name: unquote(value) for name, value in pairs}, unquote(message)


def test_annotations_hold_any_reason(here, nasty) -> None:
    done = here("compare", *nasty, "--github")
    commands = [read_as_github_does(line) for line in done.out.split("\n") if line.startswith("::")]
    assert [level for level, _, _ in commands] == ["error", "error", "error", "warning"]
    assert commands[0][1] == {"title": "tabular/ridge, linear at lab, crash@cpu"}
    assert commands[0][2].startswith("failed: RuntimeError: \\x1b[31mbad\\x1b[0m \\x00, 100 % :: a, b\r\n]]>")
    assert "100 %25 :: a, b%0D%0A]]>" in done.out
    apart = here("compare", *nasty, "--github", "--json")
    assert json.loads(apart.out)["status"] == 4
    assert apart.err.count("::error title=") == 3


def test_json_is_complete(here, both, h100) -> None:
    done = here("compare", *both(h100(), h100({"driver": "595.10"})), "--json", "--margin", "0.1")
    found = json.loads(done.out)
    assert (found["schema"], found["status"], found["status_name"], found["margin"]) == (1, 0, "same", 0.1)
    assert found["differences"] == ["GPU driver 580.65.06 in the baseline, 595.10 now"]
    assert found["runs"]["current"]["machine"]["gpus"][0]["driver"] == "595.10"
    assert {cell["kind"] for cell in found["cells"]} == {"equivalent"}


def test_a_folder_of_runs_is_its_newest_by_the_start(here, made_run, made) -> None:
    cell = made("equations@cpu")
    newest = made_run("runs/a-copy", cell, started="2027-03-01T00:00:00.000Z")
    made_run("runs/z-older", cell, started="2027-02-01T00:00:00.000Z")
    made_run("runs/a-copy/confirmation-1", cell, started="2027-04-01T00:00:00.000Z")
    base = made_run("base", made("equations@cpu", 0.5))
    done = here("compare", base, "runs")
    assert done.status == 1
    assert "taken: runs/a-copy, started 2027-03-01T00:00:00.000Z, the newest of 2 runs in runs" in done.err
    assert "runs/a-copy" in here("report", "runs").err
    assert json.loads(here("report", "--results", "runs", "--format", "json").out)["run"]["folder"] == "runs/a-copy"
    done = here("compare", newest, "runs")
    assert done.status == 2
    assert "are the same run, " in done.err
    (newest.parent / "broken").mkdir()
    (newest.parent / "broken" / "run.json").write_text("{")
    done = here("compare", base, "runs")
    assert done.status == 1
    assert "left out: runs/broken/run.json: damaged" in done.err


def test_a_confirmation_proves_nothing_twice(made_run, made, tmp_path: Path) -> None:
    run = made_run("runs/a", made("x@cpu"))
    made_run("runs/a/confirmation-1", made("x@cpu"))
    deeper = made_run("runs/more/b", made("x@cpu"))
    assert tiers.runs_in(tmp_path / "runs") == [run, deeper]


def test_a_run_is_found_by_its_name(here, made_run, made) -> None:
    made_run("results/runs/1-baseline", made("x@cpu"), name="baseline", started="2027-01-02T00:00:00.000Z")
    made_run("results/runs/2-baseline", made("x@cpu", 9.0), name="baseline", started="2027-01-01T00:00:00.000Z")
    made_run("results/runs/3", made("x@cpu", 1.0), name="after", started="2027-01-03T00:00:00.000Z")
    done = here("compare", "baseline", "after")
    assert done.status == 0, done.err
    assert "taken: results/runs/1-baseline, started 2027-01-02T00:00:00.000Z, the newest of 2 runs named b" in done.err
    assert here("compare", "baseline", "results/runs").status == 0
    assert here("report", "after").status == 0
    done = here("compare", "basline", "after")
    assert done.status == 2
    assert "and there is no run in results/runs named `basline`; did you mean `baseline`?" in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert "no run in runs has a name" in here("compare", "baseline", "after", "--results", "runs").err
    assert "there is no such folder" in here("report", "somewhere/else").err


@pytest.mark.parametrize("name", ["", "a/b", "..", ".", "-x", "two words", "ü", "line\nend", "x" * 65])
def test_a_name_that_is_none_is_refused(here, tmp_path: Path, name: str) -> None:
    done = here("run", "tabular/ridge", f"--name={name}")
    assert done.status == 2
    assert f"--name {name!r}: use up to 64 letters" in done.err
    assert not (tmp_path / "results").exists()


def test_a_named_run_says_so_in_its_folder_and_in_its_record(residency, tmp_path: Path) -> None:
    done = residency(
        "run", "tabular/ridge", "--name", "before-1.2", "--size", "100", "--replicates", "1", "--rounds", "1",
        "--implementations", "normal_equations@cpu",
    )  # fmt: skip
    assert done.status == 0, done.err
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert folder.name.endswith("-before-1.2")
    assert json.loads((folder / "run.json").read_text())["name"] == "before-1.2"
    assert residency("report", "before-1.2").status == 0
    assert residency("run", "--resume", "before-1.2").status == 0
    refused = residency("run", "--resume", folder, "--name", "other")
    assert refused.status == 2
    assert "leave out --name" in refused.err
