"""What changes the speed of the CPU side: on record, warned of, and a reason not to compare."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from residency.harness import records
from residency.harness.environment import blas_of
from residency.runners import machine
from residency.runners.speed import environment_of_workers

RUN = (
    "run", "tabular/ridge", "--size", "1000", "--implementations", "normal_equations@cpu,estimator@cpu",
    "--replicates", "1", "--rounds", "1", "--json",
)  # fmt: skip
OLD = ("Prescott", "Katmai")  # processors: OpenBLAS may have the same code for both


def is_openblas() -> bool:
    blas = blas_of(environment_of_workers(1))
    return blas is not None and blas["name"] == "openblas" and blas["kernel"] not in {None, *OLD}


@pytest.fixture(scope="module")
def runs(residency_in, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path]:
    """A real run under a forced kernel, what it printed, and one without."""
    if not is_openblas():
        pytest.skip("needs a NumPy with OpenBLAS on a processor newer than Prescott")
    folder: Path = tmp_path_factory.mktemp("runs")
    forced = residency_in(folder, *RUN, "--name", "forced", OPENBLAS_CORETYPE="Prescott", MALLOC_ARENA_MAX="3")
    assert forced.status == 0, forced.err
    free = residency_in(folder, *RUN, "--name", "free", MALLOC_ARENA_MAX="3")
    assert free.status == 0, free.err
    assert "warning" not in free.err
    assert free.json["warnings"] == []
    return folder / forced.json["run"]["folder"], forced, folder / free.json["run"]["folder"]


@pytest.mark.slow
def test_a_forced_kernel_is_warned_of_and_recorded(runs, here) -> None:
    folder, done, _ = runs
    said = "OPENBLAS_CORETYPE is `Prescott`: OpenBLAS uses its code for "  # Prescott or Katmai, which share it
    assert f"warning: {said}" in done.err
    assert done.err.count("warning: ") == 1
    environment = done.json["run"]["environment"]
    assert {"OPENBLAS_CORETYPE": "Prescott", "MALLOC_ARENA_MAX": "3"}.items() <= environment["variables"].items()
    assert blas_of(environment)["kernel"] != environment["own_kernel"] is not None
    (warning,) = done.json["warnings"]
    assert (warning["variable"], warning["remedy"]) == ("OPENBLAS_CORETYPE", "unset OPENBLAS_CORETYPE")
    short = " ".join(here("report", folder).out.split())
    assert "OPENBLAS_CORETYPE slows a library" in short.partition("More: ")[0]
    assert f"! {said}" in short
    for form, table in (("--details", "Question: "), ("--format=markdown", "| implementation |")):
        first, _, rest = " ".join(here("report", folder, form).out.split()).partition(table)
        assert said in first
        assert "Remedy: unset OPENBLAS_CORETYPE, and measure again." in first
        assert "; NumPy computes with OpenBLAS " in rest
        assert "Environment: MALLOC_ARENA_MAX=3, " in rest
        assert "Workers had loaded " in rest


@pytest.mark.slow
def test_workers_tell_what_they_had_loaded(runs) -> None:
    folder, _, _ = runs
    schema = json.loads((Path(records.__file__).parent / "schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(json.loads((folder / "run.json").read_text()))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        validator.validate(line)
    outcomes = {line["implementation"]: line["pools"] for line in lines if line["kind"] == "outcome"}
    assert {pool["kind"] for pool in outcomes["normal_equations@cpu"]} == {"blas"}
    assert {pool["kind"] for pool in outcomes["estimator@cpu"]} == {"blas", "openmp"}
    kernels = {pool["kernel"] for pools in outcomes.values() for pool in pools if pool["name"] == "openblas"}
    assert blas_of(json.loads((folder / "run.json").read_text())["environment"])["kernel"] in kernels
    assert len(kernels) == 1


@pytest.mark.slow
def test_runs_of_unlike_environments_are_not_compared(runs, here) -> None:
    forced, _, free = runs
    done = here("compare", free, forced)
    assert done.status == 2, done.out
    text = " ".join(done.out.split())
    assert (
        "Unlike environments, which change speed: OPENBLAS_CORETYPE unset in the baseline, Prescott now; BLAS kernel "
        in text
    )
    assert "Remedy: measure one of them again in the environment of the other (that of the baseline: unset " in text
    assert json.loads(here("compare", free, forced, "--json").out)["unlike"][0].startswith("OPENBLAS_CORETYPE unset")


@pytest.mark.slow
def test_a_run_is_gone_on_with_in_its_own_environment(runs, here, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    done = here("run", "--resume", copy, "--replicates", "2")
    assert done.status == 2
    assert "was measured in another environment, which changes speed: " in done.err
    assert "OPENBLAS_CORETYPE Prescott then, unset now. " in done.err
    assert "Remedy: export MALLOC_ARENA_MAX=3; export OPENBLAS_CORETYPE=Prescott" in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.fixture
def compared(here, made_run, made) -> Callable[..., Any]:
    """Compare two runs that differ in their environment alone."""

    def compare(before: dict[str, Any], after: dict[str, Any], *more: str) -> Any:
        folders = [
            made_run(name, made("equations@cpu"), environment=environment)
            for name, environment in (("before", before), ("after", after))
        ]
        return here("compare", *folders, *more)

    return compare


def environment(kernel: str = "SkylakeX", version: str = "0.3.31", **variables: str) -> dict[str, Any]:
    pool = {"kind": "blas", "name": "openblas", "version": version, "kernel": kernel, "threads": 16, "file": "a/b"}
    return {"variables": variables, "limits": {}, "pools": [{**pool, "layer": None}], "own_kernel": None}


def test_a_variable_that_changes_speed_forbids_a_comparison_and_is_named(compared) -> None:
    done = compared(environment(OMP_WAIT_POLICY="passive"), environment(), "--github")
    assert done.status == 2
    assert "Unlike environments, which change speed: OMP_WAIT_POLICY passive in the baseline, unset now" in done.out
    assert "(that of the baseline: export OMP_WAIT_POLICY=passive)" in done.out
    assert "::error title=residency compare::the runs cannot be compared. Unlike environments" in done.out


def test_another_kernel_of_the_same_blas_forbids_one(compared) -> None:
    done = compared(environment(), environment("Haswell"))
    assert done.status == 2
    assert (
        "BLAS kernel SkylakeX in the baseline, Haswell now. Remedy: measure one of them again in the environment of"
        in done.out
    )


def test_another_version_of_a_blas_is_said(compared) -> None:
    done = compared(environment(), environment(version="0.3.32"))
    assert done.status == 0, done.out
    assert "BLAS OpenBLAS 0.3.31 (SkylakeX) in the baseline, OpenBLAS 0.3.32 (SkylakeX) now" in done.out


def test_an_older_run_does_not_tell_and_is_compared(compared) -> None:
    done = compared({}, environment(OPENBLAS_CORETYPE="Prescott"))
    assert done.status == 0, done.out
    assert "what differs" not in done.out


def test_a_record_without_these_facts_is_read(made_run, made) -> None:
    folder = made_run("older", made("equations@cpu"))
    path = folder / "run.json"
    kept = json.loads(path.read_text())
    del kept["environment"]
    path.write_text(json.dumps(kept))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        line.pop("pools", None)
    (folder / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = records.read(folder)
    assert run.info.environment == {}
    assert all(outcome.pools == [] for outcome in run.outcomes)


def test_doctor_warns_too(here, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "NUMBA_DISABLE_JIT": "1",
        "POLARS_CLOUD_CLIENT_SECRET": "hidden",
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    done = here("doctor", "--json")
    told = json.loads(done.out)
    assert [one["variable"] for one in told["warnings"]] == ["NUMBA_DISABLE_JIT"]
    assert told["environment"]["variables"]["NUMBA_DISABLE_JIT"] == "1"
    assert "hidden" not in done.out
    assert {pool["kind"] for pool in told["environment"]["pools"]} == {"blas", "openmp"}
    shown = here("doctor").out
    assert "NUMBA_DISABLE_JIT is `1`: Numba compiles nothing, and Python runs the functions." in shown
    assert "unset NUMBA_DISABLE_JIT" in shown
    assert "hidden" not in shown


def test_doctor_counts_what_is_alike_and_names_all_when_asked(here) -> None:
    states = json.loads(here("doctor", "--json").out)["implementations"]
    names = {f"{one['task']}:{one['implementation']}" for one in states if one["unavailable"]}
    short, long = (" ".join(here("doctor", *more).out.split()) for more in ((), ("--all",)))
    assert len(names) > 10
    assert all(name in long for name in names)
    assert sum(name in short for name in names) < 10  # a few that have a reason of their own
    assert "cannot run here: " in short
    assert "can run here" in short


@pytest.mark.slow
def test_more_threads_than_cores_are_warned_of(residency) -> None:
    more = str(machine.cores() + 1)
    done = residency(*RUN, "--threads", more)
    assert done.status == 0, done.err
    assert f"warning: --threads is `{more}`: " in done.err
