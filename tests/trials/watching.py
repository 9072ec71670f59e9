"""Does looking at a worker while it executes disturb it? The same executions with and without, in one process.

    python tests/trials/watching.py > results/trials/watching.md

One real worker for each kind of work; samples of about 0.4 s, in turns A B B A, A with the parent's looks at memory and
energy ten times a second and at the end, B without. The verdict is Residency's, at 99 % against a margin of 1 %.
"""

from __future__ import annotations

import argparse
import math
import os
import platform

from one_process import ratio_in_one_process

from residency.harness import statistics
from residency.harness.discovery import load
from residency.runners.plan import Selection, groups_of
from residency.runners.process import Worker
from residency.runners.settings import Settings
from residency.runners.turn import load_request, make
from residency.suites import SHIPPED

SECONDS = 0.4  # of a sample
WORKS = {"python@cpu": "pure Python", "native@cpu": "compiled, one thread"}


def samples(implementation: str, rounds: int) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds a call of both sides: watched, and not."""
    task = load(SHIPPED, SHIPPED.folder / "_selftest" / "control.py")
    (group,) = groups_of(task, Selection(devices=("cpu",)))
    facts = make(group, 1)
    watched, alone = [], []
    with Worker("cpu", 1) as worker:
        worker.ask(load_request(group, task.implementation(implementation), facts, Settings(threads=1)), 60)

        def timed(watch: bool, calls: int) -> float:
            request = {"do": "sample", "cold": False, "calls": calls}
            return worker.ask(request, 60, worker.watch("cpu") if watch else None)["seconds"]

        calls = math.ceil(SECONDS / min(timed(False, 1) for _ in range(20)))
        for _ in range(rounds):
            first = [timed(True, calls)]
            alone.append([timed(False, calls), timed(False, calls)])
            watched.append([*first, timed(True, calls)])
    return watched, alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    print("# Does looking disturb?\n")
    machine = f"Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores"
    print(f"{rounds} rounds, {machine}, `tests/trials/watching.py`.\n")
    print("| work | watched / not watched [99 %] | verdict |\n|---|---|---|")
    for implementation, label in WORKS.items():
        watched, alone = samples(implementation, rounds)
        found = ratio_in_one_process(watched, alone)
        print(f"| {label} | {found.value:.4f} [{found.low99:.4f}, {found.high99:.4f}] | {statistics.verdict(found)} |")


if __name__ == "__main__":
    main()
