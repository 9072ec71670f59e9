"""Where submissions run: no network, no files but their own and the interpreter's, limited memory, processes and time.

Bubblewrap does it with namespaces, where the machine allows them. As root the submission also becomes another user, so
that a limit on processes binds it. Without namespaces, root can still run it as another user with limits; that isolates
less, and `Means.missing` says what is lacking. A control group limits memory and processes where one can be made
(version 1 or 2); a watch over the processes does it everywhere else.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import site
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import psutil

from residency.harness.errors import UsageError
from residency.runners import process

NOBODY = 65534
TEMPORARY_BYTES = 256 << 20  # what a submission may write, in memory
MOST_PROCESSES = 64  # with threads
MOST_OUTPUT = 1 << 20  # bytes that it may print
LOOK_EVERY = 0.05  # seconds between two looks at its memory
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/localtime",
)


@dataclass(frozen=True)
class Means:
    """What this machine allows."""

    kind: str  # `bubblewrap`, `user` or `none`
    cgroup: str  # `v1`, `v2`, or empty
    missing: tuple[str, ...] = ()  # what a submission is not kept from, as sentences

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@functools.cache
def means() -> Means:
    """Find out by trying what this machine allows."""
    group = next((kind for kind in ("v2", "v1") if _group_works(kind)), "")
    missing = [] if group else ["no control group can be made: memory and processes are watched, not limited"]
    if shutil.which("bwrap") and _tried(_bubblewrap([], {}, {}, ["true"], gpu=False)):
        return Means("bubblewrap", group, tuple(missing))
    why = "bubblewrap is not installed" if not shutil.which("bwrap") else "this machine allows no namespaces"
    if os.geteuid() == 0 and _tried(["setpriv", *_AS_NOBODY, sys.executable, "-I", "-c", "import numpy"]):
        lacks = f"{why}: submissions run as another user, with the network and all files that others may read"
        return Means("user", group, (lacks, *missing))
    return Means("none", group, (f"{why}: submissions run as you, with all your files and the network", *missing))


def _tried(command: Sequence[str]) -> bool:
    try:
        return not subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


_AS_NOBODY = [
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
]


def _interpreter() -> list[Path]:
    """The folders that Python and its libraries need, the outer ones first."""
    named = {
        sys.prefix,
        sys.base_prefix,
        *site.getsitepackages(),
        *(path for path in sys.path if "site-packages" in path),
    }
    named |= {str(Path(sys.executable).resolve().parent.parent), sysconfig.get_path("stdlib")}
    found = sorted({Path(name) for name in named if Path(name).is_dir()} - {Path("/"), Path("/usr")})
    return [path for path in found if not any(path != other and path.is_relative_to(other) for other in found)]


def _hidden(shown: Sequence[Path]) -> list[Path]:
    """This project's folders that lie in what is shown: they hold the solutions."""
    import residency

    return [Path(place) for place in residency.__path__ if any(Path(place).is_relative_to(path) for path in shown)]


def _bubblewrap(
    shown: Sequence[Path], files: Mapping[Path, str], environment: Mapping[str, str], command: Sequence[str], gpu: bool
) -> list[str]:
    """The command that runs another in namespaces of its own. `files` are folders and where they are seen."""
    call = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    call += ["--unshare-uts", "--unshare-cgroup-try", "--clearenv"]
    for name, value in environment.items():
        call += ["--setenv", name, value]
    call += _system()
    call += ["--proc", "/proc", "--dev", "/dev", "--size", str(TEMPORARY_BYTES), "--perms", "1777", "--tmpfs", "/tmp"]
    call += _libraries(shown)
    for path, seen in files.items():
        call += ["--ro-bind", str(path), seen]
    for device in Path("/dev").glob("nvidia*") if gpu else ():
        call += ["--dev-bind-try", str(device), str(device)]
    call += ["--chdir", "/tmp"]
    if os.geteuid() == 0:
        call += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        return [*call, "--", *_limits(), "setpriv", *_AS_NOBODY, *command]
    return [*call, "--unshare-user", "--", *_limits(), *command]


def _system() -> list[str]:
    """The system's programs and libraries, read-only."""
    call: list[str] = []
    for place in map(Path, SYSTEM):
        if place.is_symlink():
            call += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            call += ["--ro-bind", str(place), str(place)]
    for name in SETTINGS:
        call += ["--ro-bind-try", name, name]
    return call


def _libraries(shown: Sequence[Path]) -> list[str]:
    """Python and its libraries, read-only, below folders that another user may enter; this project's code is hidden."""
    call: list[str] = []
    outside = [path for path in shown if not path.is_relative_to("/usr")]
    for parent in dict.fromkeys(parent for path in outside for parent in reversed(path.parents[:-1])):
        call += ["--perms", "0755", "--dir", str(parent)]
    for path in outside:
        call += ["--ro-bind", str(path), str(path)]
    for place in _hidden(shown):
        call += ["--tmpfs", str(place)]
    return call


def _limits() -> list[str]:
    """Limits that the kernel keeps for each process or user, where there is `prlimit`."""
    # The kernel counts by user: all submissions, or all that the caller runs. A control group counts one alone.
    processes = 4 * MOST_PROCESSES if os.geteuid() == 0 else MOST_PROCESSES + _processes_of_mine()
    return ["prlimit", f"--nproc={processes}", "--core=0", f"--fsize={TEMPORARY_BYTES}", "--nofile=256", "--"]


def _processes_of_mine() -> int:
    me = os.getuid()
    mine = [running for running in psutil.process_iter(["uids", "num_threads"]) if running.info["uids"]]
    return sum(running.info["num_threads"] or 1 for running in mine if running.info["uids"].real == me)


@dataclass
class Limits:
    """What one program may use."""

    memory_bytes: int = 1 << 30
    processes: int = MOST_PROCESSES
    output_bytes: int = MOST_OUTPUT
    threads: int = 1
    gpu: bool = False  # whether it sees this machine's GPUs


@dataclass
class Boxed:
    """A program that runs in the sandbox."""

    popen: subprocess.Popen[bytes]
    limits: Limits
    group: _Group | None = None
    most_kept: int = 8192  # bytes of what it prints
    broken: str = ""  # the limit that it broke: `memory`, `processes` or `output`
    printed: bytearray = field(default_factory=bytearray)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def watched(self) -> Boxed:
        """Begin to read what it prints and to watch its memory."""
        assert self.popen.stdout is not None
        for task in (functools.partial(self._read, self.popen.stdout), self._watch):
            self._threads.append(threading.Thread(target=task, daemon=True))
            self._threads[-1].start()
        return self

    def processes(self) -> list[psutil.Process]:
        """All its processes. What loses its parent becomes a child of the namespace's first, so none is missed."""
        try:
            top = psutil.Process(self.popen.pid)
            return [top, *top.children(recursive=True)]
        except psutil.Error:
            return []

    def busy_seconds(self) -> float:
        """Processor seconds of all its processes."""
        total = 0.0
        for running in self.processes():
            with contextlib.suppress(psutil.Error):
                times = running.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def pause(self) -> None:
        """Stop all its processes: while another is timed, nothing of it may run."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them run again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for running in self.processes():
            with contextlib.suppress(psutil.Error):
                running.send_signal(number)

    def read_to_end(self) -> None:
        """Wait until all that an ended program wrote is read."""
        self._threads[0].join(5)

    def close(self) -> None:
        """End all its processes, and wait until they are gone."""
        self._ended.set()
        self._kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(5)
        for thread in self._threads:
            thread.join(2)
        if self.popen.stdout is not None:
            self.popen.stdout.close()
        if self.group is not None:
            if not self.broken and self.group.was_full():
                self.broken = "memory"
            self.group.remove()

    def _kill(self) -> None:
        if self.group is not None:
            self.group.kill()
        for running in reversed(self.processes()):
            with contextlib.suppress(psutil.Error):
                running.kill()

    def _break(self, limit: str) -> None:
        self.broken = self.broken or limit
        self._kill()

    def _read(self, stream: IO[bytes]) -> None:
        total = 0
        with contextlib.suppress(OSError, ValueError):
            while piece := os.read(stream.fileno(), 65536):
                total += len(piece)
                if len(self.printed) < self.most_kept:
                    self.printed += piece[: self.most_kept - len(self.printed)]
                if total > self.limits.output_bytes:
                    self._break("output")

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            memory, count = 0, 0
            for running in self.processes():
                with contextlib.suppress(psutil.Error):
                    memory += running.memory_info().rss
                    count += running.num_threads()
            if memory > self.limits.memory_bytes:
                self._break("memory")
            if count > self.limits.processes + 8:  # with bubblewrap's own
                self._break("processes")


class LimitBroken(Exception):
    """A command in the sandbox was ended: `limit` is `timeout`, `memory`, `processes` or `output`."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


def run(
    arguments: Sequence[str],
    folders: Mapping[Path, str],
    limits: Limits,
    timeout: float,
    most_bytes: int,
    *,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Run a command, such as Git, in the sandbox: its return code and what it wrote to stdout; stderr is dropped.

    `folders` are what it sees, read-only, and where; `environment` is added to the sandbox's own. Raises `LimitBroken`
    if it takes longer than `timeout` seconds, writes more than `most_bytes`, or breaks one of the limits.
    """
    limits = replace(limits, output_bytes=most_bytes)
    boxed = _launched(arguments, folders, limits, {**_environment(limits), **(environment or {})}, errors=False)
    boxed.most_kept = most_bytes
    boxed.watched()
    try:
        boxed.popen.wait(timeout)
        boxed.read_to_end()
    except subprocess.TimeoutExpired:
        boxed.broken = boxed.broken or "timeout"
    finally:
        boxed.close()
    if boxed.broken:
        raise LimitBroken(boxed.broken)
    return boxed.popen.returncode, bytes(boxed.printed)


def start(
    command: Sequence[str], folders: Mapping[Path, str], limits: Limits, descriptors: Sequence[int] = ()
) -> Boxed:
    """Start a Python program in the sandbox: `command` are its arguments, `folders` what it sees and where.

    Without namespaces the folders are seen where they are; use `place` for the path that the program must be told.
    """
    python = [sys.executable, "-I", *command]
    return _launched(python, folders, limits, _environment(limits), descriptors).watched()


def _launched(
    command: Sequence[str],
    folders: Mapping[Path, str],
    limits: Limits,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
    *,
    errors: bool = True,
) -> Boxed:
    """Start a command; `errors` says whether stderr is read with stdout."""
    found = means()
    if found.kind == "bubblewrap":
        call = _bubblewrap(_interpreter(), folders, environment, command, limits.gpu)
    elif found.kind == "user":
        call = [*_limits(), "setpriv", *_AS_NOBODY, *command]
    else:
        call = [*_limits(), *command]
    group = _Group.made(found.cgroup, limits) if found.cgroup else None
    if group is not None:
        call = ["/bin/sh", "-c", 'for place in $0; do echo $$ > "$place"; done; exec "$@"', group.doors, *call]
    popen = subprocess.Popen(
        call,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
        env=environment if found.kind != "bubblewrap" else {"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
        cwd=tempfile.gettempdir() if found.kind != "bubblewrap" else None,
        pass_fds=descriptors,
        start_new_session=True,
    )
    return Boxed(popen, limits, group)


def place(folder: Path, seen: str) -> str:
    """Where a program in the sandbox sees a folder."""
    return seen if means().kind == "bubblewrap" else str(folder)


def _environment(limits: Limits) -> dict[str, str]:
    """The whole environment of a submission: nothing of the caller's but what libraries need to compute right."""
    known = {name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    quiet = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"}  # threads that wait must not spin beside the next call
    places = {"HOME": "/tmp", "TMPDIR": "/tmp", "NUMBA_CACHE_DIR": "/tmp/numba", "MPLCONFIGDIR": "/tmp/matplotlib"}
    fixed = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    simulated = {} if limits.gpu else {"NUMBA_ENABLE_CUDASIM": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {**fixed, **places, **known, **quiet, **process.limits(limits.threads), **simulated}


# --- Control groups -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """A control group of one program, in the version that this machine has."""

    folders: tuple[Path, ...]
    version: str

    @property
    def doors(self) -> str:
        """The files to which a process writes its number to join, separated by spaces."""
        return " ".join(str(folder / "cgroup.procs") for folder in self.folders)

    @classmethod
    def made(cls, version: str, limits: Limits) -> _Group | None:
        """Make one with these limits; None where that fails."""
        name = f"residency-lab-{uuid.uuid4().hex[:12]}"
        wanted = (
            {
                "memory": {"memory.max": limits.memory_bytes, "memory.swap.max": 0},
                "pids": {"pids.max": limits.processes + 8},
            }
            if version == "v2"
            else {"memory": {"memory.limit_in_bytes": limits.memory_bytes}, "pids": {"pids.max": limits.processes + 8}}
        )
        folders: dict[Path, None] = {}
        try:
            for controller, settings in wanted.items():
                folder = _parent(controller, version) / name
                if not (folder.parent / "cgroup.procs").is_file():
                    raise OSError(f"{folder.parent} is no control group")
                folder.mkdir(exist_ok=True)
                folders[folder] = None
                for setting, value in settings.items():
                    if setting != "memory.swap.max" or (folder / setting).exists():
                        with (folder / setting).open("r+") as file:  # never creates a file
                            file.write(str(value))
        except OSError:
            for folder in folders:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            return None
        return cls(tuple(folders), version)

    def was_full(self) -> bool:
        """Whether the kernel killed for lack of memory."""
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                for line in (self.folders[0] / name).read_text().splitlines():
                    if line.startswith("oom_kill ") and line != "oom_kill 0":
                        return True
        return False

    def kill(self) -> None:
        """Kill all that is in it, also what forks faster than it can be listed."""
        for _ in range(20):
            found = {int(line) for folder in self.folders for line in _lines(folder / "cgroup.procs")}
            if not found:
                return
            with contextlib.suppress(OSError):
                (self.folders[0] / "cgroup.kill").write_text("1")
            for number in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.01)

    def remove(self) -> None:
        """Remove it."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _parent(controller: str, version: str) -> Path:
    """Our own group's folder of a controller."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if version == "v2" and not names:
            root = Path("/sys/fs/cgroup")
            return root / path.lstrip("/")
        if version == "v1" and controller in names.split(","):
            return Path("/sys/fs/cgroup") / controller / path.lstrip("/")
    raise OSError(f"no control group of {controller}")


def _group_works(version: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        if (group := _Group.made(version, Limits())) is not None:
            group.remove()
            return True
    return False


def check(strict: bool) -> Means:
    """What this machine allows; raises `UsageError` if `strict` and something is missing."""
    found = means()
    if strict and not found.is_whole:
        raise UsageError(f"--strict: {'; '.join(found.missing)}. Install bubblewrap, or grade on another machine")
    return found
