"""What the sandbox leaves behind (nothing), and how it works where a machine allows less."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from residency.harness.errors import UsageError
from residency.labs import boxed, catalogue, driver, groups, program, sandbox, scratch

ROOT = os.geteuid() == 0
LAB = catalogue.lab(str(Path(__file__).parent / "fixtures" / "same_shape"))
needs_bubblewrap = pytest.mark.skipif(sandbox.means().kind != "bubblewrap", reason="needs bubblewrap and namespaces")
BURNS = """
import os
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while os.fork() == 0:
            pass
        import time
        time.sleep(600)
    os._exit(0)
def entry(values):
    if os.getuid() >= 1_000_000_000:
        __import__("tempfile").mkstemp(dir="/tmp")
    return 2 * values
"""
CHAIN = """
import os
if os.fork() == 0:
    while True:
        if os.fork():
            os._exit(0)
while True:
    pass
"""


def left(folder: Path) -> list[int]:
    """The processes whose command names this folder."""
    numbers = []
    for running in psutil.process_iter():
        try:
            if running.pid != os.getpid() and str(folder) in " ".join(running.cmdline()):
                numbers.append(running.pid)
        except psutil.Error:
            continue
    return numbers


def own_groups() -> list[Path]:
    found = []
    for controller in ("memory", "pids", "freezer", "cpuacct", ""):
        for version in ("v1", "v2"):
            try:
                found += groups._parent(controller, version).glob(f"{groups.PREFIX}*")
            except OSError:
                continue
    return found


def until(condition, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.1)
    return met


@needs_bubblewrap
def test_a_grader_that_is_killed_leaves_nothing_that_the_next_does_not_remove(tmp_path, monkeypatch) -> None:
    files = driver.write(
        tmp_path / "files", {"work.py": BURNS.replace("return", "__import__('time').sleep(600)").encode()}
    )
    script = (
        "import sys; from pathlib import Path; from residency.labs import catalogue, driver;"
        "driver.grade(catalogue.lab(sys.argv[1]), Path(sys.argv[2]), timing=False)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen([sys.executable, "-c", script, str(LAB.folder), str(files)], env=environment)
    assert until(lambda: len(left(files)) > 2)
    grader.send_signal(signal.SIGKILL)
    grader.wait()
    assert until(lambda: not left(files))
    monkeypatch.setattr(scratch, "NEW", 0.0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = scratch.folder()
    with other as kept:
        scratch.sweep()
        groups.sweep()
        assert kept.is_dir()  # its owner lives
    assert not list(tmp_path.glob(f"{scratch.PREFIX}*"))
    assert not [group for group in own_groups() if scratch.is_abandoned(group)]


@needs_bubblewrap
def test_a_command_is_ended_at_its_limits() -> None:
    limits = sandbox.Limits()
    assert sandbox.run(["sh", "-c", "echo out; echo err >&2; exit 3"], {}, limits, 60, 100) == (3, b"out\n")
    for command, seconds, broken in ((["sleep", "60"], 0.5, "timeout"), (["yes"], 60, "output")):
        with pytest.raises(sandbox.LimitBroken, match=broken):
            sandbox.run(command, {}, limits, seconds, 1000)


@needs_bubblewrap
@pytest.mark.parametrize("kind", ["", "v2 without limits"])
def test_without_limits_of_the_kernel_the_watch_ends_what_takes_too_much(kind, monkeypatch) -> None:
    group = kind if not kind or groups._works(kind) else ""
    monkeypatch.setattr(sandbox, "means", lambda: sandbox.Means("bubblewrap", group))
    bombs = {
        "memory": "x = [bytearray(b'x' * (1 << 24)) for _ in range(100)]; import time; time.sleep(60)",
        "processes": "import threading, time; "
        "[threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(99)]",
    }
    for limit, code in bombs.items():
        with pytest.raises(sandbox.LimitBroken, match=limit):
            sandbox.run([sys.executable, "-I", "-c", code], {}, sandbox.Limits(256 << 20), 60, 1000)


@pytest.mark.skipif(not groups.kind(), reason="needs control groups")
def test_a_frozen_group_stops_and_dies_with_what_forks_all_the_time(monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "means", lambda: sandbox.Means("none", groups.kind()))
    box = sandbox.start(["-c", CHAIN], {}, sandbox.Limits())
    try:
        assert until(lambda: box.busy_seconds() > 0.2)
        box.pause()
        before = box.busy_seconds()
        time.sleep(0.3)
        assert box.busy_seconds() == before
        box.go_on()
        assert until(lambda: box.busy_seconds() > before)
        box.pause()
    finally:
        members = {
            int(line) for folder in box.group.folders.values() for line in groups._lines(folder / "cgroup.procs")
        }
        box.close()
    assert members
    assert until(lambda: not any(psutil.pid_exists(number) for number in members))
    assert not any(folder.exists() for folder in box.group.folders.values())


FORCED = """
import sys
from pathlib import Path
import psutil
from residency.labs import catalogue, driver, groups, sandbox
found = sandbox.without_namespaces("a test", groups.kind() if sys.argv[3] == "group" else "")
given, choose = [], sandbox._user
sandbox._user = lambda: given.append(choose()) or given[-1]  # other graders may run here, each with users of its own
sandbox.means = lambda: found if sys.argv[4] == "user" else sandbox.Means("none", found.cgroup)
done = driver.grade(catalogue.lab(sys.argv[1]), Path(sys.argv[2]), timing=False)
print(found.kind, found.refused, [checked.verdict.what for checked in done.checks], done.is_right)
print([running.pid for running in psutil.process_iter() if running.uids().real in given])
names = [entry.name for entry in Path("/tmp").iterdir()]
print([name for name in names if (file := Path("/tmp", name)).exists() and file.stat().st_uid in given])
print(len(given) > 0)
"""


@pytest.mark.skipif(not ROOT or not shutil.which("bwrap"), reason="needs root and bubblewrap")
@pytest.mark.parametrize("kind", ["user", "none"])
@pytest.mark.parametrize("group", ["group", "watch"])
def test_without_namespaces_a_keeper_ends_all_that_a_submission_leaves(kind, group, tmp_path) -> None:
    """In a view of this machine whose /root others may enter: the interpreter may lie there."""
    files = driver.write(tmp_path / "files", {"work.py": BURNS.encode()})
    for folder in tmp_path.parents:  # pytest's folders are closed to others
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)
    shown = [path for path in sandbox._interpreter() if path.is_relative_to("/root")]
    view = ["bwrap", "--cap-add", "ALL", "--dev-bind", "/", "/"]
    view += ["--perms", "0755", "--tmpfs", "/root"] if shown else []
    for path in shown:
        view += ["--ro-bind", str(path), str(path)]
    command = [*view, sys.executable, "-c", FORCED, str(LAB.folder), str(files), group, kind]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    first, processes, others, is_known = ran.stdout.splitlines()
    assert is_known == str(kind == "user")  # else it runs as the caller
    assert first == "user  ['', '', ''] True"
    assert processes == "[]"
    assert others == "[]"


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_an_interpreter_that_others_may_not_enter_is_refused_in_one_line(tmp_path, monkeypatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").symlink_to(sys.executable)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o001)
    monkeypatch.setattr(sys, "executable", str(closed / "python"))
    found = sandbox.without_namespaces("bubblewrap is not installed", "")
    assert f"{closed} is closed to other users" in found.refused
    monkeypatch.setattr(sandbox, "means", lambda: found)
    with pytest.raises(UsageError, match=r"^Submissions cannot run here: [^\n]*$"):
        sandbox.start(["-c", "pass"], {}, sandbox.Limits())


def test_computing_on_more_cores_is_told_from_processor_time() -> None:
    tried = program.Program.__new__(program.Program)
    tried.lab, tried.boxed = LAB, boxed.Boxed(None, sandbox.Limits())  # type: ignore[arg-type]
    for busy, wall, more in ((1.0, 1.0, False), (1.7, 1.0, True), (0.9, 0.3, False)):
        tried.busy, tried.wall = busy, wall
        assert tried.has_more_cores() == more
