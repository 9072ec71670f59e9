"""A browser for the tests in this folder, and pages to open in it. Without a browser the tests are skipped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from residency.analysis.compare import compare
from residency.analysis.findings import findings
from residency.analysis.history import history
from residency.analysis.proof import proof as proved
from residency.analysis.row import Ratio
from residency.analysis.selftest import Control
from residency.harness import records
from residency.planner import page as planning
from residency.reports import gate
from residency.reports.history import Notes
from residency.reports.history import document as history_document
from residency.reports.page import beside, comparison, proof, render, run, selftest
from residency.reports.page import history as trend
from residency.reports.page.parts import Page
from residency.studies.selftest import document as selftest_document
from tests.browser.pages import REFERENCE, Watched, chromium, page_of, started
from tests.class_run import write
from tests.planner.small import planned

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Open = Callable[..., Watched]
RECORDED = REFERENCE / "2-cores-amd-epyc-tabular-lab"


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
def comparison_page(class_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison of the class's run with one of fewer processes, on a busy machine, with wrong results."""
    before, folder = class_page.parent / "run", tmp_path_factory.mktemp("comparison")
    after = write(folder / "run", 12, replicates=2)
    lines = [json.loads(line) for line in (after / "records.jsonl").read_text().splitlines()]
    for line in lines:
        line["other_cpu_seconds"] = 100.0
        if line["kind"] == "outcome" and line["task"] == "nlp/search" and line["device"] == "cpu":
            line |= {"outcome": "wrong", "reason": "quality 0.1 is below the floor of 0.7 " * 4}
    (after / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    runs = records.read(before), records.read(after)
    found = compare(*runs, 0.05)
    return page_file(folder, comparison.page(found, gate.document(found, *runs, 0.05), ["residency", "compare"]))


@pytest.fixture(scope="session")
def beside_page(small_page: Path) -> Path:
    """The page of a small run beside a recorded one."""
    here, there = (findings(records.read(folder), here=False) for folder in (small_page.parent / "run", RECORDED))
    return page_file(small_page.parent, beside.with_recorded(run.page(here), here, there), "beside.html")


@pytest.fixture(scope="session")
def proof_page(small_page: Path) -> Path:
    """The page of what the small run proves."""
    found = findings(records.read(small_page.parent / "run"), here=False)
    return page_file(small_page.parent, proof.page(found, proved(found.records, found.rows)), "proof.html")


@pytest.fixture(scope="session")
def selftest_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a self-test, by numbers that are made up."""
    ratios = Ratio(1.01, 0.98, 1.04, "inconclusive"), Ratio(1.05, 1.02, 1.08, "slower")
    found = [
        Control("compiled, one thread", 1, load, 2, 0.02, 0.01, 0.95, 0.6, 0.08, 500, 5, 6, *ratios) for load in (0, 2)
    ]
    text = selftest_document(found, False)
    return page_file(tmp_path_factory.mktemp("selftest"), selftest.page(found, text, ["residency", "selftest"]))


@pytest.fixture(scope="session")
def plan_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a plan for a small cohort."""
    return page_file(tmp_path_factory.mktemp("plan"), planning.page(*planned()))


@pytest.fixture(scope="session")
def history_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a history of three made-up runs at three times of a day. In the last one, some results are wrong."""
    folder = tmp_path_factory.mktemp("history")
    runs = [
        write(folder / f"run{hour}", 2, replicates=2, rounds=2, started=f"2026-01-01T0{hour}:00:00.000Z")
        for hour in (1, 2, 3)
    ]
    for made_up in runs:
        info = json.loads((made_up / "run.json").read_text())
        (made_up / "run.json").write_text(json.dumps(info | {"id": made_up.name}))
    lines = [json.loads(line) for line in (runs[-1] / "records.jsonl").read_text().splitlines()]
    for line in lines:
        if line["kind"] == "outcome" and line["implementation"] == "array@gpu":
            line |= {"outcome": "wrong", "reason": "quality 0.1 is below the floor of 0.7"}
    (runs[-1] / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    found = history(map(records.read, runs))
    return page_file(folder, trend.page(found, history_document(found, [folder], Notes()), "residency history"))


def page_file(folder: Path, page: Page, name: str = "page.html") -> Path:
    file = folder / name
    file.write_text(render.page(page), encoding="utf-8")
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
