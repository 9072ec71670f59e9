"""In a container the command is process 1, and its cache is shared: real namespaces, where this machine allows them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from residency.harness import records
from residency.runners import machine

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = str(Path(sys.executable).parent / "residency")
BRIEF = ["run", "steady/naps", "--implementations", "steady", "--replicates", "1", "--rounds", "1", "--results", "runs"]
WAITS = '''
"""Data that is being made until a file says that it may be ready; and work that is none."""
import os
from pathlib import Path
from time import sleep
from residency.datasets.tabular.answered import Answered, answered
from residency.harness import Run, Task, quality
from residency.harness.dataset import Request, generated


@generated
def slow(rows: int, seed: int, folder: Path) -> Answered:
    (folder / "half").write_text("made")
    (Path(os.environ["TEST_SIGNS"]) / "begun").touch()
    while not (Path(os.environ["TEST_SIGNS"]) / "go-on").exists():
        sleep(0.02)
    assert (folder / "half").read_text() == "made"
    return answered.make(Request("answered", rows=rows, seed=seed), folder)


task = Task(datasets=[slow], sizes={"smoke": 500}, quality=quality.r2, tolerance=1e-3, floor=0.1)


@task.on_cpu("numpy")
def known(data: Answered, run: Run, np):
    """What is right."""
    with run.stage("predict"):
        return data.expected_test
'''
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def inside() -> list[str]:
    """What starts a command as process 1 of namespaces of its own, with a /proc of its own."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    enter = ["unshare", *user, "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no namespaces here: {tried.stderr.strip()}")
    return enter


@pytest.fixture
def start(environment: dict[str, str], inside: list[str], tmp_path: Path) -> Iterator[Start]:
    """Start a command in a container; what it says goes to a file of its name."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, enter: Sequence[str] = inside, **extra: str) -> subprocess.Popen[str]:
        suites = os.pathsep.join(str(one) for one in (FIXTURES, tmp_path / "suites") if one.exists())
        process = subprocess.Popen(
            [*enter, *command], cwd=tmp_path, env={**environment, "RESIDENCY_SUITES": suites, **extra}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def wait_until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert monotonic() < deadline
        sleep(0.02)


def test_the_command_is_process_1(start: Start, tmp_path: Path) -> None:
    process = start(COMMAND, *BRIEF)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    (run,) = (tmp_path / "runs").iterdir()
    assert [one.outcome for one in records.read(run).outcomes] == ["ok"]


def test_gate_mode_as_process_1(start: Start) -> None:
    """There a worker loads itself again, and must still know its parent."""
    process = start(COMMAND, *BRIEF, "--gate", "--threads", "1")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


def test_a_read_only_container(start: Start, cache: Path, tmp_path: Path) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("bwrap is not installed")
    enter = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-pid", "--as-pid-1"]
    enter += ["--bind", str(tmp_path), str(tmp_path), "--bind", str(cache), str(cache)]
    if (tried := subprocess.run([*enter, "true"], capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"bwrap makes no container here: {tried.stderr.strip()}")
    process = start(COMMAND, *BRIEF, enter=enter)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said


@pytest.mark.slow
def test_containers_share_a_cache(start: Start, tmp_path: Path) -> None:
    """Data that is being made in one is left alone by another, in which its maker's process id means nobody."""
    (tmp_path / "suites" / "shared").mkdir(parents=True)
    (tmp_path / "suites" / "shared" / "waits.py").write_text(WAITS)
    shared = {"RESIDENCY_CACHE": str(tmp_path / "cache"), "TEST_SIGNS": str(tmp_path)}
    asked = ["run", "shared/waits", "--replicates", "1", "--rounds", "1", "--results", "runs"]
    many = 'for i in $(seq 70); do /bin/true; done; exec "$@"'  # ids that the other container does not reach
    first = start("sh", "-c", many, "sh", COMMAND, *asked, **shared)
    wait_until((tmp_path / "begun").exists, first)
    (making,) = (one for one in (tmp_path / "cache" / "data").glob(".making-*") if one.is_dir())
    second = start(COMMAND, *BRIEF, **shared)
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert (making / "files" / "half").read_text() == "made"
    (tmp_path / "go-on").touch()
    said, _ = first.communicate(timeout=120)
    assert first.returncode == 0, said
    assert not list((tmp_path / "cache" / "data").glob(".making-*"))


def test_a_container_that_is_killed_leaves_nobody_and_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "suites" / "shared").mkdir(parents=True)
    (tmp_path / "suites" / "shared" / "waits.py").write_text(WAITS)
    shared = {"RESIDENCY_CACHE": str(tmp_path / "cache"), "TEST_SIGNS": str(tmp_path)}
    process = start(COMMAND, "run", "shared/waits", "--results", "runs", **shared)
    wait_until((tmp_path / "begun").exists, process)
    there = psutil.Process(process.pid).children(recursive=True)
    assert len(there) >= 2
    there[0].kill()
    process.communicate(timeout=60)
    _, left = psutil.wait_procs(there, timeout=30)
    assert not left
    assert list((tmp_path / "cache" / "data").glob(".making-*"))
    done = start(COMMAND, *BRIEF, **shared)
    said, _ = done.communicate(timeout=120)
    assert done.returncode == 0, said
    assert not list((tmp_path / "cache" / "data").glob(".making-*"))


def test_process_1_is_asked_to_end(start: Start, tmp_path: Path) -> None:
    """As by `docker stop`: the kernel gives process 1 only the signals that it listens to."""
    asked = ["run", "outcomes", "--implementations", "waits_later", "--timeout", "600", "--results", "runs"]
    process = start(COMMAND, *asked)
    wait_until(lambda: any('"cold"' in kept.read_text() for kept in tmp_path.glob("runs/*/records.jsonl")), process)
    first = psutil.Process(process.pid).children()[0]
    there = [first, *first.children(recursive=True)]
    first.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "Continue with: residency run --resume runs/" in said
    _, left = psutil.wait_procs(there, timeout=30)
    assert not left


def test_process_1_takes_leave_of_the_dead(start: Start) -> None:
    code = (
        "import os, psutil, subprocess, time\n"
        "from residency.runners.process import reap_orphans\n"
        "assert os.getpid() == 1\n"
        "own = subprocess.Popen(['sh', '-c', '(exit 0) & exit 3'])\n"
        "dead = lambda: [one for one in psutil.Process().children() if one.status() == psutil.STATUS_ZOMBIE]\n"
        "while len(dead()) < 2: time.sleep(0.01)\n"
        "import residency.runners.process as process\n"
        "worker = type('Worker', (), {'_process': own})()\n"
        "process._open.add(worker)\n"
        "reap_orphans()\n"
        "assert [one.pid for one in dead()] == [own.pid]\n"
        "assert own.wait() == 3\n"
    )
    process = start(sys.executable, "-c", code)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said


def test_the_processes_of_another_namespace_are_left_alone(start: Start, inside: list[str], tmp_path: Path) -> None:
    process = start(COMMAND, *BRIEF, enter=[one for one in inside if one != "--mount-proc"])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 2, said
    line = said.strip().splitlines()[-1]
    assert line.startswith("residency: /proc shows another namespace")
    assert "unshare --mount-proc" in line


def test_a_user_without_a_name_or_a_home(environment: dict[str, str], tmp_path: Path) -> None:
    """As in a container that is run by a number."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    enter = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    tried = subprocess.run([*enter, "id", "-un"], capture_output=True, text=True, check=False)
    if "cannot find name for user ID 12345" not in tried.stderr:
        pytest.skip(f"no user without a name here: {tried.stderr.strip() or tried.stdout}")
    gone = {"HOME", "LOGNAME", "USER", "RESIDENCY_CACHE", "XDG_CACHE_HOME"}
    bare = {name: value for name, value in environment.items() if name not in gone}
    bare["RESIDENCY_SUITES"] = str(FIXTURES)

    def run(**extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*enter, COMMAND, *BRIEF], cwd=tmp_path, env={**bare, **extra}, capture_output=True, text=True, check=False
        )

    refused = run()
    assert refused.returncode == 2, refused.stderr
    assert refused.stderr == (
        "residency: no folder for the cache: user 12345 has no name here, and HOME is not set; "
        "name one: RESIDENCY_CACHE=/tmp/residency\n"
    )
    done = run(RESIDENCY_CACHE=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_without_proc_doctor_says_what_to_do(environment: dict[str, str], tmp_path: Path) -> None:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    enter = ["unshare", *user, "--mount", "sh", "-c", 'umount -l /proc && exec "$@"', "sh"]
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace here")
    done = subprocess.run(
        [*enter, COMMAND, "doctor"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"residency: {machine.NO_PROC}\n"
