"""The wheel holds the rooms' files and nothing else, and works in an empty environment away from the checkout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
ROOMS = ["commands", "labs", "planner", "studies", "reports", "analysis", "suites", "datasets", "runners", "harness"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(HERE / "build", ignore_errors=True)  # what an earlier build left would get into this one
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(HERE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return next(out.glob("*.whl"))


def tracked(room: str) -> set[str]:
    """The room's files: what git knows, where this is a checkout."""
    files = (HERE / room).rglob("*")
    return {
        f"residency/{file.relative_to(HERE)}" for file in files if file.is_file() and "__pycache__" not in file.parts
    }


def test_the_wheel_contains_exactly_the_rooms_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert inside == {file for room in ROOMS for file in tracked(room)}


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    install = [
        environment / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        HERE / "constraints.txt",
        wheel,
    ]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    arguments = ["run", "tabular/ridge", "--size", "smoke", "--replicates", "1", "--rounds", "2", "--json"]
    away = {**os.environ, "RESIDENCY_CACHE": str(tmp_path / "cache")}
    ran = subprocess.run(
        [environment / "bin" / "residency", *arguments],
        cwd=tmp_path,
        env=away,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    page = [environment / "bin" / "residency", "report", "--format", "html", "-o", "page.html"]
    subprocess.run(page, cwd=tmp_path, env=away, check=True)
    assert "expressionInterpreter" in (tmp_path / "page.html").read_text(encoding="utf-8")  # the wheel contains Vega
    rows = json.loads(ran.stdout)["rows"]
    assert {row["implementation"] for row in rows if row["outcome"] == "ok"} == {
        "normal_equations@cpu",
        "estimator@cpu",
    }
