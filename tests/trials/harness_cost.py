"""The harness's own benchmark: what measuring costs, beside timeit, pyperf and pytest-benchmark, in one run.

    make bench        (writes results/bench.md)

The same two functions for all: one that does nothing, and a pure-Python loop of about a millisecond. Per tool: the time
it reports for either, the seconds it takes for both together, and the processor time its parent burns while its
workers run, where it has workers. Beside the table: what one more fresh process costs Residency, and what it takes to
read and judge a run of 100,000 samples, beside what Python takes to read as much JSON.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import timeit
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic, process_time, sleep

import psutil

from residency.analysis.rows import rows
from residency.harness import records
from residency.reports.document import document

FUNCTIONS = """
def empty():
    pass

def loop():
    total = 0
    for number in range(20_000):
        total += number & 7
    return total
"""
SUITE = '''"""Two functions.

Question  What does measuring cost?
Expect    Little.
"""
from residency.datasets.tabular.answered import answered
from residency.harness import Task, quality
{functions}
task = Task(datasets=[answered], sizes={{"smoke": 500}}, quality=quality.r2, tolerance=1.0, floor=0.1)

@task.on_cpu("numpy")
def nothing(data, run, np):
    """Nothing."""
    empty()
    return data.expected_test

@task.on_cpu("numpy")
def looping(data, run, np):
    """A loop."""
    loop()
    return data.expected_test

@task.on_cpu("numpy")
def resting(data, run, np):
    """A second of rest, for watching the parent."""
    import time
    time.sleep(1.0)
    return data.expected_test
'''
PYTEST = (
    "{functions}\ndef test_empty(benchmark):\n    benchmark(empty)\n\ndef test_loop(benchmark):\n    benchmark(loop)\n"
)
BIN = Path(sys.executable).parent
ROUNDS, REPLICATES = 1_000, 50  # of two implementations, in the run of 100,000 samples


@dataclass
class Line:
    """A row of the table; times in seconds."""

    tool: str
    empty: float
    loop: float
    wall: float
    parent: float | None = None  # share of a core


def watched(command: list[str], folder: Path, **environment: str) -> tuple[str, float, float]:
    """Run a command: its output, its wall time, and the share of a core its own process used beside its workers."""
    start = monotonic()
    process = psutil.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    seen: list[tuple[float, float]] = []  # moments with a worker alive, and processor time used by then
    while process.poll() is None:
        try:
            times = process.cpu_times()
            if process.children():
                seen.append((monotonic(), times.user + times.system))
        except psutil.NoSuchProcess:
            break
        if process.status() == psutil.STATUS_ZOMBIE:
            break
        sleep(0.05)
    out, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    share = (seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0]) if len(seen) > 1 else 0.0
    return out, monotonic() - start, share


def by_timeit() -> Line:
    space: dict[str, object] = {}
    exec(FUNCTIONS, space)
    start = monotonic()
    times = []
    for name in ("empty", "loop"):
        timer = timeit.Timer(f"{name}()", globals=space)
        count, _ = timer.autorange()
        times.append(median(timer.repeat(5, count)) / count)
    return Line("timeit", *times, monotonic() - start)


def by_pytest_benchmark(folder: Path) -> Line:
    (folder / "test_both.py").write_text(PYTEST.format(functions=FUNCTIONS))
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "test_both.py",
        "--benchmark-json=out.json",
    ]
    _, wall, _ = watched(command, folder)
    found = {one["name"]: one["stats"]["median"] for one in json.loads((folder / "out.json").read_text())["benchmarks"]}
    return Line("pytest-benchmark", found["test_empty"], found["test_loop"], wall)


def by_pyperf(folder: Path) -> Line:
    import pyperf

    (folder / "functions.py").write_text(FUNCTIONS)
    times, wall, shares = [], 0.0, []
    for name in ("empty", "loop"):
        file = folder / f"{name}.json"
        setup = f"from functions import {name}"
        command = [sys.executable, "-m", "pyperf", "timeit", "-q", "-s", setup, f"{name}()", "-o", str(file)]
        _, seconds, share = watched(command, folder, PYTHONPATH=str(folder))
        times.append(pyperf.Benchmark.load(str(file)).median())
        wall += seconds
        shares.append(share)
    return Line("pyperf", *times, wall, max(shares))


def by_residency(folder: Path) -> tuple[Line, float]:
    """Its line, and the seconds that one more fresh process costs: start, cold execution, warm-up and end."""
    (folder / "cost").mkdir()
    (folder / "cost" / "both.py").write_text(SUITE.format(functions=FUNCTIONS))
    place = {"RESIDENCY_SUITES": str(folder), "RESIDENCY_CACHE": str(folder / "cache")}
    command = [str(BIN / "residency"), "run", "cost", "--json", "--implementations"]
    watched([*command, "nothing", "--replicates", "1", "--rounds", "1"], folder, **place)  # makes the data
    out, wall, _ = watched([*command, "nothing,looping"], folder, **place)
    rows = {row["implementation"]: row for row in json.loads(out)["rows"]}
    found = [rows[f"{name}@cpu"]["seconds"]["median"] for name in ("nothing", "looping")]
    resting = ["resting", "--replicates", "1", "--rounds", "20", "--budget", "30"]
    _, _, share = watched([*command, *resting], folder, **place)
    few, many = (
        watched([*command, "nothing", "--rounds", "1", "--replicates", str(count)], folder, **place)[1]
        for count in (5, 25)
    )
    watched([*command, "nothing,looping", "--replicates", "1", "--rounds", "1", "--results", "many"], folder, **place)
    return Line("**Residency** (5 processes each)", *found, wall, share), (many - few) / 20


def enlarged(run: Path) -> int:
    """Give every sample of a run, of one process and one round, so many processes and rounds; returns their number."""
    kept = [json.loads(line) for line in (run / records.RECORDS_FILE).read_text().splitlines()]
    timed = [one for one in kept if one.get("phase") == "timed"]
    ended = [one for one in kept if one["kind"] == "outcome"]
    with (run / records.RECORDS_FILE).open("w") as file:
        for replicate in range(REPLICATES):
            for number in range(ROUNDS):
                for one in timed:
                    seconds = one["seconds"] * (1 + 0.01 * (number * 7 % 13))
                    file.write(json.dumps(one | {"replicate": replicate, "round": number, "seconds": seconds}) + "\n")
            for one in ended:
                file.write(json.dumps(one | {"replicate": replicate}) + "\n")
    return len(timed) * ROUNDS * REPLICATES


def judging(folder: Path) -> tuple[int, float, float]:
    """Samples in a run, the processor seconds for reading and judging it, and those for parsing its lines alone."""
    (run,) = (folder / "many").iterdir()
    samples = enlarged(run)
    start = process_time()
    measured = records.read(run)
    found = document(measured, rows(measured))
    ours = process_time() - start
    assert sum(row["seconds"]["samples"] for row in found["rows"]) == samples
    start = process_time()
    for line in (run / records.RECORDS_FILE).read_bytes().splitlines():
        json.loads(line)
    return samples, ours, process_time() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("pytest", "pyperf", "residency"):
            (folder / part).mkdir()
        lines = [by_timeit(), by_pytest_benchmark(folder / "pytest"), by_pyperf(folder / "pyperf")]
        ours, process = by_residency(folder / "residency")
        lines.append(ours)
        samples, judged, parsed = judging(folder / "residency")
    print("# What measuring costs\n")
    print(f"`make bench`, in one run: Python {platform.python_version()}, {len(os.sched_getaffinity(0))} cores.\n")
    print("| tool | an empty call | a loop | both, in all | parent's share of a core |\n|---|---|---|---|---|")
    for line in lines:
        share = "no workers" if line.parent is None else f"{100 * line.parent:.1f} %"
        print(f"| {line.tool} | {line.empty * 1e9:,.0f} ns | {line.loop * 1e3:.3f} ms | {line.wall:.1f} s | {share} |")
    print(f"\nA fresh process with a cell in it costs Residency {process:.2f} s: Python and NumPy coming up, the cold")
    print("execution of nothing, the warm-up, and the end.")
    print(f"\nReading and judging a run of {samples:,} samples takes {judged:.1f} s of processor time (bar: 5 s), "
          f"{judged / parsed:.1f} times\nwhat parsing its JSON alone takes.")  # fmt: skip


if __name__ == "__main__":
    main()
