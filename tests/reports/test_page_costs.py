"""The pictures of a device's limits, of quality beside time, and of memory and energy: data, tables and words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.page_numbers import assert_says_the_same
from tests.reports.test_page_beside import data

PEAKS = {"copy_gb_per_s": 500.0, "float32_tflops": 10.0}


@pytest.fixture
def shown(residency) -> Callable[[Path], tuple[str, dict[str, list[Any]]]]:
    """The page of a run and its charts by their specification; the numbers are those of the JSON report."""

    def of(run: Path) -> tuple[str, dict[str, list[Any]]]:
        page, document = (residency("report", run, "--format", form) for form in ("html", "json"))
        assert page.status == 0, page.err
        assert_says_the_same(page.out, document.json)
        charts: dict[str, list[Any]] = {}
        for chart in data(page.out)["charts"].values():
            charts.setdefault(chart["spec"], []).append(chart)
        return page.out, charts

    return of


@pytest.fixture
def run(written, made) -> Path:
    """A GPU whose peaks are known, and one whose CPU has none; results that are right, wrong, and absent."""
    folder = written(
        made("foundations/bandwidth", "one@gpu", figures=PEAKS),
        made("foundations/matrix_product", "one@gpu", figures=PEAKS),
        made("t/a", "one@cpu", seconds=2.0, flops=1e12, bytes=1e9, replicates=1),
        made("t/a", "one@gpu", seconds=0.5, transfer=0.25, flops=1e12, bytes=1e9),
        made("t/a", "magic@gpu", seconds=0.05, flops=1e12, bytes=1e9),
        made("t/a", "bytes@gpu", seconds=0.5, bytes=1e9),
        made("t/a", "wrong@gpu", seconds=0.1, outcome="wrong", reason="quality 0.9 misses"),
        made("t/a", "absent@gpu", seconds=None, outcome="unavailable", reason="no such library"),
    )
    info = json.loads((folder / "run.json").read_text())
    info["tasks"]["t/a"]["limiter"] = "scattered additions"
    (folder / "run.json").write_text(json.dumps(info))
    lines = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    for line in lines:
        if line["implementation"] == "one@gpu" and line["kind"] == "sample":
            line |= {"joules": 120.0, "cpu_joules": 7.5}
        if line["implementation"] == "magic@gpu" and line["kind"] == "outcome":
            line["unknown"] = {"joules": "NVML does not tell this GPU's energy"}
    (folder / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return folder


def words_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_roofline_is_that_of_the_run_and_names_what_is_mistaken_or_limited(run, shown) -> None:
    page, charts = shown(run)
    (gpu,) = charts["roofline"]
    assert (gpu["settings"]["memory"], gpu["settings"]["arithmetic"]) == (500e9, 10e12)
    points = {row["name"]: row for row in gpu["rows"]}
    good, magic = points["numpy (one@gpu)"], points["numpy (magic@gpu)"]
    assert (good["x"], good["y"], good["shape"]) == (1000.0, 2e12, "gpu")
    assert good["share"].replace("\N{NO-BREAK SPACE}", " ") == "20 % of arithmetic"
    assert good["more"] == "limited by scattered additions"
    assert (magic["shape"], magic["number"]) == ("mistaken", 1)
    assert magic["share"].startswith("mistaken: 200")
    assert "numpy (bytes@gpu)" not in points
    said = words_of(page)
    assert "memory 500 GB/s (copy_gb_per_s of one@gpu in foundations/bandwidth at lab)" in said
    assert "Not drawn, but in the table: 1 that" in said
    assert "This run measured no peaks of the CPU" in said
    assert "residency run foundations/bandwidth foundations/matrix_product t/a --size lab" in said


def test_quality_stands_beside_time_with_the_band_that_decides(run, shown) -> None:
    _, charts = shown(run)
    (chart,) = charts["quality"]
    rows = {row["name"]: row for row in chart["rows"] if row["title"].startswith("t/a")}
    assert len({row["panel"] for row in chart["rows"]}) == 3
    assert "numpy (absent@gpu)" not in rows
    right, wrong = rows["numpy (one@gpu)"], rows["numpy (wrong@gpu)"]
    assert right["about"] == "R², higher is better; tolerance band: at least 0.8990 (exact solution 0.9000)"
    assert (right["worst"], right["wanted"], right["quality"]) == (pytest.approx(0.899), 0.9, 0.9)
    assert right["worse"] < right["worst"] < right["better"]
    assert (wrong["shape"], wrong["seconds"], wrong["text"]) == ("wrong", None, "wrong: 0.9000")
    assert rows["numpy (one@cpu)"]["doubt"] == "1 process"


def test_quality_is_drawn_where_results_differ(written, made, shown) -> None:
    """The band is drawn unless results differ visibly and its edge is far; then the words say where it is."""
    run = written(*(made(f"t/{task}", f"one@{device}") for task in "ab" for device in ("cpu", "gpu")))
    lines = [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]
    for line in lines:
        if line["device"] == "gpu":
            line["quality"] = 0.89985 if line["task"] == "t/a" else 0.89999
    (run / "records.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    _, charts = shown(run)
    rows = {row["title"].partition(",")[0]: row for row in charts["quality"][0]["rows"]}
    assert (rows["t/a"]["edge"], rows["t/b"]["edge"]) == (False, True)
    assert rows["t/a"]["about"].endswith("; its edge is below the picture")
    assert "below" not in rows["t/b"]["about"]


def test_memory_and_energy_say_what_is_not_known_and_why(run, shown) -> None:
    page, charts = shown(run)
    memory, energy = charts["resources"]
    device = next(row for row in memory["rows"] if row["name"] == "numpy (one@gpu)" and row["kind"] == "gpu")
    assert device["value"] == 2**30
    assert device["text"] == "GPU 1.00 GiB"
    assert device["more"].replace("\N{NO-BREAK SPACE}", " ") == "4.2 % of 24.0 GiB"
    known = [(row["text"], row["value"]) for row in energy["rows"] if row["name"] == "numpy (one@gpu)"]
    assert known[-2:] == [("processors 7.50 J", 7.5), ("GPU 120 J", 120.0)]
    assert [row["text"] for row in energy["rows"] if "(magic" in row["name"] and row["kind"] == "gpu"] == [
        "GPU: not known"
    ]
    assert "Not known of the GPU for 1 implementation: NVML does not tell this GPU's energy" in words_of(page).replace(
        "&#39;", "'"
    )


def test_a_run_that_knows_no_energy_says_so_in_a_sentence(shown) -> None:
    run = Path(__file__).parents[2] / "results" / "reference" / "2-cores-amd-epyc-nlp-lab"
    page, charts = shown(run)
    assert [chart["title"] for chart in charts["resources"]] == ["Peak memory of an execution"]
    assert "roofline" not in charts
    said = words_of(page).replace("&#39;", "'")
    assert "Energy of an execution is not known. Not known of the processors for 11 implementations: the proc" in said
    assert "residency run foundations/bandwidth foundations/matrix_product nlp --size lab" in said
