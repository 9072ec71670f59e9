"""docs/own-task.md does what it says: its files are written and its commands run, in the order of the page."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import command

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent.parent / "docs" / "own-task.md"
BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHORT = " --devices cpu --replicates 1 --rounds 1 --threads 1 --details"


def blocks() -> Iterator[tuple[str, str, str]]:
    return iter(BLOCK.findall(PAGE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def said(environment, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block of commands wrote."""
    folder = tmp_path_factory.mktemp("page")
    tools = {"PATH": f"{Path(command()[0]).parent}{os.pathsep}{environment['PATH']}", "RESIDENCY_SUITES": "my"}
    written = []
    for language, more, text in blocks():
        if language == "python":
            (folder / more).parent.mkdir(parents=True, exist_ok=True)
            (folder / more).write_text(text)
            continue
        script = re.sub(r"^(residency run .*)$", rf"\1{SHORT}", text, flags=re.MULTILINE)
        done = subprocess.run(
            ["bash", "-ec", script],
            cwd=folder,
            env={**environment, **tools},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (1 if more == "fails" else 0), script + done.stdout + done.stderr
        written.append(done.stdout)
    return written


def test_eight_lines_stand_beside_the_shipped_implementations(said: list[str]) -> None:
    _, more, text = next(blocks())
    assert more == "my/tabular/ridge.py"
    assert len([line for line in text.splitlines() if line]) == 8
    assert re.search(r"symmetric@cpu +scipy .* 0\.494", said[0])
    assert re.search(r"normal_equations@cpu +numpy .* 0\.494", said[0])
    assert "Your own code, as it was measured: source/tabular/ridge." in said[0]


def test_the_check_asks_for_what_is_missing_and_then_passes(said: list[str]) -> None:
    assert "symmetric@cpu has no docstring" in said[1]
    assert "no effective parameters on record" in said[1]
    assert "2 of " in said[1]
    assert "BROKEN" not in said[2]
    assert "all rules that were tried are kept" in said[2]


def test_the_whole_task_keeps_the_contract_and_runs(said: list[str]) -> None:
    assert "lessons/centroids: all rules that were tried are kept" in said[3]
    assert re.search(r"estimator@cpu +sklearn .* 0\.91", said[3])


def test_declared_work_memory_and_parts_are_shown(said: list[str]) -> None:
    # Beside other work the peaks may come out lower than what the task then reaches: the share is called mistaken.
    known = r"share of the device's limit[^:]*: array_operations@cpu (\d+|under 1)"
    mistaken = r"array_operations@cpu: mistaken: \d+"
    assert re.search(f"({known}|{mistaken}) % of", " ".join(said[4].split()))
    assert re.search(r"smoke +3 MB", said[5])
    assert re.search(r"parts@2xcpu +pandas", said[6])


def test_every_file_of_the_page_is_named() -> None:
    assert [(language, more) for language, more, _ in blocks() if language == "python" and not more] == []
