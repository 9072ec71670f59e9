"""The page about CI: what it tells people to copy is well-formed, and every command in it has the options it names."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import yaml

from residency.analysis.compare import Status
from residency.commands.main import app

HERE = Path(__file__).parent.parent
PAGE = (HERE / "docs" / "ci.md").read_text(encoding="utf-8")
WORKFLOW_EXPRESSION = re.compile(r"\$\{\{.*?\}\}")  # GitHub puts a value there before the shell reads it


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def workflows() -> list[dict]:
    return [read for block in blocks("yaml") if isinstance(read := yaml.safe_load(block), dict)]


def scripts() -> list[str]:
    """Every shell script of the page, those of the workflows' steps among them."""
    steps = [step for workflow in workflows() for job in workflow["jobs"].values() for step in job["steps"]]
    return [*blocks("sh"), *(WORKFLOW_EXPRESSION.sub("VALUE", step["run"]) for step in steps if "run" in step)]


def commands() -> Iterator[list[str]]:
    """Every `residency ...` of the scripts, as words."""
    for script in scripts():
        for line in script.splitlines():
            for part in re.split(r"\|\||;|>", line):
                words = shlex.split(part, comments=True)
                names = [place for place, word in enumerate(words) if Path(word).name == "residency"]
                if names:
                    yield words[names[0] + 1 :]


def test_the_workflows_are_whole() -> None:
    found = workflows()
    assert [list(workflow["jobs"]) for workflow in found] == [["cpu"], ["gpu"]]
    for workflow in found:
        assert workflow[True] == "pull_request"  # YAML 1.1 reads `on` as true
        for job in workflow["jobs"].values():
            assert {"runs-on", "timeout-minutes", "steps"} <= job.keys()
            assert all(("run" in step) != ("uses" in step) for step in job["steps"])
    assert len(blocks("yaml")) == len(found) + 1  # and the step that reads a cache
    assert yaml.safe_load(blocks("yaml")[-1])[0]["uses"].startswith("actions/cache/restore@")


def test_the_scripts_are_shell() -> None:
    for script in scripts():
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, script + done.stderr


def test_every_command_has_the_options_that_are_named() -> None:
    group = typer.main.get_command(app())
    names = set()
    for words in commands():
        names.add(words[0])
        group.commands[words[0]].make_context(words[0], words[1:])  # raises for what does not exist
    assert names == {"run", "compare", "history", "doctor", "selftest", "report"}


def test_the_table_says_every_status() -> None:
    listed = [int(number) for number in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)]
    assert listed == [int(status) for status in Status]


@pytest.mark.parametrize(
    ("measured", "compared", "status"),
    [(0, 0, 0), (1, 4, 4), (0, 1, 1), (0, 2, 2), (0, 3, 0), (0, 5, 5), (2, 0, 2), (130, 0, 2)],
)
def test_the_script_ends_as_the_table_says(tmp_path: Path, measured: int, compared: int, status: int) -> None:
    stand_in = tmp_path / "residency"
    stand_in.write_text(
        f'#!/bin/sh\necho "$@" >>said\ncase $1 in run) exit {measured};; compare) exit {compared};; esac\n'
    )
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = ["sh", "-c", blocks("sh")[0], "gate.sh", "base", "tabular/ridge"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    said = (tmp_path / "said").read_text().splitlines()
    assert said[0] == "run tabular/ridge --name current"
    assert len(said) == 1 or said[1].startswith("compare base current --margin 0.1 --confirm")
