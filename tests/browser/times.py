"""How long pages take here: to be made by the command, and until a reader sees charts and can use the filters.

    make bench-page

The page of 100,000 samples is to be made within 20 s, and to be usable within 2 s. No test says so, because a test must
not depend on how fast or how quiet a machine is. Each time is the best of three.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.browser.pages import REFERENCE, Watched, started
from tests.class_run import write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPEATS = 3
RUNS = {
    "the class run": {},
    "60 tasks, 10,000 samples": {"tasks": 60, "rounds": 7},
    "60 tasks, 100,000 samples": {"tasks": 60, "rounds": 78},
}
COLUMNS = ("run", "size", "made in", "loaded", "screen drawn", "a filter answers", "all drawn")
LOADED = "performance.getEntriesByType('navigation')[0].loadEventEnd"
NOW = "performance.now()"


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        runs = {name: write(Path(folder) / f"run-{index}", **RUNS[name]) for index, name in enumerate(RUNS)}
        runs |= {"the recorded run tabular-lab": REFERENCE / "2-cores-amd-epyc-tabular-lab"}
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
        for name, run in runs.items():
            file = Path(folder) / "page.html"
            seconds = min(made(run, file) for _ in range(REPEATS))
            seen = [drawn(browser, file) for _ in range(REPEATS)]
            shown = [f"{min(times) / 1000:.2f} s" for times in zip(*seen, strict=True)]
            print("|", " | ".join([name, f"{file.stat().st_size / 1e6:.2f} MB", f"{seconds:.1f} s", *shown]), "|")


def made(run: Path, file: Path) -> float:
    """Seconds that the command takes."""
    begin = time.monotonic()
    command = [Path(sys.executable).parent / "residency", "report", run, "--format", "html", "-o", file]
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begin


def drawn(browser: Browser, file: Path) -> tuple[float, float, float, float]:
    """Milliseconds until the page has loaded, shows the charts on the screen, answers a filter, and has all charts."""
    window = Watched(browser.new_page(viewport={"width": 1366, "height": 900}), file)
    ask = window.page.evaluate
    window.until("screenDrawn")
    screen = ask(NOW)
    if window.page.locator("#filters select").count():
        window.page.locator("#filters select").first.select_option(index=1)
    answered = ask(NOW)
    if window.page.locator("#filters select").count():
        window.page.locator("#filters select").first.select_option(index=0)
    window.drawn()
    times = (ask(LOADED), screen, answered, ask(NOW))
    window.page.close()
    return times


if __name__ == "__main__":
    main()
