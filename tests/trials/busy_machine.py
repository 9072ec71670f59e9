"""Verdicts on a busy machine: four identical copies of ridge's lines, quiet and beside work that comes and goes.

    python tests/trials/busy_machine.py record     60 processes a side in each of six conditions: about an hour
    python tests/trials/busy_machine.py live       20 real runs in each of twelve: about two hours
    python tests/trials/busy_machine.py fit        the constants of harness/statistics.py that these speak for
    python tests/trials/busy_machine.py table > results/trials/busy_machine.md          what came out: ten minutes

Conditions: one thread, or all cores; quiet, beside two, or beside four bursty processes, each at random busy or asleep
for 0.05 to 0.8 s; and of these one process each, or five. `--condition all-2` names one of the six that are recorded.

Both are kept as they end, so the script may be stopped and goes on where it was. Nothing else may run meanwhile. Judged
are comparisons drawn from the recordings, whole turns of processes at a time, by the very function of the reports.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from residency.analysis.rows import rows
from residency.harness import records, statistics
from residency.harness.busy import Busy, busy
from residency.harness.discovery import Suites, load
from residency.runners import machine
from residency.runners.bursts import beside
from residency.runners.local import run_local
from residency.runners.plan import Group, Selection, groups_of
from residency.runners.settings import ROUNDS, Settings
from residency.studies.measuring import info_of

HERE = Path(__file__).parent
SUITES = HERE.parent / "fixtures" / "suites"
TRIALS = HERE.parent.parent / "results" / "trials"
RECORDED, LIVE = "busy_machine.jsonl", "busy_machine_live.jsonl"
TASK = "alike/ridge"
COPIES = 4
PROCESSES, RUNS, DRAWS = 60, 20, 1_000
BATCH = 5  # processes a side recorded in one go: what is lost at most
BUDGET = 3600.0  # seconds: so that the number of processes is the one asked for
FACTORS = (1.05, 1.2, 2.0)
SOME_WAITING = 0.02  # below it the machine was quiet


@dataclass(frozen=True)
class Condition:
    """Work on one thread or on all cores, beside so many bursty processes."""

    alone: bool
    bursty: int

    @property
    def name(self) -> str:
        return f"{'one' if self.alone else 'all'}-{self.bursty}"

    @property
    def words(self) -> str:
        where = f"beside {self.bursty} bursty processes" if self.bursty else "quiet"
        return f"{'one thread' if self.alone else 'all cores'}, {where}"

    @property
    def threads(self) -> int:
        return 1 if self.alone else machine.cores()


CONDITIONS = [Condition(alone, bursty) for alone in (True, False) for bursty in (0, 2, 4)]


@dataclass(frozen=True)
class Side:
    """One process of one copy: its timed seconds, calls in a sample, and what its samples waited and worked in all."""

    seconds: tuple[float, ...]
    calls: int
    waited: float
    worked: float

    def slower(self, factor: float) -> Side:
        return replace(self, seconds=tuple(factor * one for one in self.seconds))


Turn = tuple[Side, ...]  # the processes of all copies that took turns


class Silent:
    """Hears nothing but what the user must know."""

    def status(self, text: str) -> None: ...

    def note(self, text: str) -> None:
        print(text, file=sys.stderr)

    def record(self, record: records.Sample | records.OutcomeRecord) -> None: ...


def groups() -> list[Group]:
    return groups_of(load(Suites(SUITES), SUITES / f"{TASK}.py"), Selection(tasks=[TASK], devices=("cpu",)))


def turns_of(run: records.Records) -> list[Turn]:
    """What a run's records say, a turn a replicate."""
    found: dict[int, dict[str, list[records.Sample]]] = {}
    for sample in run.samples:
        found.setdefault(sample.replicate, {}).setdefault(sample.cell.implementation, []).append(sample)
    return [tuple(map(_side, copies.values())) for copies in found.values() if len(copies) == COPIES]


def _side(samples: list[records.Sample]) -> Side:
    timed = sorted((one.round, one.seconds, one.calls) for one in samples if one.phase == "timed")
    said = busy(samples)
    return Side(tuple(seconds for _, seconds, _ in timed), timed[0][2], said.waited, said.worked)


def record(folder: Path, condition: Condition, processes: int) -> None:
    """Processes of a condition, until there are as many."""
    with beside(condition.bursty):
        while (count := len(kept(folder / RECORDED, condition))) < processes:
            settings = Settings(min(BATCH, processes - count), ROUNDS, BUDGET, threads=condition.threads)
            with tempfile.TemporaryDirectory() as name:
                place = Path(name) / "run"
                info = info_of(groups(), settings, Selection(tasks=[TASK], devices=("cpu",)))
                with records.Recorder(place, info) as recorder:
                    run_local(groups(), settings, recorder, Silent())
                keep(folder / RECORDED, condition, records.read(place))
            print(f"{condition.name}: {len(kept(folder / RECORDED, condition))} of {processes}", file=sys.stderr)


def live(folder: Path, condition: Condition, replicates: int, runs: int) -> None:
    """Real runs by the real command, and what their reports said."""
    command = [Path(sys.executable).parent / "residency", "run", TASK, "--json", "--threads", str(condition.threads)]
    command += ["--replicates", str(replicates), "--budget", str(BUDGET)]
    with beside(condition.bursty):
        while (count := len([one for one in read(folder / LIVE, condition) if one["replicates"] == replicates])) < runs:
            with tempfile.TemporaryDirectory() as name:
                where = {**os.environ, "RESIDENCY_SUITES": str(SUITES)}
                done = subprocess.run(
                    [*command, "--results", name], env=where, check=True, capture_output=True, text=True
                )
                said = [row["speedup"] for row in json.loads(done.stdout)["rows"]]
                run = records.read(next(path.parent for path in Path(name).glob("*/run.json")))
                keep(folder / LIVE, condition, run, replicates=replicates, said=[one["verdict"] for one in said if one])
            print(f"{condition.name}, {replicates} each: {count + 1} of {runs}", file=sys.stderr)


def keep(file: Path, condition: Condition, run: records.Records, **more: object) -> None:
    """A line a turn of a recording, or a line a live run."""
    about = {"condition": condition.name, "at": run.info.started, "cpu": machine.cpu_model(), "cores": machine.cores()}
    turns = [[_rounded(side) for side in turn] for turn in turns_of(run)]
    lines = [{**about, **more, "turns": turns}] if more else [{**about, "turns": [turn]} for turn in turns]
    with file.open("a") as out:
        out.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def _rounded(side: Side) -> list[object]:
    seconds = [float(f"{one:.5g}") for one in side.seconds]
    return [seconds, side.calls, float(f"{side.waited:.4g}"), float(f"{side.worked:.4g}")]


def read(file: Path, condition: Condition) -> list[dict]:
    lines = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
    return [one for one in lines if one["condition"] == condition.name]


def kept(file: Path, condition: Condition) -> list[Turn]:
    return [_turn(turn) for line in read(file, condition) for turn in line["turns"]]


def _turn(raw: list) -> Turn:
    return tuple(Side(tuple(seconds), *sums) for seconds, *sums in raw)


def said_of(turns: list[Turn], condition: Condition, info: records.RunInfo) -> list[statistics.Estimate]:
    """The rows of a report on these turns but the baseline's: ratios, intervals and verdicts."""
    samples = []
    for number, turn in enumerate(turns):
        for cell, side in zip(info.cells, turn, strict=True):
            about = {"replicate": number, "quality": 0.5, "stages": {"other": 0.0}, "threads": condition.threads}
            nothing = dict.fromkeys(("peak_host_bytes", "peak_device_bytes", "joules"))
            each = len(side.seconds) * side.calls
            waits = {"cpu_seconds": side.worked / each, "waited_seconds": side.waited / each, "calls": side.calls}
            about |= {**nothing, **waits, "data_hash": "", "at": "", "cell": cell, "phase": "timed"}
            samples += [
                records.Sample(**about, round=place, seconds=seconds) for place, seconds in enumerate(side.seconds)
            ]
    found = rows(records.Records(Path(), info, samples))
    compared = {row.cell.implementation: row.compared.speedup for row in found}
    return [ratio for name, ratio in compared.items() if ratio and ratio.baseline != name]


def drawn(turns: list[Turn], replicates: int, draws: int) -> Iterator[list[Turn]]:
    """Comparisons as they might have been: whole turns, in which the copies change names by chance."""
    chance = np.random.default_rng(0)
    for _ in range(draws):
        chosen = chance.choice(len(turns), min(replicates, len(turns)), replace=False)
        yield [tuple(turns[one][copy] for copy in chance.permutation(COPIES)) for one in chosen]


def bound(count: int, of: int, upper: bool) -> float:
    """Clopper and Pearson's bound of a share, 95 % on that side."""
    from scipy.stats import beta

    if upper:
        return float(beta.ppf(0.95, count + 1, of - count)) if count < of else 1.0
    return float(beta.ppf(0.05, count, of - count + 1)) if count else 0.0


def fit(folder: Path) -> None:
    """What the recordings say of `WAITING_ALONE`, `WAITING_TOGETHER` and `KNOWN_SPREAD`."""
    print(
        "condition  processes  waiting  log ratio over 1, 2, 4, 8 rounds: root mean square  that x rounds^0.5 / waiting"
    )
    most = {True: 0.0, False: 0.0}
    for condition in CONDITIONS:
        if not (turns := kept(folder / RECORDED, condition)):
            continue
        waiting = waiting_of(turns)
        squares = {}
        for count in (1, 2, 4, ROUNDS):
            logs = [
                float(np.median(np.log(a.seconds[start : start + count]) - np.log(b.seconds[start : start + count])))
                for turn in turns
                for a, b in combinations(turn, 2)
                for start in range(0, ROUNDS - count + 1, count)
                if min(len(a.seconds), len(b.seconds)) >= start + count
            ]
            squares[count] = float(np.mean(np.square(logs)))
        spreads = ", ".join(f"{square**0.5:.3f}" for square in squares.values())
        needed = {
            n: (max(0.0, square - statistics.KNOWN_SPREAD**2) * n) ** 0.5 / waiting for n, square in squares.items()
        }
        if waiting >= SOME_WAITING:
            most[condition.alone] = max(most[condition.alone], *needed.values())
        shown = ", ".join(f"{one:.2f}" for one in needed.values()) if waiting >= SOME_WAITING else "quiet"
        print(f"{condition.name:9}  {len(turns):9}  {waiting:7.1%}  {spreads:54}  {shown}")
    print(f"\nKNOWN_SPREAD = {statistics.KNOWN_SPREAD} must not be below the quiet conditions' last figure.")
    print(f"WAITING_ALONE = {most[True]:.2g}, now {statistics.WAITING_ALONE}")
    print(f"WAITING_TOGETHER = {most[False]:.2g}, now {statistics.WAITING_TOGETHER}")


def table(folder: Path) -> None:
    """All conditions, judged by the rules of now."""
    print("# Verdicts on a busy machine\n")
    print(
        f"Four identical copies of the lines of `tabular/ridge`: {DRAWS:,} comparisons drawn in each condition from the"
    )
    print("recorded processes, of three copies with the fastest of the four, and live runs of the real command.")
    print("A report holds three comparisons. Bounds are Clopper and Pearson's, 95 % on their side, as if draws were")
    print(f"independent. {machine.cpu_model()}, {machine.cores()} cores, `tests/trials/busy_machine.py`.\n")
    head = ["condition", "processes each", "recorded", "waiting", "false verdicts", "95 % intervals that hold 1"]
    head += [f"sees {factor:g} ×" for factor in FACTORS] + [
        "live: false verdicts",
        "live: intervals that hold 1",
        "warned",
    ]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for condition in CONDITIONS:
        turns = kept(folder / RECORDED, condition)
        for replicates in (1, 5):
            if len(turns) >= replicates:
                lines = [one for one in read(folder / LIVE, condition) if one["replicates"] == replicates]
                print(f"| {' | '.join(_line(condition, replicates, turns, lines))} |", flush=True)


def _line(condition: Condition, replicates: int, turns: list[Turn], lines: list[dict]) -> list[str]:
    (group,) = groups()
    info = info_of([group], Settings(), Selection(tasks=[TASK], devices=("cpu",)))
    judged = [said_of(one, condition, info) for one in drawn(turns, replicates, DRAWS)]
    seen = []
    for factor in FACTORS:
        some = drawn(turns, replicates, DRAWS // 5)
        slowed = [[(*turn[:-1], turn[-1].slower(factor)) for turn in one] for one in some]
        seen.append(f"{np.mean([_slowed(one, condition, info) for one in slowed]):.0%}")
    runs = [[_turn(turn) for turn in line["turns"]] for line in lines]
    warned = sum(waiting_of(one) > statistics.BUSY for one in runs)
    about = [condition.words, str(replicates), str(len(turns)), f"{waiting_of(turns):.0%}", *_shares(judged), *seen]
    if not runs:
        return [*about, "-", "-", "-"]
    return [*about, *_shares([said_of(one, condition, info) for one in runs]), f"{warned} of {len(runs)}"]


def waiting_of(turns: list[Turn]) -> float:
    """The part of their time that all processes waited for a core."""
    sides = [side for turn in turns for side in turn]
    waited, worked = (sum(getattr(one, name) for one in sides) for name in ("waited", "worked"))
    return Busy(waited=waited, worked=worked, told=sum(one.calls * sum(one.seconds) for one in sides)).waiting(1)


def _slowed(turns: list[Turn], condition: Condition, info: records.RunInfo) -> bool:
    """Whether the copy that was slowed, the last, is called slower."""
    said = said_of(turns, condition, info)
    times = [np.mean([np.median(np.log(turn[copy].seconds)) for turn in turns]) for copy in range(COPIES)]
    return int(np.argmin(times)) != COPIES - 1 and said[-1].verdict == "slower"


def _shares(judged: list) -> list[str]:
    """How many comparisons had a false verdict, and how many reports any, and how many intervals held 1."""
    every = [one for said in judged for one in said]
    false = sum(one.verdict in {"faster", "slower"} for one in every)
    reports = sum(any(one.verdict in {"faster", "slower"} for one in said) for said in judged)
    held = sum(one.low <= 1.0 <= one.high for one in every)
    of_all, of_reports = bound(false, len(every), upper=True), bound(reports, len(judged), upper=True)
    return [
        f"{false} of {len(every):,} (≤ {of_all:.2%}), in {reports} of {len(judged):,} reports (≤ {of_reports:.2%})",
        f"{held / len(every):.1%} (≥ {bound(held, len(every), upper=False):.1%})",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["record", "live", "fit", "table"])
    parser.add_argument("--condition", choices=[one.name for one in CONDITIONS], help="Default: all.")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="of each side, to record in a condition")
    parser.add_argument("--runs", type=int, default=RUNS, help="live ones in a condition")
    parser.add_argument("--folder", type=Path, default=TRIALS, help="where the recordings are kept")
    given = parser.parse_args()
    chosen = [one for one in CONDITIONS if given.condition in {None, one.name}]
    if given.what == "record":
        for condition in chosen:
            record(given.folder, condition, given.processes)
    elif given.what == "live":
        for condition in chosen:
            for replicates in (1, 5):
                live(given.folder, condition, replicates, given.runs)
    elif given.what == "fit":
        fit(given.folder)
    else:
        table(given.folder)


if __name__ == "__main__":
    main()
