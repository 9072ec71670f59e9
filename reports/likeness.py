"""Whether the machines of two runs are alike, and what else differs between the runs.

What sets a machine's speed must be the same, else "slower" says nothing of the code: the processor, the cores that may
be used, the GPUs, the variables of the environment that change speed. What is installed may change, and a gate may be
there to test just that: drivers, the kernel, Python, libraries. Such a change is said. What tells two boards of one
model apart (UUIDs) and their order are no differences.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.harness import environment as environments
from residency.harness.environment import Unlike
from residency.harness.records import RunInfo
from residency.reports import words

MEMORY_ALIKE = 0.05  # of a board's memory: what drivers keep for themselves; ECC on a board without HBM takes 6 %
FACTS = ("cores_in_machine", "system", "python")
NEEDED_SETTINGS = ("threads", "gate")
OTHER_SETTINGS = ("worker_threads", "memory_limit", "scheduler")
BOARD_FACTS = {  # of GPUs of the same model, what may differ, and its name in words
    "driver": "driver",
    "cuda": "CUDA of the driver",
    "persistence": "persistence mode",
    "max_sm_megahertz": "GPU's highest clock in MHz",
    "max_memory_megahertz": "GPU memory's highest clock in MHz",
    "pcie_generation": "PCIe generation",
    "pcie_width": "PCIe width",
}


@dataclass(frozen=True)
class Likeness:
    """What differs between two runs, each as `name BASELINE against CURRENT`."""

    differences: list[str]  # all, those that forbid a comparison among them
    machines: list[str] = field(default_factory=list)  # of the machines, what forbids a comparison
    settings: list[str] = field(default_factory=list)  # of how was measured, what forbids one
    environment: list[str] = field(default_factory=list)  # of variables that change speed, and of the BLAS, likewise
    remedy: str = ""  # that makes the current environment like that of the baseline

    @property
    def comparable(self) -> bool:
        """Whether times of these runs may be compared."""
        return not self.forbids

    @property
    def forbids(self) -> list[str]:
        """All that forbids a comparison."""
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
    ]
    forbids = [*machines, *settings, *environment.forbids]
    return Likeness([*forbids, *said], machines, settings, environment.forbids, environment.remedy)


def refusal(unlike: Likeness, baseline: RunInfo) -> str:
    """Why two runs are not compared, and what to do: one line."""
    causes = []
    if unlike.machines:
        causes.append(f"unlike machines: {'; '.join(unlike.machines)}")
    if unlike.settings:
        causes.append(f"measured in unlike ways: {'; '.join(unlike.settings)}")
    if unlike.environment:
        causes.append(f"unlike environments, which change speed: {'; '.join(unlike.environment)}")
    commit = f" (commit {baseline.commit})" if baseline.commit else ""
    again = f"measure the baseline{commit} again on this machine: {shlex.join(baseline.command)}"
    if not unlike.machines:
        again = f"measure one of them again {_as_the_other(unlike)}"
    return f"{'; '.join(causes)}. Remedy: {again}"


def _as_the_other(unlike: Likeness) -> str:
    """How to measure one run as the other was."""
    how = ["with the --threads and --gate of the other"] if unlike.settings else []
    if unlike.environment:
        of_baseline = f" (that of the baseline: {unlike.remedy})" if unlike.remedy else ""
        how.append(f"in the environment of the other{of_baseline}")
    return ", ".join(how)


def _environment(baseline: RunInfo, current: RunInfo) -> Unlike:
    gpus = bool(baseline.machine.get("gpus")) and bool(current.machine.get("gpus"))
    return environments.unlike(baseline.environment, current.environment, gpus)


def boards(machine: Mapping[str, Any]) -> str:
    """The GPUs of a machine in words: `2 × NVIDIA L4`, `none`."""
    return _named([str(board.get("name", "a GPU")) for board in machine.get("gpus") or []])


def _facts(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    pairs = [(name, _spaced(before.get(name)), _spaced(after.get(name))) for name in names]
    return [_against(name.replace("_", " "), old, new) for name, old, new in pairs if old != new]


def _settings(before: Mapping[str, Any], after: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Settings that differ; older runs lack some, which were off then."""
    pairs = [(name, before.get(name) or None, after.get(name) or None) for name in names]
    return [_against(name.replace("_", " "), _switch(old), _switch(new)) for name, old, new in pairs if old != new]


def _boards(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The GPUs, where both machines have some and they are not the same; a GPU that one side lacks slows no CPU."""
    old, new = (sorted(machine.get("gpus") or [], key=_board_order) for machine in (before, after))
    if not old or not new or (len(old) == len(new) and all(map(_same_board, old, new))):
        return []
    names = boards(before), boards(after)
    if names[0] == names[1]:
        names = _named([_board_text(board) for board in old]), _named([_board_text(board) for board in new])
    return [_against("gpus", *names)]


def _board_order(board: Mapping[str, Any]) -> tuple[str, bool, int]:
    return _model(board), _is_slice(board), int(board.get("memory_bytes") or 0)


def _same_board(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if (_model(old), _is_slice(old)) != (_model(new), _is_slice(new)):
        return False
    memories = [int(board["memory_bytes"]) for board in (old, new) if board.get("memory_bytes")]
    return len(memories) < len((old, new)) or max(memories) - min(memories) <= MEMORY_ALIKE * max(memories)


def _model(board: Mapping[str, Any]) -> str:
    """A board's model whatever the driver's version calls it: older ones leave the vendor out."""
    return str(_spaced(board.get("name", ""))).lower().removeprefix("nvidia ").removeprefix("tesla ")


def _is_slice(board: Mapping[str, Any]) -> bool:
    """Whether it is a part of a board (MIG), or a board that is divided into parts."""
    return bool(board.get("mig")) or " mig " in f" {board.get('name', '')} ".lower()


def _board_text(board: Mapping[str, Any]) -> str:
    details = [words.size(int(board["memory_bytes"]))] if board.get("memory_bytes") else []
    if _is_slice(board):
        details.append("MIG on")
    return f"{board.get('name', 'a GPU')} ({', '.join(details) or 'memory not told'})"


def _named(names: Sequence[str]) -> str:
    counts = Counter(names)
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items()) or "none"


def _memory(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The host's memory where it differs by more than machines of one kind do from start to start."""
    old, new = before.get("memory_bytes"), after.get("memory_bytes")
    if not old or not new or words.size(old) == words.size(new):
        return []
    return [_against("memory", words.size(old), words.size(new))]


def _board_facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs about the GPUs without making them others: their drivers, their clocks, their links, their order."""
    old, new = (machine.get("gpus") or [] for machine in (before, after))
    if not old or not new:
        return [_against("gpus", boards(before), boards(after))] if old or new else []
    found = []
    for name, label in BOARD_FACTS.items():
        values = [sorted({_fact(name, one[name]) for one in some if one.get(name) is not None}) for some in (old, new)]
        if all(values) and values[0] != values[1]:
            found.append(_against(label, ", ".join(values[0]), ", ".join(values[1])))
    if list(map(_model, old)) != list(map(_model, new)) and sorted(map(_model, old)) == sorted(map(_model, new)):
        found.append(_against("order of the gpus", boards(before), boards(after)))
    return found


def _fact(name: str, value: Any) -> str:
    if name == "cuda":
        return f"{value // 1000}.{value % 1000 // 10}" if isinstance(value, int) else str(value)
    return str(_switch(value))


def _versions(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        _against(name, before.get(name, "absent"), after.get(name, "absent"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _switch(value: Any) -> Any:
    return "off" if value is None or value is False else "on" if value is True else value


def _spaced(value: Any) -> Any:
    """A text with single spaces: processors' names come padded."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _against(name: str, old: Any, new: Any) -> str:
    return f"{name} {old} against {new}"
