"""A dataset's file is touched: data and measurements of its own topic are made anew, those of others stay."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent.parent.parent
ROOMS = ("commands", "studies", "reports", "analysis", "suites", "datasets", "runners", "harness")
MAIN = "from residency.commands.start import main; main()"
TASKS = {"foundations/launch": "generator_states", "tabular/ridge": "linear"}
ASKED = ["--implementations", "arrays_step_by_step,normal_equations", "--devices", "cpu"]
BRIEF = ["--size", "smoke", "--replicates", "1", "--rounds", "1", "--budget", "600"]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The project's code, to be changed, as it lies where a wheel is installed."""
    package = tmp_path / "installed" / "residency"
    for room in ROOMS:
        shutil.copytree(HERE / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def test_the_topics_of_others_stay_valid(copied: Path, environment: dict[str, str], tmp_path: Path) -> None:
    where = {**environment, "RESIDENCY_CACHE": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    where["PYTHONPATH"] = os.pathsep.join([str(copied.parent), *filter(None, [environment.get("PYTHONPATH")])])

    def run(*arguments: str) -> str:
        command = [sys.executable, "-c", MAIN, "run", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def made() -> dict[str, int]:
        folders = [folder.name for folder in (tmp_path / "cache" / "data").iterdir()]
        return {name: sum(folder.startswith(f"{name}-") for folder in folders) for name in TASKS.values()}

    def touch(name: str) -> list[str]:
        """Touch a file; which tasks are measured again for it."""
        file = copied / name
        file.write_text(f"{file.read_text(encoding='utf-8')}\n# touched\n", encoding="utf-8")
        said = run("--resume", str(next(tmp_path.glob("results/runs/*"))))
        return [task for task in TASKS if any(task in line and "have changed" in line for line in said.splitlines())]

    run(*TASKS, *ASKED, *BRIEF)
    assert made() == {"generator_states": 1, "linear": 1}
    assert touch("datasets/foundations/generator_states.py") == ["foundations/launch"]
    assert made() == {"generator_states": 2, "linear": 1}
    assert touch("datasets/tabular/table.py") == ["tabular/ridge"]  # that linear.py imports
    assert made() == {"generator_states": 2, "linear": 2}
    assert touch("datasets/image/shapes.py") == []
    assert touch("runners/turn.py") == list(TASKS)  # what measures
    assert made() == {"generator_states": 2, "linear": 2}
