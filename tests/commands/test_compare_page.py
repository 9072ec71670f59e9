"""The page of a comparison: the verdict first, the numbers of the JSON, and no ratio where nothing can be compared."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.page_numbers import assert_says_the_same, places_of

HOSTILE = "<script>alert(1)</script>"


def data_of(page: str) -> Any:
    """The data of a page's charts."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def first_line(page: str) -> str:
    (line, *_) = re.findall(r'<p class="answer">(.*?)</p>', page)
    return re.sub("<[^>]+>", "", line)


@pytest.fixture
def both(made_run, made) -> tuple[Path, Path]:
    """Two runs with every kind of cell."""
    before = made_run(
        "a", made("slow@cpu"), made("same@cpu", 2.0), made("fast@cpu"), made("gone@cpu"), made("data@cpu"),
        made("wrong@cpu"), made(f"{HOSTILE}@cpu", task=f"{HOSTILE}/x"), versions={"numpy": "2.4.5"},
    )  # fmt: skip
    after = made_run(
        "b", made("slow@cpu", 1.3), made("same@cpu", 2.01), made("fast@cpu", 0.5), made("new@cpu"),
        made("data@cpu", data_hash="f" * 16), made("wrong@cpu", outcome="wrong", reason="quality 0.1"),
        made(f"{HOSTILE}@cpu", outcome="failed", reason=f"RuntimeError: {HOSTILE} & <b>", task=f"{HOSTILE}/x"),
    )  # fmt: skip
    return before, after


def test_the_page_says_what_the_command_says(here, both, tmp_path: Path) -> None:
    done = here("compare", *both, "--json", "--page", "a.html")
    found, page = json.loads(done.out), (tmp_path / "a.html").read_text()
    assert (done.status, found["status"]) == (4, 4)
    assert first_line(page) == (
        "2 wrong or failed, 1 slower, 1 faster, 1 equivalent, 2 missing, 1 without a time in the baseline. "
        "Something that was right is now wrong, or no longer runs."
    )
    assert "status" in places_of(page)
    assert re.search(r"<h1>Residency: \d+ \w+.* against \d+ \w+.*, on 16 cores of AMD EPYC 9554</h1>", page)
    (title,) = re.findall("<h1>Residency: (.*), on 16 cores", page)
    assert len(set(title.split(" against "))) == 2
    rows = data_of(page)["charts"]["chart-0"]["rows"]
    assert [row["kind"] for row in rows] == [
        "wrong", "wrong", "slower", "missing", "missing", "equivalent", "faster", "new",
    ]  # fmt: skip
    cells = {cell["implementation"]: cell for cell in found["cells"]}
    for row in rows:
        cell = cells[row["label"].partition(",")[0]]
        assert (row.get("ratio"), row.get("low"), row.get("high")) == (cell["ratio"], cell["low"], cell["high"])
        assert row["text"].startswith(cell["outcome"] if cell["kind"] == "wrong" else cell["kind"])
    names = {place.rpartition("/")[2] for place in places_of(page) if place.startswith("cells/")}
    assert names == {"baseline_seconds", "current_seconds", "ratio", "low", "high", "margin"}
    assert_says_the_same(page, found)
    assert "<li>numpy 2.4.5 in the baseline, 2.4.6 now</li>" in page
    assert "<script>alert" not in page
    again = here("compare", *both, "--page", "b.html")
    assert (done.err, again.err) == ("Page: a.html\n", "Page: b.html\n")
    assert (tmp_path / "b.html").read_bytes() == (tmp_path / "a.html").read_bytes()


def test_no_regression(here, both, tmp_path: Path) -> None:
    assert here("compare", both[0], both[0], "--page", "a.html").status == 0
    page = (tmp_path / "a.html").read_text()
    assert first_line(page).startswith("7 equivalent. Nothing became more than 5 % slower.")
    assert "Nothing that the runs record differs" in page


def test_what_cannot_be_compared_says_why_and_draws_no_ratio(here, made_run, made, both, tmp_path: Path) -> None:
    other = made_run("c", made("slow@cpu"), machine={"cpu": f"Other {HOSTILE}"})
    assert here("compare", both[0], other, "--page", "a.html").status == 2
    page = (tmp_path / "a.html").read_text()
    assert first_line(page).startswith(
        "The runs cannot be compared. Unlike machines: processor AMD EPYC 9554 in the baseline, Other &lt;script&gt;"
    )
    assert re.search("Exit status: <data[^>]*>2</data>", page)
    assert data_of(page)["charts"] == {}
    assert "too unlike for a comparison of times, so no ratio is shown" in page


def test_a_page_that_cannot_be_written_is_refused_first(here, both) -> None:
    done = here("compare", *both, "--page", "no/where.html")
    assert (done.status, done.out) == (2, "")
    assert done.err == "residency: cannot write no/where.html: there is no folder no\n"


def test_what_makes_a_ratio_less_sure_stands_beside_it(here, both, tmp_path: Path) -> None:
    records = both[1] / "records.jsonl"
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    kept = [line | {"other_cpu_seconds": 9.0} for line in lines if line["replicate"] == 0]
    records.write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    done = here("compare", *both, "--json", "--page", "a.html")
    found, page = json.loads(done.out), (tmp_path / "a.html").read_text()
    assert_says_the_same(page, found)
    timed = [row for row in data_of(page)["charts"]["chart-0"]["rows"] if "ratio" in row]
    assert {row["beside"] for row in timed} == {"1 process, busy machine in the current run"}
    assert page.count("<td>1 process, busy machine in the current run</td>") == len(timed) == 3
    assert {cell["doubts"]["current"] for cell in found["cells"] if cell["ratio"]} == {"1 process, busy machine"}
