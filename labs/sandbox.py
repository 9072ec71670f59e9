"""Where submissions run: no network, no files but their own and the interpreter's, limited memory, processes and time.

Bubblewrap does it with namespaces, where the machine allows them. As root each submission also becomes a user of its
own, so that it can signal and trace no other. Without namespaces, root can still run it as another user with limits;
that isolates less, and `Means.missing` says what is lacking. A control group limits memory and processes where one can
be made (groups.py); a watch over the processes does it everywhere else.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from residency.harness.errors import UsageError
from residency.labs import groups, scratch
from residency.labs.boxed import Boxed, Limits
from residency.runners import process

__all__ = ["Boxed", "LimitBroken", "Limits", "Means", "check", "means", "place", "run", "start", "without_namespaces"]

HERE = Path(__file__).parent
NOBODY = 65534
USERS = range(1_000_000_000, 2_000_000_000)  # numbers that no real user has
TEMPORARY_BYTES = 256 << 20  # what a submission may write, in memory
SHARED_BYTES = 64 << 20  # in /dev/shm
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
    cgroup: str  # `v1`, `v2`, `v2 without limits`, or empty
    missing: tuple[str, ...] = ()  # what a submission is not kept from, as sentences
    refused: str = ""  # why nothing may run here at all

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


@functools.cache
def means() -> Means:
    """Find out by trying what this machine allows. Removes what a killed grader left."""
    groups.sweep()
    scratch.sweep()
    group = groups.kind()
    unlimited = "no control group can be made: memory and processes are watched, not limited"
    missing = () if group in {"v1", "v2"} else (unlimited,)
    if shutil.which("bwrap") and _tried(_bubblewrap([], {}, {}, ["true"], _user(), gpu=False)):
        return Means("bubblewrap", group, missing)
    why = "bubblewrap is not installed" if not shutil.which("bwrap") else "this machine allows no namespaces"
    return without_namespaces(why, group, missing)


def without_namespaces(why: str, group: str, missing: tuple[str, ...] = ()) -> Means:
    """What is left without namespaces: root runs submissions as another user, everybody else as themselves."""
    if os.geteuid():
        return Means("none", group, (f"{why}: submissions run as you, with all your files and the network", *missing))
    lacks = f"{why}: submissions run as another user, with the network and all files that others may read"
    if _tried(["setpriv", *_as_user(_user()), sys.executable, "-I", "-c", "import numpy"]):
        return Means("user", group, (lacks, *missing))
    closed = _closed()
    reason = f"{closed} is closed to other users (chmod o+x would open it)" if closed else "setpriv does not work"
    refused = f"Submissions cannot run here: {why}, and {reason}. Install bubblewrap, or grade without being root"
    return Means("user", group, (lacks, *missing), refused)


def _closed() -> Path | None:
    """The outermost folder on the way to Python that others may not enter."""
    for place in (Path(sys.executable).absolute(), Path(sys.executable).resolve(), *_interpreter()):
        for folder in reversed([place, *place.parents]):
            if folder.is_dir() and not folder.stat().st_mode & 0o001:
                return folder
    return None


def _tried(command: Sequence[str]) -> bool:
    try:
        return not subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=60, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def _user() -> int:
    """The number of a user that runs one program alone: it can signal, trace and crowd out no other."""
    if os.geteuid():
        return 0
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= USERS.start and USERS.stop <= first + count:
            return USERS.start + secrets.randbelow(len(USERS))
    return NOBODY


def _as_user(user: int) -> list[str]:
    """The arguments of `setpriv` that make a command another user without any privilege."""
    privileges = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    return [f"--reuid={user}", f"--regid={user}", *privileges, "--"]


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
    project, seen = HERE.parent, [*shown, *map(Path, SYSTEM)]
    if not any(project.is_relative_to(path) for path in seen):
        return []
    if any(path.is_relative_to(project) for path in shown):  # the interpreter lies in the project
        return [folder for folder in (HERE, project / "tests", project / ".git") if folder.is_dir()]
    return [project]


def _bubblewrap(
    shown: Sequence[Path],
    files: Mapping[Path, str],
    environment: Mapping[str, str],
    command: Sequence[str],
    user: int,
    *,
    gpu: bool,
) -> list[str]:
    """The command that runs another in namespaces of its own. `files` are folders and where they are seen."""
    call = ["bwrap", "--die-with-parent", "--new-session", "--unshare-pid", "--unshare-net", "--unshare-ipc"]
    call += ["--unshare-uts", "--unshare-cgroup-try", "--clearenv"]
    for name, value in environment.items():
        call += ["--setenv", name, value]
    call += _system()
    call += ["--proc", "/proc", "--dev", "/dev"]
    for place, size in (("/tmp", TEMPORARY_BYTES), ("/dev/shm", SHARED_BYTES)):
        call += ["--size", str(size), "--perms", "1777", "--tmpfs", place]
    call += _libraries(shown)
    for path, seen in files.items():
        call += ["--ro-bind", str(path), seen]
    for device in Path("/dev").glob("nvidia*") if gpu else ():
        call += ["--dev-bind-try", str(device), str(device)]
    for place in ("/dev", "/"):  # memory, too, and without a limit
        call += ["--remount-ro", place]
    call += ["--chdir", "/tmp"]
    if os.geteuid() == 0:
        call += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP"]
        return [*call, "--", *_limits(user), "setpriv", *_as_user(user), *command]
    return [*call, "--unshare-user", *_no_more_namespaces(), "--", *_limits(user), *command]


@functools.cache
def _no_more_namespaces() -> tuple[str, ...]:
    """The option of newer bubblewraps that keeps a program from making namespaces in which it may mount memory."""
    told = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, check=False)
    return ("--disable-userns",) if "--disable-userns" in told.stdout + told.stderr else ()


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
        call += ["--perms", "0555", "--size", "4096", "--tmpfs", str(place), "--remount-ro", str(place)]
    return call


def _limits(user: int) -> list[str]:
    """Limits that the kernel keeps for each process or user, where there is `prlimit`."""
    # The kernel counts by user. The watch and the control group count one program, and say when it has too many.
    processes = 4 * Limits.processes if os.geteuid() == 0 else 4 * Limits.processes + _processes_of_mine()
    if user == NOBODY:  # shared by all submissions
        processes *= 8
    return ["prlimit", f"--nproc={processes}", "--core=0", f"--fsize={TEMPORARY_BYTES}", "--nofile=256", "--"]


def _processes_of_mine() -> int:
    me = os.getuid()
    mine = [running for running in psutil.process_iter(["uids", "num_threads"]) if running.info["uids"]]
    return sum(running.info["num_threads"] or 1 for running in mine if running.info["uids"].real == me)


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
    if found.refused:
        raise UsageError(found.refused)
    home = tempfile.mkdtemp(prefix=scratch.PREFIX) if found.kind != "bubblewrap" else ""
    user = _user() if found.kind != "none" else 0
    if found.kind == "bubblewrap":
        call = _bubblewrap(_interpreter(), folders, environment, command, user, gpu=limits.gpu)
    else:
        if user:
            os.chown(home, user, user)
        keeper = [sys.executable, "-I", "-S", str(HERE / "keeper.py"), str(os.getpid()), str(user)]
        call = [*keeper, *_limits(user), *(["setpriv", *_as_user(user)] if user else []), *command]
        environment = {name: value.replace("/tmp", home) for name, value in environment.items()}
    group = groups.Group.made(found.cgroup, limits.memory_bytes, limits.processes + 8) if found.cgroup else None
    try:
        popen = subprocess.Popen(
            group.joining(call) if group else call,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
            env=environment if home else {"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
            cwd=home or "/",
            pass_fds=descriptors,
            start_new_session=True,
        )
    except BaseException:
        if group is not None:
            group.remove()
        shutil.rmtree(home or "/nonexistent", ignore_errors=True)
        raise
    return Boxed(popen, limits, group, home=home, user=user if found.kind == "user" else 0)


def place(folder: Path, seen: str) -> str:
    """Where a program in the sandbox sees a folder."""
    return seen if means().kind == "bubblewrap" else str(folder)


def _environment(limits: Limits) -> dict[str, str]:
    """The whole environment of a submission: nothing of the caller's but what libraries need to compute right."""
    known = {name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE") if name in os.environ}
    someone = {"USER": "resident", "LOGNAME": "resident"}  # for libraries that ask for a name
    quiet = {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "passive"}  # threads that wait must not spin beside the next call
    places = {"HOME": "/tmp", "TMPDIR": "/tmp", "NUMBA_CACHE_DIR": "/tmp/numba", "MPLCONFIGDIR": "/tmp/matplotlib"}
    fixed = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    simulated = {} if limits.gpu else {"NUMBA_ENABLE_CUDASIM": "1", "CUDA_VISIBLE_DEVICES": ""}
    return {**fixed, **places, **someone, **known, **quiet, **process.limits(limits.threads), **simulated}


def check(strict: bool) -> Means:
    """What this machine allows; raises `UsageError` if `strict` and something is missing."""
    found = means()
    if strict and not found.is_whole:
        raise UsageError(f"--strict: {'; '.join(found.missing)}. Install bubblewrap, or grade on another machine")
    return found
