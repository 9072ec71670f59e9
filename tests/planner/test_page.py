"""The page of a plan: its numbers, its warnings, and the week in local time."""

from __future__ import annotations

import pytest

from residency.planner import page
from residency.reports.page import render
from tests.page_numbers import assert_says_the_same, places_of
from tests.planner.small import planned


def test_the_page_says_what_the_json_answer_says() -> None:
    found, document = planned()
    shown = page.page(found, document)
    html = render.page(shown)
    assert_says_the_same(html, document)
    assert {place.split("/")[0] for place in places_of(html)} >= {
        "assumptions", "hours", "influences", "memory", "nearest", "options", "residents", "seed", "targets", "weeks",
    }  # fmt: skip
    assert "two &lt;b&gt;weeks&lt;/b&gt;" in html
    said = [render.plain(block.text) for block in shown.lead if hasattr(block, "text")]
    assert said[0].startswith("No option meets the target. The nearest is 1 x shared <i>card</i>: 1.00 EUR an hour")
    assert said[1].startswith("95 of 100 tries in class wait at most ")
    assert said[1].endswith("The target, 1 min, is missed.")
    assert said[-2].startswith("Time slicing protects neither memory nor the others")
    assert said[-1].startswith("No GPU time here was measured")
    assert "slices: not possible. own: it needs 30 GB" in html

    charts = {chart.spec: chart for chart in render.charts_of(shown)}
    late = [row["tip"] for row in charts["week"].rows if row["late"]]
    assert late[0].startswith("Monday 09:30\n")  # 4:00 UTC in India; the practice begins at 10:00
    assert [row["chosen"] for row in charts["frontier"].rows] == [False, True]

    one = found.shown
    assert one is not None
    jobs = sum(week.times * sum(week.jobs) for week in one.hours)
    assert jobs == pytest.approx(one.waits["all"].jobs)
    busy = sum(week.times * sum(week.busy) for week in one.hours)
    assert busy / (2 * 168) == pytest.approx(one.busy.value)
