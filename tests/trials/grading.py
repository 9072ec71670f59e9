"""Trials of the labs' clock: prints figures, asserts nothing. Run it where nothing else runs, or say what ran.

python tests/trials/grading.py sixty        sixty submissions of the first lab, two at a time
python tests/trials/grading.py beside [N]   the same honest submission N times beside two busy processes
python tests/trials/grading.py itself [N]   the teacher's solution graded against itself N times
python tests/trials/grading.py middling [N] a submission near a step of the points, N times beside two busy processes
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from residency.labs import catalogue, driver, score

LAB = catalogue.lab("foundations-vectorise")
MIDDLING = """
import numpy as np


def fares(kilometres, minutes, night):
    fare = 3.0 + 1.9 * kilometres + 0.4 * minutes
    fare = np.where(night, 1.25 * fare, fare)
    return np.maximum(fare, 6.0)
"""


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that compute without end."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def timed(files: dict[str, bytes], times: int, beside: int) -> None:
    """Grade these files several times and print what came of it."""
    bands: Counter[float] = Counter()
    ratios: list[float] = []
    lost = 0
    begun = time.monotonic()
    with busy(beside), tempfile.TemporaryDirectory(prefix="residency-trial-") as place:
        folder = driver.write(Path(place) / "files", files)
        for number in range(times):
            graded = driver.grade(LAB, folder)
            measured = graded.timed
            share = measured.share if measured else 0.0
            bands[share] += 1
            lost += graded.total < sum(graded.possible.values())
            said = (
                f"{measured.ratio:.3f} [{measured.low:.3f}, {measured.high:.3f}]"
                if measured and measured.ratio
                else "-"
            )
            ratios += [measured.ratio] if measured and measured.ratio else []
            why = "" if measured is None or measured.verdict.is_right else f" {measured.verdict.what}"
            pairs = measured.processes if measured else 0
            print(f"{number + 1:>3}: {graded.total:g} points, {said}, {pairs} pairs{why}", flush=True)
    load = os.getloadavg()
    print(f"{times} gradings in {time.monotonic() - begun:.0f} s, load average {load[0]:.1f} {load[1]:.1f}")
    print(f"shares of the points for the time: {dict(sorted(bands.items()))}; lost a point: {lost}")
    print(
        f"bands moved: {round((max(bands) - min(bands)) * score.BANDS)}; ratios {min(ratios):.3f} to {max(ratios):.3f}"
    )


def sixty() -> None:
    """Sixty clones, a third of them wrong, graded by the command with two jobs."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "labs"))
    import class_of_clones

    with tempfile.TemporaryDirectory(prefix="residency-trial-") as place:
        names = ["ann", "cem-twice", "dan-least"]
        for number in range(60):
            class_of_clones.CLONES[names[number % 3]](Path(place) / "clones" / f"clone-{number:02}")
        results = Path(place) / "results"
        begun = time.monotonic()
        command = [str(Path(sys.executable).parent / "residency"), "lab", "grade", f"{place}/clones"]
        subprocess.run([*command, "--results", str(results), "--jobs", "2"], check=True)
        wall = time.monotonic() - begun
        teams = json.loads((results / "grades.json").read_text())["teams"]
    print(f"{len(teams)} submissions in {wall:.0f} s; load average {os.getloadavg()[0]:.1f}")
    print(f"points: {dict(Counter(team['total'] for team in teams))}")


def main(what: str, times: int) -> None:
    """Run one of the trials."""
    solution = driver.solved(LAB)
    match what:
        case "sixty":
            sixty()
        case "beside":
            timed(solution, times or 20, beside=2)
        case "middling":
            timed({**solution, "work.py": MIDDLING.encode()}, times or 20, beside=2)
        case "itself":
            timed(solution, times or 100, beside=0)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "", int(sys.argv[2]) if len(sys.argv) > 2 else 0)
