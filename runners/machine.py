"""Facts about this machine, and how much of it we may use: cores and memory by affinity and cgroup, GPUs by NVML."""

from __future__ import annotations

import functools
import math
import os
import platform
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from time import time
from typing import Any

import psutil

from residency.harness.errors import UsageError
from residency.harness.libraries import PROJECT
from residency.runners import nvml

CGROUP = Path("/sys/fs/cgroup")
NO_PROC = "/proc is not mounted here, and without it no process can be watched; mount it"


def cores() -> int:
    """CPU cores this process may use: its affinity, limited by the cgroup's quota; never `os.cpu_count()`."""
    available = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return max(1, min(available, math.ceil(quota))) if quota else available


def cores_in_machine() -> int:
    """CPU cores of the whole machine."""
    return psutil.cpu_count() or 1


def memory_limit() -> int:
    """Bytes of memory this process may use: the cgroup's limit or the machine's memory."""
    limits = [int(psutil.virtual_memory().total)]
    for folder in _cgroup_folders("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (text := _read(folder / name)) and text.isdigit():
                limits.append(int(text))
    return min(limits)


def memory_available() -> int:
    """Bytes that are available now without swapping, within the limit."""
    return min(int(psutil.virtual_memory().available), memory_limit())


def out_of_memory_kills() -> int:
    """How many processes of our cgroup the kernel has killed for lack of memory; of the machine if that is not known.

    Those of other cgroups do not count, though they lie within ours: they have limits of their own.
    """
    counts = [
        folder / name
        for folder in _cgroup_folders("memory")
        for name in ("memory.events.local", "memory.events", "memory.oom_control")  # the last of version 1
    ]
    for file in (*counts, Path("/proc/vmstat")):
        for line in (_read(file) or "").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def cpu_model() -> str:
    """The processor's name."""
    for line in (_read(Path("/proc/cpuinfo")) or "").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@functools.cache
def gpus() -> tuple[list[dict[str, Any]], str]:
    """The NVIDIA GPUs that CUDA programs see here; if there is none, the reason."""
    import pynvml

    try:
        visible = nvml.gpus()
    except pynvml.NVMLError as error:
        if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND:
            return [], f"no NVIDIA GPU on this machine ({error})"
        return [], f"the NVIDIA driver of this machine does not answer ({error})"
    if visible:
        return visible, ""
    if nvml.VISIBLE in os.environ:
        return [], f"{nvml.VISIBLE} is `{os.environ[nvml.VISIBLE]}`, which hides every NVIDIA GPU"
    return [], "NVML finds no NVIDIA GPU on this machine"


def facts() -> dict[str, Any]:
    """The machine's part of `run.json`."""
    visible, why = gpus()
    return {
        "host": socket.gethostname(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": cpu_model(),
        "cores": cores(),
        "cores_in_machine": cores_in_machine(),
        "memory_bytes": memory_limit(),
        "gpus": visible,
        "links": nvml.links() if visible else [],
        "no_gpu_because": why or None,
        "python": platform.python_version(),
    }


def check_processes() -> None:
    """Raise `UsageError` if /proc shows another namespace: we would read, and kill, processes of others.

    This happens in a namespace of process ids that was made without mounting /proc again.
    """
    try:
        number = str(Path("/proc/self").readlink())
    except OSError:
        raise UsageError(NO_PROC) from None
    if number != str(os.getpid()):
        raise UsageError(
            f"/proc shows another namespace, in which this process is {number} and not {os.getpid()}: mount it anew "
            "(unshare --mount-proc, bwrap --proc /proc)"
        )


def seconds_running() -> float:
    """Seconds since this process started, including the time to load this program."""
    return time() - float(psutil.Process().create_time())


def name_of(facts: Mapping[str, Any]) -> str:
    """A machine's name by its facts, fit for a folder: `1-h200-16-cores-xeon`."""
    counts = Counter(re.sub(r"nvidia|tesla|geforce", "", gpu["name"].lower()) for gpu in facts["gpus"])
    boards = [f"{count} {model}" for model, count in counts.items()]
    cpu = re.sub(r"\((r|tm)\)", " ", facts["cpu"].lower())
    family = re.search(r"(?:intel|amd)\s+([a-z]+)", cpu) or re.search(r"([a-z0-9_]+)", cpu)
    parts = [*boards, f"{facts['cores']} cores", family[1] if family else ""]
    return "-".join(word for part in parts for word in re.findall(r"[a-z0-9_.]+", part))


@functools.cache
def versions() -> dict[str, str]:
    """The versions of this project and of all installed packages that any of its extras names."""
    installed = {PROJECT: metadata.version(PROJECT)}
    for line in metadata.requires(PROJECT) or []:
        name = line.partition(";")[0].partition("[")[0].split("=")[0].split("<")[0].split(">")[0].split("!")[0].strip()
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(installed.items()))


def commit() -> str | None:
    """The git commit of the checkout this code runs from, with `+` if the tree is changed; None from a wheel."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return None
    try:
        head = _git(here, "rev-parse", "--short=12", "HEAD")
        return f"{head}+" if _git(here, "status", "--porcelain", "--untracked-files=no") else head
    except (OSError, subprocess.SubprocessError):
        return None


def changed() -> set[Path]:
    """The files of the checkout this code runs from that differ from its commit; none from a wheel."""
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return set()
    try:
        return {here / name for name in _git(here, "diff", "--name-only", "-z", "HEAD").split("\0") if name}
    except (OSError, subprocess.SubprocessError):
        return set()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()


def _cgroup_quota() -> float | None:
    """Cores granted by the cgroup's CPU quota; None without one."""
    quotas: list[float] = []
    for folder in _cgroup_folders("cpu"):
        if text := _read(folder / "cpu.max"):
            quota, _, period = text.partition(" ")
            if quota != "max":
                quotas.append(int(quota) / int(period))
        elif text := _read(folder / "cpu.cfs_quota_us"):
            period = _read(folder / "cpu.cfs_period_us") or "100000"
            if int(text) > 0:
                quotas.append(int(text) / int(period))
    return min(quotas, default=None)


def _cgroup_folders(controller: str) -> list[Path]:
    """This process's cgroup and all its parents, in version 2 and in version 1."""
    folders: list[Path] = []
    for line in (_read(Path("/proc/self/cgroup")) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = CGROUP
        elif controller in controllers.split(","):
            root = CGROUP / controllers
        else:
            continue
        place = root / path.lstrip("/")
        folders += [place, *(parent for parent in place.parents if parent.is_relative_to(root))]
        folders.append(root)
    return list(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
