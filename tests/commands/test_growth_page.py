"""The sections of a page on size and on workers: their answers, their lines, and their numbers as in the JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.class_run import write
from tests.page_numbers import assert_says_the_same, places_of
from tests.written import Made, written  # noqa: F401 (a fixture)

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
SCALE = REFERENCE / "2-cores-intel-xeon-etl-scale"
SIZES = ("smoke", "lab", "lecture")


@dataclass
class Seen(HTMLParser):
    """What a reader and a program see of a page."""

    text: str = ""
    sections: list[str] = field(default_factory=list)
    source: str = ""
    charts: dict[str, Any] = field(default_factory=dict)
    _inside: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note sections, numbers and the data of charts."""
        has = dict(attrs)
        self._inside = tag if tag in {"script", "style"} else ""
        if has.get("type") == "application/json":
            self._inside = "data"
        if tag == "section":
            self.sections.append(has.get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        self._inside = ""

    def handle_data(self, data: str) -> None:
        """Take the text that is shown, and the data of the charts."""
        if self._inside == "data":
            self.charts = json.loads(data)["charts"]
        elif not self._inside:
            self.text += data

    def of(self, spec: str) -> list[dict[str, Any]]:
        """The charts that a specification draws."""
        return [chart for chart in self.charts.values() if chart["spec"] == spec]


@pytest.fixture
def seen(here):
    """The page of a run and its JSON report."""

    def see(run: Path) -> tuple[Seen, dict[str, Any]]:
        page, report = here("report", run, "--format", "html"), here("report", run, "--format", "json")
        assert (page.status, report.status) == (0, 0), page.err
        found = Seen(source=page.out)
        found.feed(page.out)
        return found, json.loads(report.out)

    return see


def asked(run: Path, command: str, **settings: Any) -> Path:
    """The run as if this command had measured it."""
    info = json.loads((run / "run.json").read_text())
    info["command"] = ["residency", command]
    info["settings"] |= settings
    (run / "run.json").write_text(json.dumps(info))
    return run


def rising(name: str, *seconds: float) -> list[Made]:
    return [Made("t/a", name, size, time) for size, time in zip(SIZES, seconds, strict=False)]


def test_every_number_of_both_sections_is_in_the_json_report(seen, tmp_path: Path) -> None:
    for run in (write(tmp_path / "class", tasks=1, replicates=2, rounds=2), SCALE):
        page, report = seen(run)
        assert {place.partition("/")[0] for place in places_of(page.source)} >= {"rows", "scaling"}
        assert_says_the_same(page.source, report)
    page, report = seen(tmp_path / "class")
    assert any(place.startswith("crossovers/0/resident/points/") for place in places_of(page.source))
    (growth,) = page.of("growth")
    names = {row["name"] for row in growth["rows"]}
    assert {"estimator@gpu", "array@cpu", "dask@8xcpu"} <= names
    assert not any("approximate" in name or "script" in name for name in names)  # they have no time
    points = report["crossovers"][0]["points"]
    fastest = {(point[side], point["rows"]) for point in points for side in ("challenger", "champion")}
    assert {(row["name"], row["rows"]) for row in growth["rows"] if row["strong"]} == fastest
    assert report["scaling"][0]["law"]["curve"][-1]["workers"] == pytest.approx(16)  # twice what was measured
    assert report["scaling"][0]["weak"] == []  # every number of workers at every size is no weak scaling


@pytest.mark.parametrize(
    ("times", "answer", "band"),
    [
        (((1.0, 1.0, 1.0), (0.1, 1.001, 10.0)), "crosses", "end to end: GPU faster from 10 k ["),
        (((1.0, 1.0, 1.0), (2.0, 3.0, 4.0)), "always", "end to end: GPU always faster, from 1 k"),
        (((2.0, 3.0, 4.0), (1.0, 1.0, 1.0)), "never", "end to end: GPU never faster, up to 100 k"),
        (((1.0, 1.0, 1.0), (2.0, 0.5, 2.0)), "not monotone", "end to end: GPU faster at some sizes only"),
        (((1.0, 1.0), (1.001, 1.002)), "never", "end to end: GPU never faster, up to 10 k"),
    ],
)
def test_an_answer_is_said_in_words(seen, written, times, answer, band) -> None:  # noqa: F811
    gpu, cpu = times
    run = written(*rising("one@gpu", *gpu), *rising("two@gpu", *[2 * time for time in gpu]), *rising("one@cpu", *cpu))
    page, report = seen(run)
    (found,) = report["crossovers"]
    assert (found["task"], found["dataset"], found["answer"]) == ("t/a", "linear", answer)
    (growth,) = page.of("growth")
    assert any(shown["text"].startswith(band) for shown in growth["more"]["bands"])
    assert found["said"] in page.text
    ends = [end["em"] for end in growth["more"]["ends"]]
    assert all(after - before > 1.3 for before, after in pairwise(ends))  # labels do not overlap


def test_a_crossover_has_its_recorded_sides_and_its_answer_first(seen, written) -> None:  # noqa: F811
    run = written(*rising("fixed@cpu", 1.0, 1.0, 1.0), *rising("growing@cpu", 0.1, 1.0, 10.0), gpus=())
    page, report = seen(run)
    assert report["crossovers"] == []
    assert "does not tell from which size on a GPU wins" in page.text
    sides = {"challenger": ["fixed@cpu"], "champion": ["growing@cpu"], "ends": ["smoke", "200000"]}
    page, report = seen(asked(run, "crossover", crossover=sides))
    (found,) = report["crossovers"]
    assert found["said"].startswith("t/a: fixed@cpu overtakes growing@cpu at about 10,000 rows")
    assert found["sides"] == {"challenger": ["fixed@cpu"], "champion": ["growing@cpu"]}
    assert page.sections[:3] == ["glance", "guide", "growth"]
    assert page.text.index(found["said"]) < page.text.index(" of memory")
    assert "The search was interrupted: 200,000 rows not measured." in page.text


def test_a_scale_run_says_first_whether_more_workers_help(seen) -> None:
    page, report = seen(SCALE)
    (found,) = report["scaling"]
    assert page.sections[:3] == ["glance", "guide", "scaling"]
    assert page.text.index(found["headline"]) < page.text.index(" of memory")
    assert page.of("growth") == []  # each number of workers has sizes of its own
    (speed,), (efficiency,) = page.of("scaling"), page.of("efficiency")
    assert max(point["workers"] for point in speed["more"]["curve"]) == 2  # the coherence is not known
    assert [end["text"][0] for end in speed["more"]["time_ends"]] == ["on the cluster", "one process"]
    assert [(row["kind"], row["workers"]) for row in efficiency["rows"]] == [
        *(("strong", count) for count in (1, 2)),
        *(("weak", count) for count in (1, 2)),
    ]
    assert "All times: 2 processes, busy machine." in page.text


@pytest.mark.parametrize("command", [("scale", "tabular/etl"), ("crossover", "tabular/etl", "--of", "sql")])
@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("no/folder/page.html", "there is no folder no/folder"),
        (".", "it is a folder; name a file"),
        ("new/", "with a slash at the end it is a folder; name a file, as new/page.html"),
    ],
)
def test_a_page_that_cannot_be_written_is_told_before_measuring(here, command, page, said) -> None:
    ended = here(*command, "--page", page)
    assert (ended.status, ended.out) == (2, "")
    assert f"cannot write {page}: {said}" in ended.err
    assert not Path("results").exists()
