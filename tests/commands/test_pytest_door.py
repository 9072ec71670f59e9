"""The suites as pytest benchmarks, and runs in pytest-benchmark's own format, read by the real pytest-benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent.parent


def pytest_run(environment: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """One of its own: benchmarks are off in a pytest that is one of several."""
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]
    return subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_implementations_are_benchmarks_that_existing_tools_read(environment, residency, tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    began = time.monotonic()
    ran = pytest_run(environment, "--residency", "tabular/ridge", "--rounds", "3", "--benchmark-json", first)
    took = time.monotonic() - began
    assert ran.returncode == 0, ran.stdout + ran.stderr
    benchmarks = json.loads(first.read_text())["benchmarks"]
    found = {one["extra_info"]["implementation"]: one for one in benchmarks}
    assert found.keys() >= {"normal_equations@cpu", "estimator@cpu"}
    one = found["normal_equations@cpu"]
    assert one["stats"]["rounds"] == 3
    assert 0 < 3 * one["stats"]["median"] < took  # seconds, whatever the machine does meanwhile
    assert 0.49 < one["extra_info"]["quality"] < 0.5
    done = residency("run", "tabular/ridge", "--replicates", "1", "--rounds", "3")
    assert done.status == 0, done.err
    exported = residency("report", "--format", "pytest-benchmark", "-o", second)
    assert exported.status == 0, exported.err
    tool = [str(Path(sys.executable).parent / "pytest-benchmark"), "compare", str(first), str(second)]
    compared = subprocess.run(tool, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert compared.returncode == 0, compared.stderr
    for expected in ("normal_equations@cpu", "estimator@cpu", "Median"):
        assert expected in compared.stdout
    assert compared.stdout.count("normal_equations@cpu") == 2


def test_markers_choose_devices_and_topics(environment) -> None:
    listed = pytest_run(environment, "--residency", "all", "-m", "gpu and tabular", "--collect-only", "-q")
    assert "normal_equations@gpu" in listed.stdout
    assert "@cpu" not in listed.stdout


def test_what_does_not_exist_is_named(environment) -> None:
    ran = pytest_run(environment, "--residency", "tabular/rigde")
    assert ran.returncode == 4
    assert "did you mean `tabular/ridge`" in ran.stdout + ran.stderr
