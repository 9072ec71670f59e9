"""What differs between two runs, in words, and why they cannot be compared."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from residency.analysis.likeness import BOARD_FACTS, Likeness, board_order, is_slice
from residency.harness.environment import Difference
from residency.harness.records import RunInfo
from residency.reports import words

LABELS = {
    "cpu": "processor",
    "cores in machine": "cores of the machine",
    "gate": "gate mode",
    "gpus": "GPUs",
    "order of the gpus": "order of the GPUs",
    "python": "Python",
    "driver": "GPU driver",
    "persistence mode": "GPU persistence mode",
    "protocol": "protocol between workers",
    "worker threads": "threads of each worker",
}
UNSET = {"protocol": "not used", "scheduler": "not used", "memory limit": "not set", "worker threads": "not set"}


def difference(found: Difference) -> str:
    """`processor AMD EPYC in the baseline, Intel Xeon now`."""
    name, before, after = named(found)
    return f"{name} {before} in the baseline, {after} now"


def named(found: Difference) -> tuple[str, str, str]:
    """What differs, and its value in each run, in words."""
    before, after = (_value(found.name, value) for value in (found.before, found.after))
    if found.name == "gpus" and before == after:
        before, after = (_in_detail(value) for value in (found.before, found.after))
    return LABELS.get(found.name, found.name), before, after


def refusal(unlike: Likeness, baseline: RunInfo) -> str:
    """Why two runs cannot be compared, and what to do, in one line."""
    causes = []
    if unlike.machines:
        causes.append(f"unlike machines: {'; '.join(map(difference, unlike.machines))}")
    if unlike.settings:
        causes.append(f"measured in unlike ways: {'; '.join(map(difference, unlike.settings))}")
    if unlike.environment:
        causes.append(f"unlike environments, which change speed: {'; '.join(map(difference, unlike.environment))}")
    commit = f" (commit {baseline.commit})" if baseline.commit else ""
    again = f"measure the baseline{commit} again on the current run's machine: {shlex.join(baseline.command)}"
    if not unlike.machines:
        again = f"measure one of them again {_as_the_other(unlike)}"
    return f"{'; '.join(causes)}. Remedy: {again}"


def _as_the_other(unlike: Likeness) -> str:
    """How to measure one run in the same way as the other."""
    how = ["with the --threads and --gate of the other"] if unlike.settings else []
    if unlike.environment:
        of_baseline = f" (that of the baseline: {unlike.remedy})" if unlike.remedy else ""
        how.append(f"in the environment of the other{of_baseline}")
    return ", ".join(how)


def boards(gpus: Sequence[Mapping[str, Any]]) -> str:
    """The GPUs of a machine: `2 × NVIDIA L4`, `none`."""
    return _named([str(board.get("name", "a GPU")) for board in gpus])


def _value(name: str, value: Any) -> str:
    if name in {"gpus", "order of the gpus"}:
        return boards(value)
    if value is None and name in UNSET:
        return UNSET[name]
    if name in {"memory", "memory limit"}:
        return words.size(value)
    if isinstance(value, tuple):  # one value for each GPU
        return ", ".join(sorted({_fact(name, each) for each in value}))
    return _switch(value)


def _fact(name: str, value: Any) -> str:
    if name == BOARD_FACTS["cuda"] and isinstance(value, int):
        return f"{value // 1000}.{value % 1000 // 10}"
    return _switch(value)


def _switch(value: Any) -> str:
    return "off" if value is None or value is False else "on" if value is True else str(value)


def _in_detail(gpus: Sequence[Mapping[str, Any]]) -> str:
    """The GPUs with their memory, for machines whose GPUs have the same names."""
    return _named([_board(board) for board in sorted(gpus, key=board_order)])


def _board(board: Mapping[str, Any]) -> str:
    details = [words.size(int(board["memory_bytes"]))] if board.get("memory_bytes") else []
    if is_slice(board):
        details.append("MIG on")
    return f"{board.get('name', 'a GPU')} ({', '.join(details) or 'memory not told'})"


def _named(names: Sequence[str]) -> str:
    counts = Counter(names)
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items()) or "none"
