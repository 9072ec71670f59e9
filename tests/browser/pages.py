"""Pages of runs for the tests in a browser, and a browser's page that notes all that must not happen."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.analysis.findings import findings
from residency.harness import records
from residency.reports.page import render, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

REFERENCE = Path(__file__).parent.parent.parent / "results" / "reference"
HANGS = 120  # seconds
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


def page_of(folder: Path) -> str:
    """The page of a run, as `residency report --format html` writes it."""
    return render.page(run.page(findings(records.read(folder), here=False)))


def chromium() -> str | None:
    """Debian's Chromium, or another one on the path."""
    return shutil.which("chromium", path="/usr/bin") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """A browser that ends with the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]  # root, and containers with little shared memory
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        yield browser
        browser.close()


class Watched:
    """A page in the browser. `problems` has its console messages, its errors, its dialogs and what it requests.

    The policy of our pages refuses `wait_for_function`, so what is waited for is asked again and again.
    """

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("console", lambda message: self.problems.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", lambda request: self._note_request(request.url, file))
        page.on("dialog", self._dismiss)
        page.goto(file.as_uri())

    def _dismiss(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, url: str, file: Path) -> None:
        if url != file.as_uri():
            self.problems.append(f"request: {url[:200]}")

    def ask(self, function: str, *values: Any) -> Any:
        """The result of one of the functions of `measure.js`."""
        return self.page.evaluate(f"(values) => ({MEASURE}).{function}(...values)", list(values))

    def until(self, function: str, *values: Any) -> None:
        """Wait until a function of `measure.js` returns true."""
        ends = time.monotonic() + HANGS
        while not self.ask(function, *values):
            assert time.monotonic() < ends, f"{function} is still false; {self.problems}"
            self.page.wait_for_timeout(20)  # milliseconds

    def drawn(self) -> None:
        """Wait until all charts that are shown are drawn."""
        self.until("drawn")

    def resized(self, width: int, height: int) -> None:
        """Resize the window and wait until all charts are drawn anew for it."""
        if self.page.viewport_size == {"width": width, "height": height}:
            return
        self.ask("mark")
        self.page.set_viewport_size({"width": width, "height": height})
        self.until("isNew")
        self.drawn()
