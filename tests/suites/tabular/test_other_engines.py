"""Spark, MPI and Ray beside other engines: what is said where one is missing, and the same result by each."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.tabular.linear import linear
from residency.harness import Run
from residency.harness.discovery import Catalogue
from residency.harness.execute import execute
from residency.harness.outcomes import Ending, Outcome
from residency.runners.plan import unavailable
from residency.suites import SHIPPED
from residency.suites._mpi import READY, ranks
from residency.suites.tabular.ridge import products
from residency.suites.tabular.ridge import task as ridge
from tests.conftest import Residency

CATALOGUE = Catalogue([SHIPPED])
IS_HERE = {name: importlib.util.find_spec(name) is not None for name in ("mpi4py", "pyspark", "ray")}
JAVA = bool(shutil.which("java") or os.environ.get("JAVA_HOME"))
needs_spark = pytest.mark.skipif(not (IS_HERE["pyspark"] and JAVA), reason="needs Java and the extra `spark`")
needs_mpi = pytest.mark.skipif(not (IS_HERE["mpi4py"] and shutil.which("mpirun")), reason="needs mpirun and `mpi`")
needs_ray = pytest.mark.skipif(not IS_HERE["ray"], reason="needs the extra `ray`")


@pytest.mark.parametrize(
    ("name", "implementation", "engine", "extra"),
    [
        ("etl", "spark", "pyspark", "spark"),
        ("ridge", "message_passing", "mpi4py", "mpi"),
        ("tuning", "ray_halving", "ray", "ray"),
        ("tuning", "ray_random_search", "ray", "ray"),
    ],
)
def test_without_its_engine_the_reason_is_the_command_that_installs_it(
    name: str, implementation: str, engine: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == engine else find(module))
    why = unavailable(CATALOGUE.task(f"tabular/{name}").implementation(f"{implementation}@cpu"))
    assert why is not None
    assert why.outcome is Outcome.UNAVAILABLE
    assert "pip install" in why.reason
    assert why.reason.endswith(f"[{extra}]'")


@pytest.fixture
def by_ranks(tmp_path: Path, make: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Ending]:
    """How ridge by MPI ends if `mpirun` is another program, or none; whether mpi4py is installed or not."""
    implementation = replace(ridge.implementation("message_passing@cpu"), library="numpy")
    monkeypatch.setenv("PATH", str(tmp_path))

    def run(does: str) -> Ending:
        if does:
            (tmp_path / "mpirun").write_text(f"#!/bin/sh\n{does}\n")
            (tmp_path / "mpirun").chmod(0o755)
        return execute(ridge, implementation, make(linear, 100), dataset="linear", threads=2).ending

    return run


@pytest.mark.parametrize(("does", "words"), [("", "no mpirun found"), ("exit 7", "no ranks (exit status 7)")])
def test_where_no_ranks_start_the_reason_says_how_to_install_mpi(
    by_ranks: Callable[[str], Ending], does: str, words: str
) -> None:
    ending = by_ranks(does)
    assert ending.outcome is Outcome.UNAVAILABLE
    assert words in ending.reason
    assert "apt-get install openmpi-bin libopenmpi-dev" in ending.reason


def test_ranks_that_die_at_work_are_a_failure(by_ranks: Callable[[str], Ending]) -> None:
    ending = by_ranks(f"echo '{READY.decode().strip()}'; exit 9")
    assert ending.outcome is Outcome.FAILED
    assert "ended with status 9" in ending.reason


def test_the_files_of_mpirun_lie_in_a_folder_that_is_removed(by_ranks: Callable[[str], Ending], tmp_path: Path) -> None:
    """The folder has a lock: if the process is killed, a later one removes the folder."""
    told = tmp_path / "told"
    by_ranks(f"echo $TMPDIR > {told}; echo $OMPI_MCA_btl_vader_backing_directory >> {told}; exit 7")
    session, shared = map(Path, told.read_text().split())
    assert session == shared
    assert session.name.startswith("residency-mpi-")
    assert not session.exists()


def rows_of(residency: Residency, name: str, *implementations: str, size: int = 5_000, **variables: str) -> Any:
    """What a run of these implementations says of each, on one thread."""
    done = residency(
        "run", f"tabular/{name}", "--devices", "cpu", "--implementations", ",".join(implementations), "--size", size,
        "--threads", "1", "--replicates", "1", "--rounds", "2", "--json", **variables,
    )  # fmt: skip
    assert done.status == 0, done.out + done.err
    rows = {row["implementation"].removesuffix("@cpu"): row for row in done.json["rows"]}
    assert {row["outcome"] for row in rows.values()} == {"ok"}, rows
    return rows


@needs_spark
@pytest.mark.slow
def test_spark_finds_the_table_wherever_its_clock_is_set(residency: Residency) -> None:
    """Trips have no time zone: one with a summer time must not move them."""
    rows = rows_of(residency, "etl", "spark", size=20_000, TZ="America/New_York")
    assert rows["spark"]["quality"] == 1.0


@needs_spark
@pytest.mark.slow
def test_a_virtual_machine_without_memory_is_no_failure_of_ours(residency: Residency) -> None:
    """Java ends and says so; PySpark only finds that nobody answers."""
    done = residency("run", "tabular/etl", "--implementations", "spark", "--size", 20_000, "--memory", "0.6", "--json")
    (row,) = done.json["rows"]
    assert row["outcome"] == "out_of_memory"
    assert "There is insufficient memory for the Java Runtime Environment" in row["reason"]


@needs_mpi
@pytest.mark.slow
def test_ranks_find_what_one_process_finds(residency: Residency) -> None:
    rows = rows_of(residency, "ridge", "message_passing", "normal_equations")
    assert rows["message_passing"]["quality"] == pytest.approx(rows["normal_equations"]["quality"], abs=1e-5)
    assert set(rows["message_passing"]["stages"]) >= {"share", "start", "fit", "stop", "predict"}


@needs_mpi
@pytest.mark.slow
def test_more_ranks_than_rows(make: Callable) -> None:
    data = make(linear, 20)
    few = replace(data, x=data.x[:2], y=data.y[:2])
    with ranks(Run("cpu", threads=3), products, few.x, few.y) as added_up:
        sums = added_up()
    np.testing.assert_allclose(sums[:, :-1], few.x.T @ few.x, rtol=1e-5, atol=1e-6)


@needs_ray
@pytest.mark.slow
def test_ray_trains_the_same_trials(residency: Residency) -> None:
    rows = rows_of(residency, "tuning", "ray_random_search", "random_search")
    ray, here = rows["ray_random_search"], rows["random_search"]
    assert ray["figures"] == pytest.approx(here["figures"], abs=1e-6)
    assert ray["quality"] == pytest.approx(here["quality"], abs=1e-6)


@needs_ray
@pytest.mark.slow
def test_rays_halving_stops_most_trials_early(residency: Residency) -> None:
    (row,) = rows_of(residency, "tuning", "ray_halving").values()
    assert 81 * 3 + 81 <= row["figures"]["boosting_rounds"] < 81 * 81 / 2
