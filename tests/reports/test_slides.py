"""A deck as `residency report --slides` writes it: what each slide says, read as HTML."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.class_run import HOSTILE, write
from tests.conftest import command
from tests.page_numbers import assert_says_the_same

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
VOID = {"meta", "input", "br", "link"}


@dataclass
class Element:
    name: str
    given: dict[str, str | None]
    inside: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(part if isinstance(part, str) else f"{part.text}" for part in self.inside).split())

    @property
    def all(self) -> list[Element]:
        """Itself and all elements inside it."""
        return [self, *(below for part in self.inside if isinstance(part, Element) for below in part.all)]

    def named(self, name: str) -> list[Element]:
        """The elements of that name or, with a dot in front, of that class."""
        if name.startswith("."):
            return [part for part in self.all if name[1:] in (part.given.get("class") or "").split()]
        return [part for part in self.all if part.name == name]


class Reader(HTMLParser):
    """Reads a file as a tree of elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.top = Element("", {})
        self._open = [self.top]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, dict(attrs))
        self._open[-1].inside.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().name == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].inside.append(data)


def read(text: str) -> dict[str, Element]:
    """The slides by their names."""
    return {slide.given["id"] or "": slide for slide in Reader(text).top.named(".slide")}


def at_a_terminal(folder: Path, said: str) -> None:
    """`residency report run --slides` prints this at a terminal, and not the page."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command(), "report", "run", "--slides"], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    text = b""
    with contextlib.suppress(OSError):  # a terminal whose other end is closed cannot be read
        while part := os.read(ours, 10_000):
            text += part
    process.wait(60)
    os.close(ours)
    assert text.decode().startswith(said)


@pytest.mark.slow
def test_slides_at_a_terminal_go_into_a_file(residency, tmp_path: Path) -> None:
    write(tmp_path / "run", tasks=1)
    text = residency("report", "run", "--slides").out
    at_a_terminal(tmp_path, "slides.html\r\n")
    assert (tmp_path / "slides.html").read_text(encoding="utf-8") == text
    at_a_terminal(
        tmp_path, "residency: slides.html exists already and was not changed: name a file with -o; to replace"
    )


def test_a_class_predicts_first_and_then_sees_the_answer(residency, tmp_path: Path) -> None:
    write(tmp_path / "run", tasks=2)
    done = residency("report", "run", "--slides", "-o", "deck.html")
    assert done.status == 0, done.err
    assert done.out.strip() == "deck.html"
    text = (tmp_path / "deck.html").read_text(encoding="utf-8")
    assert residency("report", "run", "--slides", "--format", "html").out == text  # the same bytes
    slides = read(text)
    assert list(slides) == [
        "opening", "agenda", "tabular-ridge-made-smoke", "tabular-ridge-made-smoke-why", "tabular-ridge-made-lab",
        "tabular-ridge-made-lab-why", "tabular-ridge-made-lecture", "tabular-ridge-made-lecture-why",
        "tabular-ridge-made-sizes", "tabular-ridge-dask-workers", "tabular-etl-made-lab", "tabular-etl-made-lab-why",
        "topic-tabular", "all-tasks", "sizes", "cost", "foundations-bandwidth-made-lab",
        "foundations-bandwidth-made-lab-why", "foundations-matrix-product-made-lab",
        "foundations-matrix-product-made-lab-why", "topic-foundations", "missing",
    ]  # fmt: skip
    assert "NVIDIA Stand-in 9000" in slides["opening"].text
    assert "an example, not from this run" in slides["opening"].text
    assert all(slide.named(".foot")[0].text == "Made-up numbers: nothing was measured." for slide in slides.values())
    assert all(slide.named("h2")[0].text.endswith("?") for slide in slides.values())

    etl = slides["tabular-etl-made-lab"]
    (reveal,) = etl.named(".reveal")
    (shown,) = etl.named(".shown")
    assert reveal.name == "details"
    assert "open" not in reveal.given
    assert etl.named("h2")[0].text == "What is a GPU worth for etl?"
    assert "100,000 rows" in etl.named(".above")[0].text
    assert "CPU: sklearn (estimator@cpu)" in shown.text
    assert "GPU: cuml (estimator@gpu)" in shown.text
    assert "×  [" not in shown.text
    assert [choice.text[0] for choice in shown.named("li")[3:]] == list("ABCDE")

    document = residency("report", "run", "--format", "json").json
    (row,) = [
        row for row in document["rows"] if row["task"] == "tabular/etl" and row["implementation"] == "estimator@gpu"
    ]
    big = reveal.named(".big")[0]
    assert big.text.startswith("The GPU wins: cuml (estimator@gpu) is ")
    assert big.text.endswith("(busy machine).")  # the doubt stands beside the number
    ratio = row["speedup"]
    assert [float(number.given["value"] or "") for number in big.named("data")] == [
        ratio["ratio"], ratio["low"], ratio["high"],
    ]  # fmt: skip
    assert_says_the_same(text, document)
    assert reveal.named("table")
    why = slides["tabular-etl-made-lab-why"].text.replace("\N{NO-BREAK SPACE}", " ")
    assert "spends 50 % of its time in load" in why
    assert "Expected The arithmetic decides" in why
    (not_drawn,) = slides["tabular-ridge-made-lab"].named(".reveal")[0].named(".note")
    assert not_drawn.text == "Not drawn: 4 more on the CPU, 1 wrong, 1 unavailable and 1 failed. The table has all."

    notes = etl.named(".notes")[0].text
    assert "residency run tabular/etl --dataset made --size lab --replicates 5 --rounds 8" in notes
    assert "faiss (approximate@gpu) returned a wrong result" in notes
    assert "This run cannot tell. Possible: " in slides["tabular-ridge-made-smoke"].text
    assert "GPU wins" not in slides["foundations-bandwidth-made-lab"].text  # it asks for rates: no vote, no winner
    assert not slides["foundations-bandwidth-made-lab"].named(".choices")
    rates = [rate.text for rate in slides["foundations-bandwidth-made-lab"].named(".big")]
    assert rates == ["CPU: copy 40.0 GB/s (2 processes).", "GPU: copy 900 GB/s (2 processes)."]
    assert "900 GB/s from and to memory (cupy (array@gpu))" in slides["topic-foundations"].text
    assert "foundations/" not in slides["all-tasks"].named("figure")[0].text
    assert "(1 process)" in slides["tabular-ridge-made-smoke"].named(".big")[0].text
    assert "jax is not installed" in slides["missing"].text


def test_hostile_names_stay_text(residency, tmp_path: Path) -> None:
    write(tmp_path / "run", tasks=1, rounds=2, replicates=2)
    top = Reader(residency("report", "run", "--slides").out).top
    assert len(top.named("script")) == 4  # the data, Vega, its interpreter, and ours
    assert not any("alert(1)" in script.text and "type" not in script.given for script in top.named("script"))
    assert HOSTILE in next(slide for slide in top.named(".slide") if slide.given["id"] == "missing").text
    assert not top.named("b") or all(len(bold.text) == 1 for bold in top.named("b"))


def test_without_a_gpu_the_class_votes_for_a_library(residency, tmp_path: Path) -> None:
    """A run of an earlier version, which does not record what is expected."""
    shutil.copytree(REFERENCE / "2-cores-amd-epyc-tabular-lab", tmp_path / "run")
    slides = read(residency("report", "run", "--slides").out)
    assert "No GPU has a time" in slides["opening"].text
    etl = slides["tabular-etl-trips-lab"]
    choices = [choice.text for choice in etl.named(".choices")[0].named("li")]
    assert choices == ["A duckdb (sql@cpu)", "B pandas (data_frame@cpu)", "C polars (lazy_frame@cpu)"]
    assert etl.named(".title")[0].text == "Which CPU library is fastest for tabular/etl?"
    assert "no GPU in this run" in etl.named(".shown")[0].text
    assert etl.named(".big")[0].text.startswith("Inconclusive: polars (lazy_frame@cpu) takes ")
    assert "Not measured: no GPU has a time." in slides["sizes"].text
    assert "residency crossover tabular/etl" in slides["sizes"].text
    assert "Energy: not measured (the processors' energy counters (RAPL) are missing" in slides["cost"].text
    why = slides["tabular-etl-trips-lab-why"]
    assert why.named("h2")[0].text == "What was measured?"
    assert "does not record what was expected" in why.named(".notes")[0].text
    assert "missing" not in slides


def test_what_cannot_be_a_deck_is_refused_in_one_line(refused) -> None:
    said = refused("report", REFERENCE / "2-cores-amd-epyc-tabular-lab", "--slides", "--format", "json")
    assert said == "residency: slides are written as html: leave out --format json, or use --format html"
    said = refused("report", REFERENCE / "2-cores-amd-epyc-rehearsal", "--slides")
    assert said.startswith(
        "residency: no slides: nothing in this run has a time; the reasons are in: residency report "
    )


def test_sizes_what_was_learned_and_cost_have_a_slide_each(residency, tmp_path: Path) -> None:
    write(tmp_path / "run", tasks=2)
    (found,) = residency("report", "run", "--format", "json").json["crossovers"]
    slides = read(residency("report", "run", "--slides").out)
    slide = slides["tabular-ridge-made-sizes"]
    assert "Predict: write down a number of rows." in slide.named(".shown")[0].text
    assert "×" not in slide.named(".shown")[0].text
    shown = {number.given["data-from"]: float(number.given["value"] or "") for number in slide.named("data")}
    assert shown["crossovers/0/rows"] == found["rows"]
    assert shown["crossovers/0/resident/high"] == found["resident"]["high"]
    assert len([place for place in shown if place and place.endswith("/value")]) == len(found["points"])
    facts = [fact.text for fact in slides["topic-tabular"].named(".columns")[0].named("li")]
    assert len(facts) == 4
    assert facts[0].startswith("End to end: the GPU is ")
    assert facts[1].startswith("Resident (data already on the device): ")
    assert facts[2].startswith("The GPU wins in ridge: from about 2,300 rows on [1,000 or less, ")
    assert facts[3] == "Less sure: busy machine in 1 task."
    assert slides["cost"].named(".big")[0].text.startswith("Energy: the GPU side takes ")


def test_a_deck_of_several_runs_shows_one_after_the_other(residency) -> None:
    runs = [REFERENCE / "2-cores-intel-xeon-foundations-lab", REFERENCE / "2-cores-intel-xeon-etl-scale"]
    text = residency("report", *runs, "--slides").out
    slides = read(text)
    assert slides["opening"].named("h2")[0].text == "What can this machine do?"
    assert slides["opening-2"].named(".above")[0].text.startswith("Run 2: ")
    assert "2 workers are " in slides["tabular-etl-partitions-workers"].named(".big")[0].text
    assert "tabular-etl-trips-10000000" not in slides  # nothing is compared there
    assert "Run 2, tabular" in slides["agenda"].text
    assert_says_the_same(text, residency("report", *runs, "--format", "json").json)


@pytest.mark.parametrize("run", ["2-cores-intel-xeon-foundations-lab", "2-cores-intel-xeon-etl-scale"])
def test_every_reference_run_makes_a_deck(residency, run: str) -> None:
    done = residency("report", REFERENCE / run, "--slides")
    assert done.status == 0, done.err
    assert len(done.out) < 1_500_000
    titles = [slide.named(".title")[0].text for slide in read(done.out).values()]
    assert all(titles)
    assert ("Which CPU implementation is fastest for tabular/etl?" in titles) == ("etl" in run)  # two are of pandas
