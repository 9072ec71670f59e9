"""What a page is as a file, before a browser opens it: complete, of limited size, and closed to everything else."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from residency.reports.page import render
from tests.browser.pages import page_of
from tests.class_run import write

ASSETS = Path(render.__file__).parent / "assets"
MB = 10**6


class Elements(HTMLParser):
    """The attributes of all elements of a page, and its policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.policy = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.attributes |= set(given)
        self.addresses += [given[name] or "" for name in ("src", "href", "action", "data", "srcset") if name in given]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""


def test_the_policy_allows_only_what_is_in_the_page(class_page: Path) -> None:
    text = class_page.read_text(encoding="utf-8")
    page = Elements(text)
    assert page.policy.startswith("default-src 'none'; ")
    assert "unsafe" not in page.policy
    assert page.policy.count("'sha256-") == 1 + 3  # the style; Vega, its interpreter, and our script
    assert "style" not in page.attributes
    assert not [name for name in page.attributes if name.startswith("on")]
    assert all(address.startswith("#") for address in page.addresses)


def test_the_same_run_is_the_same_bytes(class_page: Path) -> None:
    assert page_of(class_page.parent / "run") == class_page.read_text(encoding="utf-8")


def test_the_style_moves_nothing() -> None:
    style = render.asset("page.css")
    assert not re.search("transition|animation|@keyframes|scroll-behavior", style)


def test_the_files_of_others_are_those_that_their_page_names() -> None:
    vendor = ASSETS / "vendor"
    named = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (vendor / "README.md").read_text(), re.M))
    files = [file for file in vendor.iterdir() if file.name != "README.md"]
    assert named == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_no_recorded_run_makes_a_large_page(reference_pages: dict[str, str]) -> None:
    sizes = {name: len(text.encode()) for name, text in reference_pages.items()}
    assert sizes
    assert max(sizes.values()) <= 1.5 * MB, sizes


@pytest.mark.slow
def test_a_hundred_thousand_samples_fit_into_8_megabytes(tmp_path: Path) -> None:
    run = write(tmp_path / "run", tasks=60, replicates=5, rounds=78)
    assert (run / "records.jsonl").read_text(encoding="utf-8").count('"phase"') >= 100_000
    assert len(page_of(run).encode()) <= 8 * MB
