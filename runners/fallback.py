"""Find out whether an execution that should use the GPU did so: which traces it leaves, and what they prove.

Before a process can compute on a GPU, it opens the driver's files and creates a context there, which takes at least a
hundred megabytes of the device's memory. So the first execution of every fresh process is checked for these traces:

    listed    NVML names a process of the worker among those that compute. That proves that it used the GPU. If NVML
              does not name it, that proves nothing: in containers and some virtual machines NVML numbers processes
              differently
    context   The worker has a CUDA context (`harness/driver.py`). That proves it, too. A missing context proves nothing
              about OpenCL, nor about processes that the worker has started
    rise      The memory in use rises on the GPUs that the worker may see. If it does not rise, no context was created,
              unless another tenant gave memory back meanwhile: if it falls, nothing is known.
              A rise may come from another tenant, but the worker gets the benefit of the doubt
    opened    One of the worker's processes has a file of the driver open. If none has, none used the GPU. An open file
              proves nothing, since even counting the GPUs opens one

If an implementation has a context but computes on the CPU, it is found only if its library says so: in a warning, a log
or a print, for each of which a worker's environment makes room. What a cluster's workers say is not heard, and
Dask-CUDA makes a context in each of them before there is any work. Work by a server that the worker has not started
does not count as the worker's own.

Not yet seen on a real GPU: tested against a stand-in for the driver's libraries.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.task import Implementation
from residency.runners import nvml

LEAST = 16 * 2**20  # bytes: every context, of CUDA or of OpenCL, takes more
FILES = re.compile(r"/dev/(nvidia|nvmap|nvhost|dxg)")  # the driver's files: on PCIe, on Tegra, in Windows' Linux
SAYS = {  # messages by which a library says that it computes on the CPU
    "xgboost": re.compile("setting device to cpu|changed from gpu to cpu", re.IGNORECASE),
    "jax": re.compile("falling back to cpu|cuda backend failed to initialize", re.IGNORECASE),
    "polars": re.compile("query execution with gpu not possible|gpu engine does not support", re.IGNORECASE),
    "cuml.accel": re.compile(r"\[cuml\.accel\] .* falling back to cpu", re.IGNORECASE),
    "cudf.pandas": re.compile("falling back to only using pandas", re.IGNORECASE),
    "lightgbm": re.compile("falling back to cpu", re.IGNORECASE),
}
FOR = {
    "cuml.accel": {"cuml", "sklearn", "umap", "hdbscan"},
    "cudf.pandas": {"cudf", "pandas"},
}  # whose work it speaks of
# Python filters warnings by how they begin. XGBoost's begin with the time in brackets. To name a category would import
# its package when Python starts.
WARNINGS = ",".join(
    [
        "ignore",
        "default:[:UserWarning",  # XGBoost
        "default:Query execution with GPU not possible",  # Polars, which has a category of its own, PerformanceWarning
        "default:GPU engine does not support",
        "default:Exception encountered importing",  # cudf.pandas
    ]
)
VERBOSE = "POLARS_VERBOSE"
LOUDER = {"CUML_ACCEL_LOG_LEVEL": "info"}  # cuml.accel prints a line for each call, also that it ran on the GPU
QUOTED = 300  # letters
FELL_BACK = "asked for the GPU, ran on the CPU"
ELSEWHERE = "it is not known whether it ran on a GPU: its cluster was not started here"
UNCLEAR = (
    "it is not known whether it ran on the GPU: NVML does not tell the memory in use here and does not name the "
    "worker; the worker has opened the driver's files and has no CUDA context"
)
HIDDEN = (
    "it is not known whether it ran on the GPU: memory in use there fell meanwhile, which may hide the worker's own, "
    "NVML does not name the worker, and it has no CUDA context"
)


@contextmanager
def outspoken(implementation: Implementation, cold: bool) -> Iterator[None]:
    """Let Polars say in a cold execution why a query did not run on the GPU: cuDF's engine warns only if it is verbose.

    Polars then writes a line for each step, too, so the executions that are compared are silent.
    """
    if not cold or implementation.device != "gpu" or "polars" not in _packages(implementation) or VERBOSE in os.environ:
        yield
        return
    os.environ[VERBOSE] = "1"
    try:
        yield
    finally:
        del os.environ[VERBOSE]
        if (polars := sys.modules.get("polars")) is not None:
            polars.Config.set_verbose(None)  # it remembers what the variable was


@dataclass
class Trace:
    """The traces of a worker's first execution; None for those that cannot be seen."""

    listed: bool = False
    opened: bool | None = False
    _used: list[int | None] = field(default_factory=list)  # bytes in use, at each look

    def look(self, family: Sequence[int]) -> None:
        """Look at the worker's processes now."""
        seen = nvml.use(set(family))
        self.listed = self.listed or seen.listed
        self._used.append(seen.memory)
        if not self.opened:
            looked = [_has_opened(process) for process in family]
            self.opened = True if True in looked else None if None in [self.opened, *looked] else False

    @property
    def rise(self) -> int | None:
        """The largest rise of the memory in use above an earlier minimum."""
        if not self._used or None in self._used:
            return None
        known = [amount for amount in self._used if amount is not None]
        return max(used - min(known[: number + 1]) for number, used in enumerate(known))

    @property
    def gave_back(self) -> bool:
        """Whether somebody gave memory back meanwhile, which may hide a rise."""
        known = [amount for amount in self._used if amount is not None]
        return any(max(known[: number + 1]) - used >= LEAST for number, used in enumerate(known))

    def ran_there(self, context: bool | None) -> bool | None:
        """Whether it ran on the GPU; None if that is not known."""
        rise = self.rise
        if self.listed or context or (rise is not None and rise >= LEAST):
            return True
        flat = rise is not None and not self.gave_back
        return False if flat or self.opened is False else None


def judge(
    implementation: Implementation, trace: Trace | None, context: bool | None, log: str
) -> tuple[Ending, str | None]:
    """Whether a successful first execution ran on the GPU, or why that is not known."""
    said = list(_said(log))
    own = _packages(implementation)
    said = [
        (speaker, words) for speaker, words in said if speaker != implementation.accelerator
    ]  # its calls are counted
    conclusive = next((words for speaker, words in said if FOR.get(speaker, {speaker}) & own), None)
    if conclusive is not None:
        return Ending(Outcome.FELL_BACK, f"{FELL_BACK}: {conclusive}"), None
    if trace is None:
        return OK, ELSEWHERE
    there = trace.ran_there(context)
    if there is None:
        return OK, HIDDEN if trace.gave_back else UNCLEAR
    if there:
        return OK, None
    quotes = [words for _, words in said[:1]]
    return Ending(Outcome.FELL_BACK, f"{FELL_BACK}: {', '.join([*_evidence(trace, context), *quotes])}"), None


def _packages(implementation: Implementation) -> set[str]:
    return {implementation.package, *(name.partition(".")[0] for name in implementation.needs)}


def _evidence(trace: Trace, context: bool | None) -> list[str]:
    """The proof that the GPU was not used, in words."""
    seen = []
    if trace.rise is not None and not trace.gave_back:
        seen.append("no process of this worker came to hold memory on the GPU")
    if trace.opened is False:
        seen.append("none opened the driver's files")
    if context is False:
        seen.append("no CUDA context was made")
    return seen


def _said(log: str) -> Iterator[tuple[str, str]]:
    """The libraries that say in a worker's output that they compute on the CPU, and their words without the prefix."""
    for line in log.splitlines():
        for library, words in SAYS.items():
            if (match := words.search(line)) is not None:
                start = line[: match.start()].rpartition(": ")[2]
                yield library, f"{library} said `{(start + line[match.start() :]).strip()[:QUOTED]}`"


def _has_opened(process: int) -> bool | None:
    """Whether a process has a file of the driver open; None if that cannot be seen, False if the process has ended."""
    try:
        return any(FILES.search(_target(link)) for link in Path(f"/proc/{process}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return None


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""  # closed meanwhile
