"""What an A/A control says of a machine: false alarms, power, and the smallest effect that can be seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residency.harness import statistics, store
from residency.harness.errors import UsageError
from residency.harness.records import Records
from residency.reports.summary import timed_samples

TASK, DATASET, SIZE = "_selftest/control", "linear", "smoke"
WORKS = {"python": "pure Python", "native": "compiled, one thread"}
DRAWS = 400  # of so many replicates out of those measured
EFFECT = 0.05
POWER_T = 0.85  # standard deviations: 80 % power


@dataclass(frozen=True)
class Control:
    """One kind of work. Shares are of trials drawn from the measured processes."""

    work: str
    spread: float  # standard deviation of the log ratio between pairs of fresh processes
    false_alarms: float  # of A against itself, at `replicates`
    power: float  # of seeing A + 5 %
    smallest: float  # effect seen four times in five, as a fraction, at `replicates`
    needed: int  # replicates for seeing 5 % four times in five
    replicates: int
    processes: int


def controls(records: Records, replicates: int = statistics.ENOUGH_REPLICATES) -> list[Control]:
    """The A/A control of every kind of work in a run of the self-test."""
    times = timed_samples(records)

    def samples(name: str) -> dict[int, list[float]]:
        return times[TASK, DATASET, SIZE, f"{name}@cpu"]

    return [
        _control(label, samples(work), samples(f"{work}_again"), samples(f"{work}_slower"), replicates)
        for work, label in WORKS.items()
    ]


def _control(
    label: str, first: dict[int, list[float]], again: dict[int, list[float]], slower: dict[int, list[float]], count: int
) -> Control:
    shared = sorted(first.keys() & again.keys() & slower.keys())
    a, same, more = ([side[number] for number in shared] for side in (first, again, slower))
    logs = [float(np.median(one)) for one in statistics.log_ratios(a, same)]
    spread = float(np.std(logs, ddof=1))
    generator = np.random.default_rng(0)
    size = min(count, len(shared))
    chosen = [generator.choice(len(shared), size, replace=False).tolist() for _ in range(DRAWS)]
    alarms = [_verdict(a, same, one) in {"faster", "slower"} for one in chosen]
    caught = [_verdict(a, more, one) == "slower" for one in chosen]
    return Control(
        work=label,
        spread=spread,
        false_alarms=float(np.mean(alarms)),
        power=float(np.mean(caught)),
        smallest=smallest_effect(spread, count),
        needed=next((n for n in range(count, 500) if smallest_effect(spread, n) <= EFFECT), 500),
        replicates=count,
        processes=len(shared),
    )


def keep(text: dict[str, Any]) -> None:
    """Put a self-test on record for this machine; raises `UsageError` where that cannot be written."""
    path = _record()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text, indent=1))
    except OSError as error:
        raise UsageError(
            f"cannot keep the self-test in {path}: {error.strerror}; RESIDENCY_CACHE names a folder"
        ) from None


def smallest_on_record(machine: Mapping[str, Any]) -> float | None:
    """The smallest effect that a machine like this one was seen to detect, as a fraction; None without a self-test."""
    try:
        kept = json.loads(_record().read_text())
    except (OSError, ValueError):
        return None
    if any(kept["machine"].get(name) != machine.get(name) for name in ("cpu", "cores", "host")):
        return None
    return float(min(one["smallest"] for one in kept["controls"]))


def _record() -> Path:
    return store.cache_folder() / "selftest.json"


def smallest_effect(spread: float, replicates: int) -> float:
    """The effect that a 99 % verdict beyond the margin sees four times in five, as a fraction."""
    return statistics.MARGIN + (statistics.student(0.01, replicates - 1) + POWER_T) * spread / float(
        np.sqrt(replicates)
    )


def _verdict(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], chosen: Sequence[int]) -> str:
    return statistics.verdict(statistics.speed_ratio([first[one] for one in chosen], [second[one] for one in chosen]))
