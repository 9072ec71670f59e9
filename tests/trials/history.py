"""Does `residency history` mark what did not change, and does it mark what did? On made-up histories.

    python tests/trials/history.py > results/trials/history.md

A history has five series of twelve runs, or of four, with five processes each. The processes of a run differ by 1 %
(standard deviation of the log time, normal). The runs of the same code differ, too, by the noise of each row of the
table. In half of the histories nothing changes. In the other half one series becomes slower by 20 % in the eighth run,
or in the third of four, and stays so.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from residency.analysis.history import History, history
from residency.harness.records import Cell, OutcomeRecord, Records, RunInfo, Sample
from residency.harness.task_info import TaskInfo

SERIES, PROCESSES = 5, 5
SPREAD = 0.01  # standard deviation of the log time, from process to process
SLOWER = 1.2
SEED = 2027  # of no trial by which the rule was chosen
SINCE = {12: 7, 4: 2}  # by number of runs: the first run that is slower, counted from 0
AT = "2027-01-01T00:00:00.000Z"
SIZES = (0.02, 0.005, 0.01, 0.03, 0.05)  # of each series, where they differ; the first one changes
TAILS = 3  # degrees of freedom of Student's t

Noise = Callable[[Generator, int], np.ndarray]  # of that many runs: log times, (series, runs)


@dataclass(frozen=True)
class Judged:
    """What a history says, against what is true."""

    false: bool  # whether it marks anything that did not change
    right: bool  # whether it marks the change, in the run in which it began


def normal(size: float) -> Noise:
    return lambda chance, runs: chance.normal(0, size, (SERIES, runs))


def heavy(size: float) -> Noise:
    """Student's t, with this standard deviation."""
    return lambda chance, runs: chance.standard_t(TAILS, (SERIES, runs)) * size / math.sqrt(TAILS / (TAILS - 2))


def shared(size: float) -> Noise:
    """The whole run is faster or slower, as when the processor changes its clock."""
    return lambda chance, runs: np.tile(chance.normal(0, size, runs), (SERIES, 1))


def mixed(noise: Callable[[float], Noise]) -> Noise:
    """Each series has noise of its own size."""
    return lambda chance, runs: np.concatenate([noise(size)(chance, runs)[:1] for size in SIZES])


CONDITIONS: list[tuple[str, int, Noise]] = [
    ("none", 12, normal(0.0)),
    ("1 %, normal", 12, normal(0.01)),
    ("2 %, normal", 12, normal(0.02)),
    ("3 %, normal", 12, normal(0.03)),
    ("1 %, heavy tails", 12, heavy(0.01)),
    ("2 %, heavy tails", 12, heavy(0.02)),
    ("3 %, heavy tails", 12, heavy(0.03)),
    ("0.5 to 5 %, heavy tails", 12, mixed(heavy)),
    ("2 %, the same for all series of a run", 12, shared(0.02)),
    ("1 %, normal", 4, normal(0.01)),
    ("2 %, normal", 4, normal(0.02)),
    ("3 %, normal", 4, normal(0.03)),
]


def task(number: int) -> str:
    return f"made_up/task_{number}"


def run(place: int, logs: np.ndarray) -> Records:
    """A run of these log times, (series, processes)."""
    samples, outcomes = [], []
    for number, processes in enumerate(logs):
        cell = Cell(task(number), "made-up", "lab", 1_000_000, "estimator@cpu", "numpy", "cpu")
        for replicate, log_time in enumerate(processes):
            seconds = math.exp(log_time)
            samples.append(
                Sample(cell, replicate, 0, "timed", seconds, {"fit": seconds}, 0.9, seconds, 1, None, None, 1, "0", AT)
            )
            outcomes.append(OutcomeRecord(cell, replicate, "ok", "", 0.9, 0.9, 1, "0", {}, [], 1.0, None, None, AT))
    tasks = {
        task(number): TaskInfo("Made up.", "R²", "higher", False, 1e-3, {"lab": 1_000_000}) for number in range(SERIES)
    }
    info = RunInfo(
        str(place), AT, [], {"threads": 1}, {"cpu": "made-up", "cores": 1, "cores_in_machine": 1}, {}, None, tasks, []
    )
    return Records(Path(str(place)), info, samples, outcomes)


def judged(noise: Noise, runs: int, slower: float, chance: Generator) -> Judged:
    """A history with this noise, of which the first series becomes slower by this factor."""
    logs = noise(chance, runs)[:, :, None] + chance.normal(0, SPREAD, (SERIES, runs, PROCESSES))
    logs[0, SINCE[runs] :] += math.log(slower)
    found = marks(history(run(place, logs[:, place]) for place in range(runs)))
    change = {(task(0), SINCE[runs], "slower")} if slower > 1 else set()
    return Judged(false=bool(found - change), right=bool(found & change))


def marks(found: History) -> set[tuple[str, int, str]]:
    return {
        (series.key[0], point.run, point.step.mark)
        for series in found.series
        for point in series.marks
        if point.step is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--histories", type=int, default=200, help="of each kind")
    count = parser.parse_args().histories
    chance = np.random.default_rng(SEED)
    print("# What a history marks\n")
    print(f"{count} histories without a change and {count} with one in each row, `tests/trials/history.py`.")
    print(f"{SERIES} series; {PROCESSES} processes a run, which differ by {100 * SPREAD:g} %.\n")
    print(
        "| noise from run to run | runs | a false mark, nothing changed | a false mark, one changed | +20 % is marked |"
    )
    print("|---|---|---|---|---|")
    for name, runs, noise in CONDITIONS:
        same = [judged(noise, runs, 1.0, chance) for _ in range(count)]
        slower = [judged(noise, runs, SLOWER, chance) for _ in range(count)]
        hits = [
            sum(each.false for each in same),
            sum(each.false for each in slower),
            sum(each.right for each in slower),
        ]
        print(f"| {name} | {runs} | {' | '.join(f'{100 * hit / count:.1f} %' for hit in hits)} |", flush=True)


if __name__ == "__main__":
    main()
