"""The whole harness on trial: `residency run` of the same work twice, and of 5 % more work, again and again.

    python tests/trials/whole_harness.py --trials 200 --gate          (add --noisy for two bursty processes beside it)
    python tests/trials/whole_harness.py --table > results/trials/whole_harness.md

Two at a time, each on a core of its own: the same command twice, as `taskset -c 0 python ...` and `taskset -c 1 ...`.

Every trial is a run of its own by the real command, with five fresh processes for each side: no process serves two
trials. The verdicts are those of the report. Trials are kept as they end, so the script may be stopped and goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from residency.analysis.rows import timed_samples
from residency.analysis.selftest import EFFECT, WORKS, processes_needed
from residency.harness import records, statistics
from residency.runners import machine
from residency.runners.bursts import beside
from residency.runners.settings import GATE_ROUNDS, ROUNDS
from residency.suites import SHIPPED

KEPT = Path(__file__).parent.parent.parent / "results" / "trials" / "whole_harness.jsonl"
REPLICATES = 5


def trial(folder: Path, gate: bool, works: list[str]) -> list[dict]:
    """One run: for every kind of work the verdicts on the same, and on 5 % more, and the log ratio of each process."""
    command = ["run", "trial/control", "--devices", "cpu", "--threads", "1", "--budget", "600", "--results", folder]
    names = ",".join(f"{work}{side}" for work in works for side in ("", "_again", "_slower"))
    command += ["--implementations", names]
    subprocess.run(
        [
            Path(sys.executable).parent / "residency",
            *command,
            *(["--gate"] if gate else []),
            "--replicates",
            str(REPLICATES),
        ],
        env={**os.environ, "RESIDENCY_SUITES": str(folder / "suites")},
        check=True,
        capture_output=True,
    )
    run = next(path.parent for path in folder.glob("*/run.json"))
    times = timed_samples(records.read(run))
    found = []
    for work in works:
        sides = [
            [times["trial/control", "answered", "smoke", f"{name}@cpu"][number] for number in range(REPLICATES)]
            for name in (work, f"{work}_again", f"{work}_slower")
        ]
        found.append({
            "work": work,
            "same": statistics.verdict(statistics.speed_ratio(sides[0], sides[1])),
            "slower": statistics.verdict(statistics.speed_ratio(sides[0], sides[2])),
            "logs": [float(np.median(one)) for one in statistics.log_ratios(sides[0], sides[1])],
        })  # fmt: skip
    for file in run.iterdir():
        file.unlink()
    run.rmdir()
    return found


def go_on(trials: int, gate: bool, noisy: bool, works: list[str], other: str) -> None:
    """Trials of a condition on this machine until there are as many, whoever else adds to them meanwhile."""
    where = {"gate": gate, "noisy": noisy, "beside": other, "cpu": machine.cpu_model(), "cores": machine.cores()}
    where |= {"rounds": GATE_ROUNDS if gate else ROUNDS, "lead_in": True}

    def known() -> int:
        mine = [one["works"] for one in kept() if {**one, "works": 0} == {**where, "works": 0}]
        return sum({one["work"] for one in found} >= set(works) for found in mine)

    with tempfile.TemporaryDirectory() as name, beside(2) if noisy else nullcontext():
        folder = Path(name)
        (folder / "suites").mkdir()
        (folder / "suites" / "trial").symlink_to(SHIPPED.folder / "_selftest")
        while (count := known()) < trials:
            found = trial(folder, gate, works)
            with KEPT.open("a") as file:
                file.write(json.dumps({**where, "works": found}) + "\n")
            print(f"{count + 1} of {trials}", file=sys.stderr)


def kept() -> list[dict]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def condition(one: dict) -> tuple[bool, bool, str, str, int, str]:
    """Mode, noise, what else went on, processor, cores and rounds of a trial; the first had no lead-in."""
    rounds = f"{one['rounds']}, after a lead-in" if "lead_in" in one else "32" if one["gate"] else "8"
    return one["gate"], one["noisy"], one["beside"], one["cpu"], one["cores"], rounds


def table() -> None:
    """All that was kept, by condition and work."""
    print("# The whole harness on trial\n")
    print(f"{REPLICATES} processes a side and trial, `tests/trials/whole_harness.py`.\n")
    head = "mode | rounds | machine | work | trials | false alarms | sees +5 % | spread of processes | processes needed"
    print(f"| {head} |\n|{'---|' * (head.count('|') + 1)}")
    for one in sorted({condition(one) for one in kept()}, reverse=True):
        gate, noisy, other, cpu, cores, rounds = one
        mine = [each["works"] for each in kept() if condition(each) == one]
        for work, label in WORKS.items():
            found = [one for works in mine for one in works if one["work"] == work]
            if not found:
                continue
            alarms = np.mean([one["same"] in {"faster", "slower"} for one in found])
            caught = np.mean([one["slower"] == "slower" for one in found])
            logs = np.concatenate([one["logs"] for one in found])
            spread = float(np.std(logs, ddof=1))
            needed = processes_needed(list(logs - np.log1p(EFFECT)), REPLICATES)
            where = f"{'bursts' if noisy else other or 'quiet'}, {cores} core{'s' if cores > 1 else ''}, {cpu}"
            cells = ("gate" if gate else "plain", rounds, where, label, len(found))
            figures = (f"{alarms:.1%}", f"{caught:.0%}", f"{spread:.2%}", needed)
            print("| " + " | ".join(str(cell) for cell in (*cells, *figures)) + " |")
    print("\nNeeded: processes a side for seeing 5 % four times in five.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--gate", action="store_true", help="as `run --gate`")
    parser.add_argument("--works", default=",".join(WORKS), help="python, native or both, with a comma between")
    parser.add_argument("--noisy", action="store_true", help="two bursty processes beside it")
    parser.add_argument(
        "--beside", default="", help="what else goes on on the machine meanwhile, in words for the table"
    )
    parser.add_argument("--table", action="store_true", help="print what was kept")
    given = parser.parse_args()
    if given.table:
        table()
    else:
        go_on(given.trials, given.gate, given.noisy, given.works.split(","), given.beside)


if __name__ == "__main__":
    main()
