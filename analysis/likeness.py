"""Whether the machines of two runs are alike, and what else differs between the runs.

What sets a machine's speed must be the same, or "slower" says nothing about the code: the processor, the cores that may
be used, the GPUs, the environment variables that change speed. Installed software may change (drivers, the kernel,
Python, libraries), because a gate may be there to test just that. The report names such a change. The UUIDs of two
boards of one model, and their order, are not differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from residency.harness import environment as environments
from residency.harness.environment import Difference, Unlike
from residency.harness.records import RunInfo

ABSENT = "not installed"  # a library in one of two runs
MEMORY_ALIKE = 0.05  # of a board's memory: what drivers keep for themselves; ECC on a board without HBM takes 6 %
FACTS = ("cores_in_machine", "system", "python")
NEEDED_SETTINGS = ("threads", "gate")
OTHER_SETTINGS = ("worker_threads", "memory_limit", "scheduler", "protocol")
BOARD_FACTS = {  # of GPUs of the same model, what may differ, and its name in words
    "driver": "driver",
    "cuda": "CUDA of the driver",
    "persistence": "persistence mode",
    "max_sm_megahertz": "GPU's highest clock in MHz",
    "max_memory_megahertz": "GPU memory's highest clock in MHz",
    "pcie_generation": "PCIe generation",
    "pcie_width": "PCIe width",
    "nvlinks": "number of NVLinks",
}


@dataclass(frozen=True)
class Likeness:
    """What differs between two runs.

    The values of a difference are the GPUs as recorded, bytes of memory, several values of one fact as a tuple, or
    texts; None means off, or not set.
    """

    differences: list[Difference]  # all, those that forbid a comparison among them
    machines: list[Difference] = field(default_factory=list)  # of the machines, what forbids a comparison
    settings: list[Difference] = field(default_factory=list)  # of how was measured, what forbids one
    environment: list[Difference] = field(default_factory=list)  # of variables that change speed, and of the BLAS
    remedy: str = ""  # that makes the current environment like that of the baseline

    @property
    def forbids(self) -> list[Difference]:
        """All that forbids a comparison of times."""
        return [*self.machines, *self.settings, *self.environment]


def likeness(baseline: RunInfo, current: RunInfo) -> Likeness:
    """Compare the machines, the software and the settings of two runs."""
    before, after = baseline.machine, current.machine
    machines = [*_facts(before, after, ("cpu", "cores")), *_boards(before, after)]
    settings = _settings(baseline.settings, current.settings, NEEDED_SETTINGS)
    environment = _environment(baseline, current)
    said = [
        *_facts(before, after, FACTS),
        *_memory(before, after),
        *_board_facts(before, after),
        *_settings(baseline.settings, current.settings, OTHER_SETTINGS),
        *environment.said,
        *_versions(baseline.versions, current.versions),
        *_elsewhere(baseline, current),
    ]
    forbids = [*machines, *settings, *environment.forbids]
    return Likeness([*forbids, *said], machines, settings, environment.forbids, environment.remedy)


def _environment(baseline: RunInfo, current: RunInfo) -> Unlike:
    gpus = bool(baseline.machine.get("gpus")) and bool(current.machine.get("gpus"))
    return environments.unlike(baseline.environment, current.environment, gpus)


def is_slice(board: Mapping[str, Any]) -> bool:
    """Whether a GPU is a part of a board (MIG), or a board that is divided into parts."""
    return bool(board.get("mig")) or " mig " in f" {board.get('name', '')} ".lower()


def _facts(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> list[Difference]:
    pairs = [(name, _spaced(before.get(name)), _spaced(after.get(name))) for name in names]
    return [Difference(name.replace("_", " "), str(old), str(new)) for name, old, new in pairs if old != new]


def _settings(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> list[Difference]:
    """Settings that differ; older runs lack some settings, which were off then."""
    pairs = [(name, before.get(name) or None, after.get(name) or None) for name in names]
    return [Difference(name.replace("_", " "), old, new) for name, old, new in pairs if old != new]


def _boards(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The GPUs, if both machines have some and they differ; a GPU that one side lacks does not slow the CPU."""
    old, new = (machine.get("gpus") or [] for machine in (before, after))
    if not old or not new:
        return []
    alike = map(_same_board, sorted(old, key=board_order), sorted(new, key=board_order))
    return [] if len(old) == len(new) and all(alike) else [Difference("gpus", old, new)]


def board_order(board: Mapping[str, Any]) -> tuple[str, bool, int]:
    """The key by which GPUs are sorted before they are compared."""
    return _model(board), is_slice(board), int(board.get("memory_bytes") or 0)


def _same_board(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if (_model(old), is_slice(old)) != (_model(new), is_slice(new)):
        return False
    memories = [int(board["memory_bytes"]) for board in (old, new) if board.get("memory_bytes")]
    return len(memories) < len((old, new)) or max(memories) - min(memories) <= MEMORY_ALIKE * max(memories)


def _model(board: Mapping[str, Any]) -> str:
    """A board's model, independent of the driver's version: older drivers leave the vendor out."""
    return str(_spaced(board.get("name", ""))).lower().removeprefix("nvidia ").removeprefix("tesla ")


def _memory(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The host's memory, if it differs by more than equal machines differ from boot to boot."""
    old, new = before.get("memory_bytes"), after.get("memory_bytes")
    if not old or not new or _three_digits(old) == _three_digits(new):
        return []
    return [Difference("memory", old, new)]


def _three_digits(size: int) -> tuple[int, float]:
    """A size as a power of 1,024 and a number of such units, to three digits."""
    power = max(0, int(math.log2(size) / 10))
    amount = size / 1024**power
    return power, round(amount, max(0, 2 - int(math.log10(amount))))


def _board_facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What may differ in the same GPUs: their drivers, their clocks, their links, their order."""
    old, new = (machine.get("gpus") or [] for machine in (before, after))
    if not old or not new:
        return [Difference("gpus", old, new)] if old or new else []
    found = []
    for name, label in BOARD_FACTS.items():
        values = [{board[name] for board in boards if board.get(name) is not None} for boards in (old, new)]
        if all(values) and values[0] != values[1]:
            found.append(Difference(label, tuple(values[0]), tuple(values[1])))
    if list(map(_model, old)) != list(map(_model, new)) and sorted(map(_model, old)) == sorted(map(_model, new)):
        found.append(Difference("order of the gpus", old, new))
    return found


def _versions(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    return [
        Difference(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _elsewhere(baseline: RunInfo, current: RunInfo) -> list[Difference]:
    """The differences of named environments that both runs used."""
    found = []
    for name in sorted(baseline.environments.keys() & current.environments.keys()):
        before, after = (
            {"Python": run.environments[name]["python"], **run.environments[name]["versions"]}
            for run in (baseline, current)
        )
        found += [replace(one, name=f"{one.name} in {name}") for one in _versions(before, after)]
    return found


def _spaced(value: Any) -> Any:
    """A text with single spaces, because processors' names are padded."""
    return " ".join(value.split()) if isinstance(value, str) else value
