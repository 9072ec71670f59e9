"""The A/A control by the real command, and the margins it allows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.page_numbers import assert_says_the_same

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"


@pytest.mark.slow
def test_the_control_says_what_can_be_seen_and_compare_holds_to_it(residency, tmp_path: Path) -> None:
    cache = {"RESIDENCY_CACHE": str(tmp_path / "cache"), "RESIDENCY_SUITES": str(FIXTURES)}
    done = residency(
        "selftest", "--processes", "6", "--work", "native", "--beside-load", "--json", "--page", "a.html", **cache
    )
    assert done.status == 0, done.err
    assert [control["beside"] > 0 for control in done.json["controls"]] == [False, True]
    for control in done.json["controls"]:
        assert control["processes"] == 6
        assert 0.0 <= control["false_alarms"] <= 1.0
        assert 0.0 < control["spread"] < control["smallest"]
        assert control["needed"] >= control["replicates"] == 5
        assert control["more"]["low"] < control["more"]["value"] < control["more"]["high"]
        assert control["again"]["verdict"] in {"faster", "slower", "equivalent", "inconclusive"}
    page = (tmp_path / "a.html").read_text()
    assert_says_the_same(page, done.json)
    smallest = min(range(2), key=lambda place: done.json["controls"][place]["smallest"])
    assert re.search(
        r'<p class="answer">The smallest slow-down that this machine detects is <data value="([^"]+)" '
        rf'data-from="controls/{smallest}/smallest">',
        page,
    )
    assert json.loads((tmp_path / "cache" / "selftest.json").read_text()) == done.json

    arguments = ["run", "steady", "--implementations", "steady", "--replicates", "5", "--rounds", "2"]
    for place in ("a", "b"):
        assert residency(*arguments, "--results", place, **cache).status == 0
    runs = [next((tmp_path / place).iterdir()) for place in ("a", "b")]
    compared = residency("compare", *runs, "--margin", "0.0001", **cache)
    assert compared.status == 3
    if "cannot detect" not in compared.out:  # then it was inconclusive all by itself
        assert "inconclusive" in compared.out
    (tmp_path / "cache" / "selftest.json").unlink()
    assert residency("compare", *runs, "--margin", "0.5", **cache).status == 0


def test_work_that_there_is_not(residency) -> None:
    done = residency("selftest", "--work", "gpu")
    assert done.status == 2
    assert "--work gpu: expected python, native, together" in done.err
