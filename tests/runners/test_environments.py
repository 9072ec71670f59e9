"""Implementations in environments of their own: other versions of libraries, beside this one in the same run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from residency.harness.discovery import Catalogue, Suites
from residency.harness.outcomes import Ending, Outcome
from residency.harness.task import Implementation
from residency.runners import environments, machine
from residency.runners.plan import unavailable
from tests.conftest import Residency

HOUSE = environments.HOUSE
TASK = """
import numpy as np
from residency.datasets.tabular.answered import answered
from residency.harness import Run, Task, quality
task = Task(datasets=[answered], sizes={"smoke": 2_000}, quality=quality.r2, tolerance=1e-3, floor=0.1)

@task.on_cpu("packaging.version")
def in_order(data, run, version):
    with run.stage("fit"):
        assert version.Version("1.10") > version.Version("1.9")
        np.linalg.solve(data.x.T @ data.x, data.x.T @ data.y)
    return data.expected_test
"""
DESCRIBED = """
[older]
why = "another packaging"
requirements = ["packaging==24.0"]
[changed]
requirements = ["packaging"]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task and a file of environments; none of them is made."""
    (tmp_path / "suites" / "lists").mkdir(parents=True)
    (tmp_path / "suites" / "lists" / "versions.py").write_text(TASK)
    (tmp_path / "environments.toml").write_text(DESCRIBED)
    monkeypatch.setenv("RESIDENCY_ENVIRONMENTS", str(tmp_path / "environments.toml"))
    return tmp_path


def run_in(own: Path, names: str, residency: Residency, *more: str):
    variables = {"RESIDENCY_ENVIRONMENTS": str(own / "environments.toml"), "RESIDENCY_SUITES": str(own / "suites")}
    given = ("--replicates", "2", "--rounds", "2", "--budget", "20", "--results", own / "runs", *more)
    return residency("run", "lists/versions", "--environments", names, *given, **variables)


def stands_for(name: str, code: Path) -> None:
    """Make the environment of this process, with other code of this project first on its path."""
    made = environments.environment(name)
    made.interpreter.parent.mkdir(parents=True)
    made.interpreter.write_text(f'#!/bin/sh\nPYTHONPATH="{code}" exec "{sys.executable}" "$@"\n')
    made.interpreter.chmod(0o755)
    (made.folder / environments.MADE).write_text(json.dumps({"definition": made.definition}))


def test_an_environment_that_is_not_made_names_the_command(own: Path, residency: Residency) -> None:
    rows = {row["implementation"]: row for row in run_in(own, "here,older", residency, "--json").json["rows"]}
    assert rows["in_order@cpu"]["outcome"] == "ok"
    assert rows["in_order+older@cpu"]["outcome"] == "unavailable"
    assert rows["in_order+older@cpu"]["reason"].endswith("is not here: python -m residency.runners.environments older")
    done = run_in(own, "odler", residency)
    assert done.status == 2
    assert "did you mean `older`?" in done.err


def test_in_an_environment_the_twin_is_named_as_it_runs_there(own: Path) -> None:
    pairs = """
@task.pair(cpu="numpy", gpu="cupy")
def both(data, run, xp): ...

@task.pair(cpu="numpy", gpu="cupy", environment={"gpu": "changed"})
def apart(data, run, xp): ...
"""
    (own / "suites" / "lists" / "versions.py").write_text(TASK + pairs)
    task = Catalogue([Suites(own / "suites")]).task("lists/versions")
    there = (task.within(one, "older") for one in task.implementations)
    assert {one.id: one.twin for one in there} == {
        "in_order+older@cpu": None,
        "both+older@cpu": "both+older@gpu",
        "both+older@gpu": "both+older@cpu",
        "apart+older@cpu": "apart+changed@gpu",
        "apart+changed@gpu": "apart+older@cpu",
    }


def test_why_not_is_said_without_asking_for_what_would_not_help(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task may name an environment that is not described here. Without a GPU, making one is not the first step."""
    assert own
    here = Implementation("f", "cpu", "numpy", len)
    assert unavailable(here.within("nobody")) == Ending(
        Outcome.UNAVAILABLE,
        "environment nobody is not described: residency doctor lists the environments, and RESIDENCY_ENVIRONMENTS=FILE "
        "names more",
    )
    monkeypatch.setattr(machine, "gpus", lambda: ([], "no GPU"))
    on_gpu = unavailable(Implementation("f", "gpu", "cupy", len).within("older"))
    assert on_gpu is not None
    assert on_gpu.reason.startswith("no GPU; environment older is not here: ")


def test_a_part_of_what_an_environment_asks_for_is_not_pinned() -> None:
    """The pins of `polars` and of `polars-runtime-32` would keep an older Polars away."""
    made = environments.environment("polars-gpu")
    assert not [line for line in made._constraints().splitlines() if line.startswith("polars")]
    assert [line for line in made._constraints().splitlines() if line.startswith("numpy==")]


def test_other_code_of_this_project_is_not_measured(own: Path, residency: Residency) -> None:
    rooms = own / "code" / "residency"
    rooms.mkdir(parents=True)
    for room in ("runners", "datasets", "suites"):
        (rooms / room).symlink_to(HOUSE / room)
    shutil.copytree(HOUSE / "harness", rooms / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    (rooms / "runners").unlink()
    shutil.copytree(HOUSE / "runners", rooms / "runners", ignore=shutil.ignore_patterns("__pycache__"))
    with (rooms / "harness" / "outcomes.py").open("a") as file:
        file.write("# another line\n")
    stands_for("changed", own / "code")
    (row,) = run_in(own, "changed", residency, "--json").json["rows"]
    assert row["outcome"] == "failed"
    assert "has other code of this project: make it again" in row["reason"]


def test_a_wrong_python_is_one_line_and_keeps_the_environment(own: Path) -> None:
    stands_for("older", own)
    make = [sys.executable, "-m", "residency.runners.environments", "older", "--python", "/nowhere/python"]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "environment older: /nowhere/python makes no environment: No such file or directory\n"
    assert not environments.environment("older").missing
    with pytest.raises(environments.UsageError, match="no environment `here`; there are: `changed`, `older`"):
        environments.environment("here")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[older", "is not TOML"),
        ("[Older]\nrequirements = ['numpy']", "a name has small letters"),
        ("[here]\nrequirements = ['numpy']", "is not `here`"),
        ("older = 3", "must be a table: [older]"),
        ("[older]\nrequirments = ['numpy']", "did you mean `requirements`?"),
        ("[older]", "requirements must be a list for pip"),
        ("[older]\nrequirements = 'numpy'", "requirements must be a list for pip"),
        ("[older]\nrequirements = ['numpy']\npython = '3'", "python must be a version such as '3.12', not '3'"),
        ("[older]\nrequirements = ['numpy']\npython = 3.12", "python must be a text, not 3.12"),
    ],
)
def test_a_mistake_in_a_description_is_one_line(own: Path, text: str, words: str) -> None:
    (own / "environments.toml").write_text(text)
    with pytest.raises(environments.UsageError, match=r"environments\.toml") as raised:
        environments.known()
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_two_environments_in_one_run(own: Path, residency: Residency) -> None:
    """pip makes a real one. Its worker tells what it has; its time is compared with that of the same lines here."""
    make = [sys.executable, "-m", "residency.runners.environments", "older"]
    made = subprocess.run(make, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    found = run_in(own, "here,older", residency, "--json").json
    rows = {row["implementation"]: row for row in found["rows"]}
    assert {name: row["outcome"] for name, row in rows.items()} == {"in_order@cpu": "ok", "in_order+older@cpu": "ok"}
    assert all(row["speedup"]["baseline"] in rows for row in rows.values())
    assert found["run"]["environments"]["older"]["versions"]["packaging"] == "24.0"
    assert found["run"]["environments"]["older"]["code"] == environments.code().hex()
    (own / "environments.toml").write_text(DESCRIBED.replace("24.0", "24.1"))
    (row,) = run_in(own, "older", residency, "--json").json["rows"]
    assert "is no longer as it is described" in row["reason"]
