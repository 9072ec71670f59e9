"""Whether an execution that was asked for on the GPU ran there: which traces it leaves, and what they prove.

Before a process can compute on a GPU it opens the driver's files and makes a context there, which takes a hundred
megabytes of the device's memory and more. So the first execution of every fresh process is checked for these traces:

    listed    NVML names a process of the worker among those that compute. That proves it; not to be named proves
              nothing, since in a container, and in some virtual machines, NVML counts processes otherwise
    context   the worker has a CUDA context (`harness/driver.py`). That proves it too; to have none proves nothing of
              OpenCL, nor of processes that the worker has started
    rise      of the memory in use on all GPUs that it may see. Where nothing rises, no context came. What rises may be
              another tenant's, but nobody is accused whose own it may be
    opened    one of the worker's processes has a file of the driver open. Where none has, none used the GPU; to have
              one proves nothing, since counting the GPUs needs as much

If an implementation has a context but computes on the CPU, it is found only if its library says so. Work by a server
that the worker has not started does not count as the worker's own.

Not yet seen on a real GPU: tested against a stand-in for the driver's libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from residency.harness.outcomes import OK, Ending, Outcome
from residency.harness.task import Implementation
from residency.runners import nvml

LEAST = 16 * 2**20  # bytes: no context, of CUDA or of OpenCL, takes as little
FILES = re.compile(r"/dev/(nvidia|nvmap|nvhost|dxg)")  # of the driver: on PCIe, on Tegra, in Windows' Linux
SAYS = {  # a library's own words for it
    "xgboost": re.compile("setting device to cpu|changed from gpu to cpu", re.IGNORECASE),
    "jax": re.compile("falling back to cpu|cuda backend failed to initialize", re.IGNORECASE),
}
QUOTED = 300  # letters
FELL_BACK = "asked for the GPU, ran on the CPU"
ELSEWHERE = "whether it ran on a GPU cannot be told: its cluster was not started here"
UNCLEAR = (
    "whether it ran on the GPU cannot be told: NVML tells no memory in use here and does not name the worker, which "
    "has opened the driver's files and shows no CUDA context"
)


@dataclass
class Trace:
    """What is seen of a worker's first execution; None for what cannot be seen."""

    listed: bool = False
    opened: bool | None = False
    _used: list[int | None] = field(default_factory=list)  # bytes, at each look

    def look(self, family: Sequence[int]) -> None:
        """Look at the worker's processes now."""
        seen = nvml.use(set(family))
        self.listed = self.listed or seen.listed
        self._used.append(seen.memory)
        if not self.opened:
            looked = [_has_opened(one) for one in family]
            self.opened = True if True in looked else None if None in [self.opened, *looked] else False

    @property
    def rise(self) -> int | None:
        """The largest rise of the memory in use above an earlier minimum."""
        if not self._used or None in self._used:
            return None
        known = [one for one in self._used if one is not None]
        return max(used - min(known[: number + 1]) for number, used in enumerate(known))

    def ran_there(self, context: bool | None) -> bool | None:
        """Whether it ran on the GPU; None if that cannot be told."""
        rise = self.rise
        if self.listed or context or (rise is not None and rise >= LEAST):
            return True
        return False if rise is not None or self.opened is False else None


def judge(
    implementation: Implementation, trace: Trace | None, context: bool | None, log: str
) -> tuple[Ending, str | None]:
    """Whether a successful first execution ran on the GPU, or why that cannot be told."""
    said = list(_said(log))
    own = {implementation.package, *(name.partition(".")[0] for name in implementation.needs)}
    conclusive = next((words for speaker, words in said if speaker in own), None)
    if conclusive is not None:
        return Ending(Outcome.FELL_BACK, f"{FELL_BACK}: {conclusive}"), None
    if trace is None:
        return OK, ELSEWHERE
    there = trace.ran_there(context)
    if there is None:
        return OK, UNCLEAR
    if there:
        return OK, None
    quotes = [words for _, words in said[:1]]
    return Ending(Outcome.FELL_BACK, f"{FELL_BACK}: {', '.join([*_evidence(trace, context), *quotes])}"), None


def _evidence(trace: Trace, context: bool | None) -> list[str]:
    """The proof that the GPU was not used, in words."""
    seen = []
    if trace.rise is not None:
        seen.append("no process of this worker came to hold memory on the GPU")
    if trace.opened is False:
        seen.append("none opened the driver's files")
    if context is False:
        seen.append("no CUDA context was made")
    return seen


def _said(log: str) -> Iterator[tuple[str, str]]:
    """Which libraries say in a worker's output that they compute on the CPU, with their words but no time and place."""
    for line in log.splitlines():
        for library, words in SAYS.items():
            if (found := words.search(line)) is not None:
                start = line[: found.start()].rpartition(": ")[2]
                yield library, f"{library} said `{(start + line[found.start() :]).strip()[:QUOTED]}`"


def _has_opened(process: int) -> bool | None:
    """Whether a process has a file of the driver open; None if that cannot be seen, False if the process has ended."""
    try:
        return any(FILES.search(_target(one)) for one in Path(f"/proc/{process}/fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return False
    except OSError:
        return None


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""  # closed meanwhile
