"""What an A/A control says of a machine: false alarms, power, and the smallest effect that can be seen."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from residency.analysis.rows import timed_samples
from residency.harness import statistics, store
from residency.harness.errors import UsageError
from residency.harness.files import write_whole
from residency.harness.records import Records, RunInfo

TASK, DATASET, SIZE = "_selftest/control", "answered", "smoke"
WORKS = {"python": "pure Python", "native": "compiled, one thread"}
TOGETHER = {"together": "compiled, all cores"}
COPIES = ("", "_again", "_third", "_fourth")  # of the same work, as far as there are
DRAWS = 400  # of so many replicates out of those measured
EFFECT = 0.05
OFTEN = 0.8  # of trials: what counts as being able to see an effect
MOST = 500  # processes to look for


@dataclass(frozen=True)
class Control:
    """One kind of work. Shares are of trials drawn from the measured processes."""

    work: str
    threads: int
    beside: int  # bursty processes that came and went meanwhile
    copies: int  # identical, of which the fastest is the baseline of the others
    spread: float  # standard deviation of the log ratio between pairs of fresh processes
    false_alarms: float  # of A against itself, at `replicates`
    held: float  # of the 95 % intervals of A against itself
    power: float  # of seeing A + 5 %
    smallest: float  # effect seen four times in five, as a fraction, at `replicates`
    needed: int  # replicates for seeing 5 % four times in five, up to 500
    replicates: int
    processes: int


def controls(records: Records, replicates: int = statistics.ENOUGH_REPLICATES, beside: int = 0) -> list[Control]:
    """The A/A control of every kind of work in a run of the self-test, beside so many bursty processes."""
    times = timed_samples(records)
    planned = {cell.implementation for cell in records.info.cells}
    found = []
    for work, label in {**WORKS, **TOGETHER}.items():
        names = [f"{work}{copy}@cpu" for copy in COPIES if f"{work}{copy}@cpu" in planned]
        if names:
            sides = [times[TASK, DATASET, SIZE, name] for name in (*names, f"{work}_slower@cpu")]
            about = (label, int(records.info.settings["threads"]), beside)
            found.append(_control(about, sides, replicates))
    return found


def _control(about: tuple[str, int, int], measured: list[dict[int, list[float]]], count: int) -> Control:
    """`about` is the work, its threads and who was beside it; the last side measured is the slower one."""
    shared = sorted(set.intersection(*(set(side) for side in measured)))
    *copies, more = ([side[number] for number in shared] for side in measured)
    generator = np.random.default_rng(0)
    size = min(count, len(shared))
    chosen = [generator.choice(len(shared), size, replace=False).tolist() for _ in range(DRAWS)]
    against = [one for trial in chosen for one in _with_the_fastest(copies, trial)]
    ratios = [_ratio(copies[0], copies[1], one) for one in chosen]
    slow = [_ratio(copies[0], more, one) for one in chosen]
    caught = float(np.mean([statistics.verdict(one) == "slower" for one in slow]))
    # What an effect must lift beyond the margin, the lower bound of none: by A on either side, and by A + 5 % less 5 %.
    bounds = [bound for one in ratios for bound in (one.low99, 1.0 / one.high99)]
    bounds += [1.0 / (1.0 + EFFECT) / one.high99 for one in slow for _ in range(2)]
    return Control(
        *about,
        copies=len(copies),
        spread=float(np.std(_logs(copies[0], copies[1]), ddof=1)),
        false_alarms=float(np.mean([statistics.verdict(one) in {"faster", "slower"} for one in against])),
        held=float(np.mean([one.low <= 1.0 <= one.high for one in against])),
        power=caught,
        smallest=float((1.0 + statistics.MARGIN) / np.quantile(bounds, 1.0 - OFTEN)) - 1.0,
        needed=count if caught >= OFTEN else processes_needed(_logs(copies[0], more), count + 1),
        replicates=count,
        processes=len(shared),
    )


def _with_the_fastest(copies: list[list[list[float]]], chosen: Sequence[int]) -> list[statistics.Estimate]:
    """Every copy over the fastest of these processes, as a report has it: the choice has its share of the error."""
    middle = [float(np.mean([np.median(np.log(side[one])) for one in chosen])) for side in copies]
    fastest = copies[int(np.argmin(middle))]
    return [_ratio(fastest, side, chosen, len(copies) - 1) for side in copies if side is not fastest]


def processes_needed(logs: Sequence[float], least: int) -> int:
    """How many processes, `least` or more, a verdict of "slower" takes four times in five.

    `logs` are processes' log ratios of the plain work's time to the slower one's, of which trials are drawn.
    """
    generator = np.random.default_rng(0)

    def often(size: int) -> bool:
        """By Student's interval of the drawn, as `statistics` has it from five on, of all trials at once."""
        drawn = generator.choice(logs, (DRAWS, size))
        above = statistics.student(0.01, size - 1) * drawn.std(axis=1, ddof=1) / size**0.5
        return float(np.mean(drawn.mean(axis=1) + above < -np.log1p(statistics.MARGIN))) >= OFTEN

    return least + bisect_left(range(least, MOST), True, key=often)  # seen more often, the more there are


def keep(text: dict[str, Any]) -> None:
    """Put a self-test on record for this machine; raises `UsageError` where that cannot be written."""
    path = _record(bool(text["gate"]))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(text, indent=1))
    except OSError as error:
        raise UsageError(
            f"cannot keep the self-test in {path}: {error.strerror}; RESIDENCY_CACHE names a folder"
        ) from None


def smallest_on_record(info: RunInfo) -> float | None:
    """The smallest effect that a machine like a run's was seen to detect, measured as the run was; None without that.

    As a fraction, and of the work that was the easier to see it in: what is smaller was seen in none.
    """
    try:
        kept = json.loads(_record(bool(info.settings.get("gate"))).read_text(encoding="utf-8"))
    except (OSError, ValueError, UsageError):  # the last where there is no folder for a cache
        return None
    if any(kept["machine"].get(name) != info.machine.get(name) for name in ("cpu", "cores", "host")):
        return None
    return float(min(one["smallest"] for one in kept["controls"] if not one.get("beside")))


def _record(gate: bool) -> Path:
    return store.cache_folder() / ("selftest-gate.json" if gate else "selftest.json")


def _logs(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> list[float]:
    """The log ratio of every process."""
    return [float(np.median(one)) for one in statistics.log_ratios(first, second)]


def _ratio(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], chosen: Sequence[int], shares: int = 1
) -> statistics.Estimate:
    return statistics.speed_ratio([first[one] for one in chosen], [second[one] for one in chosen], shares)
