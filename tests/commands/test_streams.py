"""Output that cannot take every character, or that nobody reads: the report all the same, or the right status."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.class_run import write

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = str(Path(sys.executable).parent / "residency")
BRIEF = ["run", "steady/naps", "--implementations", "steady", "--replicates", "1", "--rounds", "1", "--details"]
SUITES = {"RESIDENCY_SUITES": str(FIXTURES)}


@pytest.fixture(scope="module")
def measured(residency_in, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("measured")
    done = residency_in(folder, *BRIEF, **SUITES, PYTHONIOENCODING="ascii")
    assert done.status == 0, done.err
    assert done.out.isascii()
    assert "R2, higher is better" in done.out
    return folder


@pytest.mark.parametrize(
    "extra",
    [
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
@pytest.mark.parametrize("form", ["console", "json", "markdown"])
def test_every_report_in_every_encoding(environment, measured: Path, extra: dict[str, str], form: str) -> None:
    done = subprocess.run(
        [COMMAND, "report", "--format", form], cwd=measured, env={**environment, **extra}, capture_output=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"steady/naps" in done.stdout


def test_nobody_reads_the_report_of_a_run(environment, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$@" | true', "bash", COMMAND, *BRIEF], cwd=tmp_path,
        env={**environment, **SUITES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 141, done.stderr
    (run,) = tmp_path.glob("results/runs/*")
    assert f"residency report {run.relative_to(tmp_path)}\n" in done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["list", "--json"], ["report", "--format", "html"]])
def test_nobody_reads_what_is_printed(environment, measured: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [COMMAND, *arguments], cwd=measured, env=environment, stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_report_that_is_stopped_while_nobody_reads_is_whole(environment: dict[str, str], tmp_path: Path) -> None:
    write(tmp_path / "run", replicates=1, rounds=1)
    command = [COMMAND, "report", tmp_path / "run", "--format"]
    subprocess.run([*command, "csv", "--output", tmp_path / "whole.csv"], env=environment, check=True)
    whole = (tmp_path / "whole.csv").read_bytes()
    unbuffered = {**environment, "PYTHONUNBUFFERED": "1"}  # as in containers
    with subprocess.Popen([*command, "csv"], env=unbuffered, stdout=subprocess.PIPE) as report:
        assert report.stdout is not None
        fcntl.fcntl(report.stdout, fcntl.F_SETPIPE_SZ, 4096)
        assert len(whole) > fcntl.fcntl(report.stdout, fcntl.F_GETPIPE_SZ)
        assert select.select([report.stdout], [], [], 60)[0]
        for _ in range(3):
            report.send_signal(signal.SIGSTOP)
            report.send_signal(signal.SIGCONT)
        assert report.stdout.read() == whole


def test_output_that_is_closed(environment, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", COMMAND, *BRIEF], cwd=tmp_path,
        env={**environment, **SUITES}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    (run,) = tmp_path.glob("results/runs/*")
    assert (run / "records.jsonl").read_text().count('"kind": "outcome"') == 1


def test_a_working_folder_that_is_gone(environment, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir ../gone && exec "$@"', "sh", COMMAND, "list"], cwd=tmp_path / "gone", env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "residency: the current folder no longer exists; change to another folder\n"
