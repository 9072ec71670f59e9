"""Own data through a pipe is read once, and kept: reports, errors and `--resume` know it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

COMMAND = str(Path(sys.executable).parent / "residency")
ASKED = [
    *("run", "tabular/ridge", "--target", "y", "--implementations", "normal_equations", "--devices", "cpu"),
    *("--replicates", "1", "--rounds", "1"),
]
SLOW = pytest.mark.slow  # repeats what a quicker test does
Done = subprocess.CompletedProcess[str]
Shell = Callable[[str], Done]


@pytest.fixture
def plain(tmp_path: Path) -> str:
    generator = np.random.default_rng(5)
    x = generator.normal(size=(300, 2))
    rows = "\n".join(f"{a:.4f},{b:.4f},{a - 2 * b:.4f}" for a, b in x)
    (tmp_path / "plain.csv").write_text(f"a,b,y\n{rows}\n")
    return f"a,b,y\n{rows}\n"


@pytest.fixture
def shell(environment: dict[str, str], tmp_path: Path) -> Shell:
    """Run a line of bash, in which R is the command with all but `--data`."""

    def run(line: str) -> Done:
        own = {"RESIDENCY_CACHE": str(tmp_path / "cache")}
        return subprocess.run(
            ["bash", "-c", f'R() {{ "$@" {" ".join((*ASKED[2:], "--details"))}; }}\n{line}', "bash"], cwd=tmp_path,
            env={**environment, **own, "C": COMMAND}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    return run


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("line", "origin"),
    [
        ("cat plain.csv | R $C run tabular/ridge --data -", "standard input"),
        ("R $C run tabular/ridge --data <(cat plain.csv)", "a pipe"),
        pytest.param(
            "mkfifo table; cat plain.csv > table & R $C run tabular/ridge --data table", "the pipe table", marks=SLOW
        ),
        pytest.param("cat plain.csv | R $C run tabular/ridge --data /dev/stdin", "standard input", marks=SLOW),
        pytest.param('R $C run tabular/ridge --data - <<< "$(cat plain.csv)"', "standard input", marks=SLOW),
    ],
)
def test_a_pipe_is_read_once_and_told(shell: Shell, tmp_path: Path, line: str, origin: str) -> None:
    done = shell(line)
    assert done.returncode == 0, done.stderr
    assert f"read once, from {origin}; its copy: " in done.stdout
    assert "own_regression, full, 300 rows" in done.stdout
    (copy,) = tmp_path.glob("cache/piped/*/*")
    assert copy.read_text() == (tmp_path / "plain.csv").read_text()


@pytest.mark.usefixtures("plain")
def test_a_file_as_standard_input_is_that_file(shell: Shell, tmp_path: Path) -> None:
    done = shell("R $C run tabular/ridge --data /dev/stdin < plain.csv")
    assert done.returncode == 0, done.stderr
    assert "read once" not in done.stdout
    assert not (tmp_path / "cache" / "piped").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("true | R $C run tabular/ridge --data -", "--data -: nothing came from it, it was empty"),
        ("R $C run tabular/ridge --data - < /dev/null", "--data - is a device: pipe a file into it, or name a file"),
        ("R $C run tabular/ridge --data /dev/zero", "--data /dev/zero is a device: pipe a file"),
        ("R $C run tabular/ridge --data - <&-", "--data - is a device: pipe a file into it"),
        ("printf 'a,z\\n1,2\\n' | R $C run tabular/ridge --data -", "no column `y` in standard-input"),
        ("cat plain.csv | RESIDENCY_CACHE=/proc/x R $C run tabular/ridge --data -", "set RESIDENCY_CACHE to another"),
    ],
)
@pytest.mark.usefixtures("plain")
def test_what_cannot_be_used_is_one_line(shell: Shell, line: str, message: str) -> None:
    done = shell(line)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert message in done.stderr.splitlines()[-1]


def test_a_pipe_that_nobody_writes_to_is_told_and_can_be_left(environment, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "table")
    process = subprocess.Popen(
        [COMMAND, *ASKED, "--data", "table"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "reading table, a pipe, to its end; stop with Ctrl-C\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read() == "residency: interrupted\n"
    process.stderr.close()


@pytest.mark.usefixtures("plain")
@pytest.mark.slow
def test_a_run_of_piped_data_goes_on_as_long_as_the_copy_is_there(shell: Shell, tmp_path: Path) -> None:
    done = shell("cat plain.csv | R $C run tabular/ridge --data -")
    assert done.returncode == 0, done.stderr
    (run,) = tmp_path.glob("results/runs/*")
    (run / "records.jsonl").write_text("")
    (tmp_path / "elsewhere").mkdir()
    done = shell(f"cd elsewhere; $C run --resume {run}")
    assert done.returncode == 0, done.stderr
    assert (run / "records.jsonl").read_text()
    (copy,) = tmp_path.glob("cache/piped/*/*")
    copy.unlink()
    done = shell(f"$C run --resume {run}")
    assert done.returncode == 2
    assert done.stderr == (
        f"residency: what came from standard input was kept as {copy}, and is gone: start a new run\n"
    )
