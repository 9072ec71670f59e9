"""A browser for the tests in this folder, and pages to open in it. Without a browser the tests are skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.pages import REFERENCE, Watched, chromium, page_of, started
from tests.class_run import write

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Open = Callable[..., Watched]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium. It ends with the tests of this folder.

    While Playwright runs, asyncio takes its loop for the running one of this thread, and other tests start loops.
    """
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make setup")
    if chromium() is None:
        pytest.skip("Chromium is not installed: apt-get install chromium fonts-dejavu-core")
    with started() as running:
        yield running


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """A function that opens a file in a window of its own. Afterwards, nothing may have been logged or requested.

    `expected` is the number of problems that the test itself looks at.
    """
    watched: list[tuple[Watched, int]] = []

    def open_file(file: Path, *, width: int = 1366, height: int = 900, expected: int = 0, **options: Any) -> Watched:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        watched.append((Watched(context.new_page(), file), expected))
        return watched[-1][0]

    yield open_file
    for window, expected in watched:
        window.page.context.close()
        assert len(window.problems) == expected, window.problems


@pytest.fixture(scope="session")
def class_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a made-up run with a GPU, several sizes, a cluster and hostile names."""
    return made(tmp_path_factory.mktemp("class"), tasks=12)


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with fewer tasks, for what looks at every element."""
    return made(tmp_path_factory.mktemp("small"), tasks=2)


def made(folder: Path, tasks: int) -> Path:
    file = folder / "page.html"
    file.write_text(page_of(write(folder / "run", tasks)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def reference_pages() -> dict[str, str]:
    """The pages of all runs under results/reference."""
    return {file.parent.name: page_of(file.parent) for file in sorted(REFERENCE.glob("*/run.json"))}


@pytest.fixture(scope="session")
def largest_page(reference_pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The largest page of a run that was really measured."""
    file: Path = tmp_path_factory.mktemp("reference") / "page.html"
    file.write_text(max(reference_pages.values(), key=len), encoding="utf-8")
    return file
