"""Of a shared folder's scratch folders only those go whose owners are dead for certain, whatever their process ids."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time

import pytest

from residency.harness import scratch

PREFIX = ".making-"
OWNER = """
import sys, time
from pathlib import Path
from residency.harness import scratch
held = scratch.take(Path(sys.argv[1]), ".making-")
(held.folder / "half").write_text("made")
print(held.folder, flush=True)
time.sleep(600)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Callable[[], tuple[subprocess.Popen[str], Path]]]:
    """Start a process that holds a folder and fills it."""
    started = []

    def start() -> tuple[subprocess.Popen[str], Path]:
        process = subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_what_is_released_leaves_nothing(tmp_path: Path) -> None:
    with scratch.take(tmp_path, PREFIX) as held:
        assert names(tmp_path) == {held.folder.name, held.lock.name}
        (held.folder / "file").touch()
    assert names(tmp_path) == set()


def test_the_living_keep_theirs_and_the_dead_do_not(owner, tmp_path: Path) -> None:
    (dead, left), (stopped, kept) = owner(), owner()
    stopped.send_signal(signal.SIGSTOP)  # as one whose data takes long to make
    dead.kill()
    dead.wait()
    scratch.take(tmp_path, PREFIX).release()
    assert not left.exists()
    assert (kept / "half").read_text() == "made"
    assert names(tmp_path) == {kept.name, f"{kept.name}.lock"}


def test_a_lock_says_nothing_of_another_kernel_or_mount(owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own kernel or NFS server may know it as locked, and ours not."""
    dead, left = owner()
    dead.kill()
    dead.wait()
    (tmp_path / "boot").write_text("another start\n")
    with monkeypatch.context() as here:
        here.setattr(scratch, "BOOT_ID", tmp_path / "boot")
        scratch.take(tmp_path, PREFIX).release()
        assert left.exists()
        here.setattr(scratch, "BOOT_ID", tmp_path / "none")
        scratch.take(tmp_path, PREFIX).release()
        assert left.exists()
    scratch.take(tmp_path, PREFIX).release()
    assert not left.exists()


@pytest.mark.parametrize("name", [".making-4711-abcdefgh", ".making-0123456789abcdef-01", ".making-unknown-01"])
def test_what_nobody_has_touched_for_a_week_goes(tmp_path: Path, name: str) -> None:
    week = scratch.ABANDONED
    for file, age in ((f"{name}", 1.1 * week), (f"{name}x", 0.9 * week)):
        (tmp_path / file / "files").mkdir(parents=True)
        (tmp_path / f"{file}.lock").touch()
        for path in (tmp_path / file / "files", tmp_path / file, tmp_path / f"{file}.lock"):
            os.utime(path, (time() - age, time() - age))
    scratch.take(tmp_path, PREFIX).release()
    assert names(tmp_path) == {f"{name}x", f"{name}x.lock"}


def test_a_folder_that_is_still_filled_is_not_old(tmp_path: Path) -> None:
    folder = tmp_path / ".making-4711-abcdefgh"
    folder.mkdir()
    (folder / "x.npy").touch()
    os.utime(folder, (0, 0))
    scratch.take(tmp_path, PREFIX).release()
    assert names(tmp_path) == {folder.name}


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_here(_descriptor: int, _how: int) -> None:
        raise OSError(38, "Function not implemented")

    with monkeypatch.context() as without:
        without.setattr(fcntl, "flock", none_here)
        held = scratch.take(tmp_path, PREFIX)
    os.close(held._descriptor)
    scratch.take(tmp_path, PREFIX).release()
    assert names(tmp_path) == {held.folder.name, held.lock.name}
