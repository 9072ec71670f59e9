"""The page of a run, as `residency report --format html` writes it."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from residency.analysis.findings import findings
from residency.harness import records
from residency.reports import words
from residency.reports.tables import report
from tests.class_run import HOSTILE, write
from tests.page_numbers import assert_says_the_same, places_of

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


@dataclass
class Page(HTMLParser):
    """A page as a test reads it."""

    tags: list[str] = field(default_factory=list)
    source: str = ""
    links: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)  # paragraphs that answer
    warnings: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    data: str = ""  # the charts in JSON
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self._into: list[list[str]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._open.append(f"{tag} {given.get('class', '')} {given.get('id', '')}")
        if "id" in given:
            self.names.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        for wanted, kept in (
            (tag == "p" and given.get("class") == "answer", self.answers),
            (tag == "p" and given.get("class") == "warning", self.warnings),
            (tag == "code", self.code),
            (tag == "h2", self.headings),
        ):
            if wanted:
                kept.append("")
                self._into.append(kept)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "code", "h2"} and self._into:
            ended = {"p": (self.answers, self.warnings), "code": (self.code,), "h2": (self.headings,)}[tag]
            if any(self._into[-1] is kept for kept in ended):
                self._into.pop()
        while self._open and self._open.pop().split(" ")[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        here = self._open[-1] if self._open else ""
        if here.startswith("script"):
            self.data += data if here.endswith(" data") else ""
            return
        for kept in self._into:
            kept[-1] += data
        self.text += data


def read(html: str) -> Page:
    page = Page(source=html)
    page.feed(html)
    return page


@pytest.fixture(scope="module")
def kept() -> dict[Path, tuple[Page, dict[str, Any]]]:
    """The pages that a test has read already."""
    return {}


@pytest.fixture
def page_of(residency, kept):
    """The page of a run and the JSON report of the same run."""

    def of(folder: Path) -> tuple[Page, dict[str, Any]]:
        if folder not in kept:
            html, said = (residency("report", folder, "--format", form) for form in ("html", "json"))
            assert html.status == said.status == 0, html.err + said.err
            kept[folder] = read(html.out), json.loads(said.out)
        return kept[folder]

    return of


@pytest.fixture(scope="module")
def class_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up run of a class whose machine has a GPU."""
    return write(tmp_path_factory.mktemp("class") / "run", replicates=3, rounds=3)


def test_every_number_is_that_of_the_json_report(page_of, class_run: Path) -> None:
    runs = [class_run, *(REFERENCE / f"2-cores-{name}" for name in ("amd-epyc-tabular-lab", "intel-xeon-etl-scale"))]
    for folder in runs:
        page, document = page_of(folder)
        assert len(places_of(page.source)) > 100
        assert_says_the_same(page.source, document)


def test_a_page_answers_first(page_of, class_run: Path) -> None:
    page, _ = page_of(class_run)
    tabular, *others = page.answers[:6]
    end_to_end, resident = (
        r"end to end the GPU is \d+\.\d+ × as fast \[.+\] as the CPU",
        r"with the data resident it is \d+\.\d × as fast \[",
    )
    assert re.match(f"tabular, at lab: {end_to_end}; {resident}", tabular)
    assert re.search(r"\(known for 4 of 5 tasks; end to end these are \d+\.\d+ × as fast \[.+\]\)", tabular)
    assert ". Of 5 tasks: 5 faster. Measured in 3 processes. One task (etl) ran" in tabular
    assert re.search(
        r"tabular/ridge: the GPU wins .* \[1,000 or less, .*\], compared with sklearn \(estimator@cpu\)", tabular
    )
    assert "tabular/ridge: the GPU wins from about" in tabular
    assert "One task: ocr/binarise." in next(answer for answer in others if answer.startswith("ocr"))
    assert others[-1].startswith("foundations, at lab: these tasks measure the limits")
    assert "The numbers of this run are made up: nothing was measured. All results" in page.warnings[0]
    assert "another machine" in page.warnings[0]
    assert page.headings[:2] == ["At a glance", "How to read this page"]
    assert page.headings[2:4] == ["How much faster?", "Where does the time go?"]
    assert page.headings[-2:] == ["What was unavailable", "How was this measured?"]
    assert {link.removeprefix("#") for link in page.links} <= set(page.names)
    assert len(page.names) == len(set(page.names))


def test_charts_say_times_and_opponents_and_have_sizes_in_order(page_of, class_run: Path) -> None:
    page, document = page_of(class_run)
    charts = json.loads(page.data)["charts"].values()
    sizes = ["smoke", "lab", "lecture"]
    assert [name.removeprefix("speedups-") for name in page.names if name.startswith("speedups-")] == sizes
    assert re.findall("<option[^>]*>(smoke|lab|lecture)<", page.source) == sizes
    lab = [chart for chart in charts if chart["spec"] == "speedups"][1]["rows"]
    row = next(row for row in lab if row["label"].startswith("nlp/search · cuml"))
    rows = {row["implementation"]: row for row in document["rows"] if row["task"] == "nlp/search"}
    names = "estimator@gpu", rows["estimator@gpu"]["speedup"]["baseline"]
    assert row["time"] == " against ".join(words.seconds(rows[name]["seconds"]["median"]) for name in names)
    assert [row["label"].partition(":")[0] for row in lab if "ratio" not in row] == ["12 results"] * 3
    (growth,) = [chart for chart in charts if chart["spec"] == "growth"]
    points = document["crossovers"][0]["points"]
    assert [row["rows"] for row in growth["more"]["best"]] == [point["rows"] for point in points] * 2
    tips = {(row["name"], row["rows"]): row["tip"] for row in growth["rows"]}
    for point in points:
        assert f"over {point['champion']}" in tips[point["challenger"], point["rows"]]
    assert "Clusters are drawn, but not compared" in page.text


def test_a_rehearsal_says_what_was_seen_and_that_nothing_was_timed(page_of) -> None:
    page, _ = page_of(REFERENCE / "2-cores-amd-epyc-rehearsal")
    assert "of 152 results 147 rehearsed, 5 unavailable" in page.text
    assert "A rehearsal of GPU code without a GPU, so nothing was timed." in page.warnings[0]
    assert page.answers[0] == "image, at smoke: nothing was timed; results: rehearsed."
    assert "rehearsed: real signatures; nothing was timed" in page.text


def test_what_does_less_than_the_task_says_why_it_has_no_speedup(residency, tmp_path: Path) -> None:
    run = Path(shutil.copytree(REFERENCE / "2-cores-amd-epyc-etl-lab", tmp_path / "run"))
    info = json.loads((run / "run.json").read_text())
    info["tasks"]["tabular/etl"]["beside"] = ["data_frame@cpu"]
    (run / "run.json").write_text(json.dumps(info))
    said = residency("report", run, "--format", "html")
    assert said.status == 0, said.err
    charts = json.loads(read(said.out).data)["charts"].values()
    entries = [row for chart in charts if chart["spec"] == "speedups" for row in chart["rows"]]
    (reason,) = {row["reason"] for row in entries if "data_frame@cpu" in row["label"]}
    assert reason == "it does less than the task asks, so it is shown without a speedup"


def test_a_page_without_a_gpu_says_nothing_about_gpus(page_of) -> None:
    page, document = page_of(REFERENCE / "2-cores-amd-epyc-tabular-lab")
    (answer,) = page.answers[:1]
    won = document["topics"][0]["cpu"]["fastest"][0]
    assert f"CPU against CPU, 6 tasks: {won['library']} is fastest in {won['tasks']}" in answer
    assert "all 17 results are right" in page.text
    assert "without a clear winner. Measured in 2 to 3 processes. One task (etl)" in answer
    assert page.text.partition("How to read")[0].count("nothing about GPUs") == 1
    assert (
        "No GPU has a time, so this says nothing about GPUs; clear winner in 3 of 6 comparisons of CPU libraries"
        in page.text
    )
    best = document["glance"]["cpu"]["wins"][0]
    assert f"sklearnex in tabular/random_forest ({words.digits(best['ratio'])} × as fast [" in page.text
    most = max(row["peak_host_bytes"] for row in document["rows"])
    assert document["glance"]["cost"]["peak"]["bytes"] == most
    assert f"memory up to {words.size(most)} (the most of 17 right results: pandas (data_frame@cpu)" in page.text
    assert "The fastest spends 100\N{NO-BREAK SPACE}% of its time computing (reading included in 1 of 6)." in page.text
    assert '<span class="option">--replicates</span> 5 ' in page.source  # no line breaks within it
    command = next(code for code in page.code if code.startswith("residency run tabular/ridge "))
    assert command == (
        "residency run tabular/ridge --size lab --dataset linear --implementations "
        "normal_equations@cpu,estimator@cpu --replicates 5 --rounds 8 --threads 2 --seed 20260"
    )


def test_a_page_says_all_that_the_terminal_says(page_of, class_run: Path) -> None:
    page, _ = page_of(class_run)
    said = report(findings(records.read(class_run)))
    sentences = [*said.facts, *said.summary, *(reason for entry in said.missing for reason in (entry.reason,))]
    for table in said.tables:
        sentences += [table.question, table.caption, *table.answer.sentences, *table.failures, *table.notes]
    plain = [sentence.replace("`", "") for sentence in sentences]  # the page shows as code what is between backticks
    assert [sentence for sentence in plain if sentence not in page.text] == []


def test_hostile_names_stay_text_and_bytes_stay_the_same(residency, class_run: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.html", "two.html")]
    for file in files:
        assert residency("report", class_run, "--format", "html", "-o", file).status == 0
    first, second = (file.read_bytes() for file in files)
    assert first == second
    page = read(first.decode())
    assert HOSTILE in page.text
    assert page.tags.count("b") == 0
    assert page.tags.count("script") == 4  # the data, Vega, its interpreter and ours
    assert "<" not in page.data
    assert HOSTILE in json.dumps(json.loads(page.data))


def test_pages_of_runs_with_little_in_them(page_of, written, made) -> None:
    nothing = written(
        made("t/a", "one@cpu", seconds=None, outcome="timeout", reason="took longer than 60 s"),
        made("t/a", "absent@gpu", seconds=None, outcome="unavailable", reason="no GPU here"),
        folder="nothing",
    )
    page, _ = page_of(nothing)
    assert page.answers[0] == "t, at lab: nothing was timed; results: timeout and unavailable."
    assert "Where does the time go?" not in page.headings
    assert "took longer than 60 s" in page.text
    page, _ = page_of(written(made("t/a", "one@cpu", replicates=1), folder="one", gpus=()))
    assert "only one implementation of each task has a time" in page.answers[0]
    assert "nothing to compare. Measured in 1 process." in page.answers[0]
    assert "Where does the time go?" in page.headings


def test_the_command_for_own_data_and_a_cluster(page_of, written, made) -> None:
    run = written(
        made("t/a", "one@cpu"), made("t/a", "shared@cpu", runner="cluster", seconds=2.0), made("t/a", "one@gpu")
    )
    info = json.loads((run / "run.json").read_text())
    info["settings"] |= {"path": "/data/my loans.csv", "target": "default", "suites": ["/own suites"], "gate": True}
    (run / "run.json").write_text(json.dumps(info))
    page, document = page_of(run)
    assert (
        "RESIDENCY_SUITES='/own suites' residency run t/a --data '/data/my loans.csv' --target default "
        "--implementations one@cpu,shared@cpu,one@gpu --runner local,cluster --workers 1 --gate"
    ) in page.code
    assert document["topics"][0]["gpu"]["tasks"] == 1
    assert math.isclose(document["topics"][0]["gpu"]["mean"], document["rows"][2]["speedup"]["ratio"])


def test_samples_tell_what_disturbed_them(page_of, class_run: Path) -> None:
    page, _ = page_of(class_run)
    drawn = json.loads(page.data)["charts"].values()
    etl = next(chart for chart in drawn if chart["spec"] == "samples" and "tabular/etl" in chart["title"])
    kinds = {part["kind"] for row in etl["rows"] for part in row["parts"]}
    assert kinds == {"cold", "disturbed"}
    assert len(etl["rows"]) == 5 * 3  # implementations and processes
    assert "other processes on the CPU" in page.text


@pytest.mark.slow
def test_a_run_of_a_hundred_thousand_samples_stays_small(residency, tmp_path: Path) -> None:
    folder, page = write(tmp_path / "run", tasks=60, replicates=5, rounds=80), tmp_path / "page.html"
    assert residency("report", folder, "--format", "html", "-o", page).status == 0
    assert page.stat().st_size < 8e6
    data = page.read_text().partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    smoke, lab = (json.loads(data)["charts"][f"chart-{index}"]["rows"] for index in range(2))
    assert ({row["size"] for row in smoke}, {row["size"] for row in lab}) == ({"smoke"}, {"lab"})
    assert len([row for row in lab if "ratio" in row]) == 60
    assert [row["label"].partition(":")[0] for row in lab if "ratio" not in row] == ["60 results"] * 3


def test_a_run_at_a_glance(page_of, class_run: Path) -> None:
    """Five lines first, with the numbers of the JSON report; without a GPU they speak of the CPU libraries."""
    page, document = page_of(class_run)
    gain = document["glance"]["gain"]
    assert gain["mean"] == max(document["gains"], key=lambda one: one["tasks"])["mean"]
    assert f"How much faster: At lab, the GPU is {words.digits(gain['mean'])} × as fast" in page.text
    assert f"Mean of {gain['tasks']} tasks: {gain['faster']} faster." in page.text
    assert re.search(r"Why: The GPU side spends \d+\s% of its time computing and \d+\s% copying; the CPU", page.text)
    assert re.search(r"From which size on: tabular/ridge from about [\d,]+ rows \[1,000 or less, [\d,]+\]", page.text)
    assert "] (compared with estimator@cpu, clusters left out)." in page.text
    assert re.search(r"crossover, end to end[\d,]+ \[1,000 or less, [\d,]+\]", page.text)  # the table
    assert "the fastest on the GPU overtakes estimator@cpu at about" in page.text
    (crossing,) = document["crossovers"]
    assert (crossing["low_is_open"], crossing["rows_is_open"], len(crossing["left_out"])) == (True, False, 4)
    assert re.search(r"At what cost: The GPU side takes [\d.]+ × the CPU's energy; GPU memory up to", page.text)
    assert "Can it be believed: Made-up numbers; 1 to 3 processes each (5 or more are better); the machine" in page.text
    assert "14 tasks in 6 topics; 2 measure the hardware and are in no mean; 16 comparisons, because" in page.text
    page, _ = page_of(REFERENCE / "2-cores-amd-epyc-etl-lab")
    assert "At what cost: Energy not recorded: no energy counters; memory up to" in page.text
    assert "the machine was busy during 2 of 3 results; 1 of 1 comparison inconclusive." in page.text
