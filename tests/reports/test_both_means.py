"""Both speedups, end to end and with the data resident, in every format; and what is credited to nobody."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from residency.analysis.compare import Kind, compare
from residency.analysis.crossover import both
from residency.analysis.findings import findings
from residency.analysis.proof import proof
from residency.analysis.rows import rows, timed_samples
from residency.harness import records
from residency.reports import console, crossover, document, gate, markdown, proof_page, pytest_benchmark
from residency.reports.compare import show as show_comparison
from residency.reports.tables import report

DOUBT = "it is not known whether it ran on a GPU: its cluster was not started here"
COPIES = {"put": 1.0, "fit": 0.5, "get": 0.5, "other": 0.0}
READS = {"load": 5.0, "fit": 1.0, "other": 0.0}


@pytest.fixture
def run(written, made) -> Path:
    """Three tasks: one whose GPU side copies, one whose CPU side reads, and one of which nobody knows where it ran."""
    return written(
        made("t/copies", "one@cpu", seconds=8.0),
        made("t/copies", "one@gpu", stages=COPIES),
        made("t/reads", "one@cpu", stages=READS),
        made("t/reads", "other@cpu", stages={"load": 9.0, "fit": 0.9, "other": 0.0}, library="pandas"),
        made("t/reads", "one@gpu", stages={"load": 0.5, "fit": 0.8, "get": 0.2, "other": 0.0}),
        made("t/doubted", "one@cpu"),
        made("t/doubted", "one@gpu", seconds=0.1, doubt=DOUBT),
    )


@pytest.fixture
def answers(run: Path) -> dict[str, str]:
    tables = report(findings(records.read(run))).tables
    return {
        table.title.partition(" ")[0]: " ".join(table.answer.sentences).replace("\N{NO-BREAK SPACE}", " ")
        for table in tables
    }


def test_an_answer_says_both_and_what_takes_the_rest(answers: dict[str, str]) -> None:
    said = answers["t/copies"]
    assert "is 4.00 × as fast [4.00, 4.00] as numpy (one@cpu) on the CPU" in said
    assert "with the data resident it is 16.0 × as fast [16.0, 16.0]." in said
    assert (
        "The two differ because one@gpu computes for only 25 % of its time; the rest is 50 % copying to the device and "
        "25 % copying back." in said
    )
    said = answers["t/reads"]
    assert "is 4.00 × as fast [4.00, 4.00] as numpy (one@cpu)" in said
    assert "with the data resident it is 1.12 × as fast [1.12, 1.12] as pandas (other@cpu)." in said
    assert (
        "The two differ because other@cpu computes for only 9 % of its time; the rest, which the GPU side does faster, "
        "is 91 % reading." in said
    )


def test_what_may_have_run_on_the_cpu_is_compared_with_nothing(answers: dict[str, str]) -> None:
    said = answers["t/doubted"]
    assert said.startswith("Nothing to compare: only numpy (one@cpu) was measured")
    assert "Not known whether on the GPU, so not compared: numpy (one@gpu), 100 [100, 100] ms." in said
    assert "wins" not in said
    assert "as fast" not in said


def test_the_summary_has_both_means_over_the_same_tasks(run: Path) -> None:
    (line,) = report(findings(records.read(run))).summary
    assert "best of each of 2 tasks: geometric mean 4.00 × as fast [4.00, 4.00] end to end, " in line
    assert "With the data resident: 4.24 × as fast [" in line
    assert "from 1.12 × as fast to 16.0 × as fast; 2 faster." in line


def test_a_mean_far_from_the_other_says_what_takes_the_rest(written, made) -> None:
    pairs = [(made(task, "one@cpu", seconds=8.0), made(task, "one@gpu", stages=COPIES)) for task in ("t/a", "t/b")]
    bound = made("t/c", "one@cpu", seconds=8.0), made("t/c", "one@gpu", stages={"fit": 1.0, "other": 0.0})
    kept = findings(records.read(written(*(one for pair in [*pairs, bound] for one in pair))))
    line = report(kept).summary[0].replace("\N{NO-BREAK SPACE}", " ")
    assert "; a lower bound in 1, where the copy cannot be told from computing." in line
    only = findings(records.read(written(*(one for pair in pairs for one in pair), folder="two")))
    line = report(only).summary[0].replace("\N{NO-BREAK SPACE}", " ")
    assert line.endswith(
        "The two differ because the GPU side computes for only 25 % of its time, on average; the rest is 50 % copying "
        "to the device and 25 % copying back."
    )


def test_tables_have_it_where_something_ran_on_a_gpu(run: Path) -> None:
    text = markdown.render(findings(records.read(run)))
    headers = [line for line in text.splitlines() if line.startswith("| implementation")]
    assert ["resident [95 %]" in line for line in headers] == [True, True, True]
    assert "| faster: 4.00 × as fast [4.00, 4.00] | 16.0 × as fast [16.0, 16.0] |" in text
    assert "| not known whether on the GPU | - |" in text
    assert f"- one@gpu: {DOUBT}" in text


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_terminal_shows_no_gain_in_green_that_nobody_can_tell(run: Path, width: int, *, details: bool) -> None:
    text = io.StringIO()
    console.show(findings(records.read(run)), Console(file=text, width=width, force_terminal=True), details=details)
    green = [line for line in text.getvalue().splitlines() if "\x1b[32m" in line]
    assert len(green) in {2, 4, 6}  # two rows, in each block of a table that is wider than the terminal
    assert all("one@gpu" in line for line in green)
    assert not any("not known" in line for line in green)


def test_programs_get_both(run: Path) -> None:
    kept = records.read(run)
    found = rows(kept)
    said = json.loads(json.dumps(document.document(kept, found)))
    by_name = {(row["task"], row["implementation"]): row for row in said["rows"]}
    reads = by_name["t/reads", "one@gpu"]
    assert reads["resident"]["ratio"] == pytest.approx(0.9 / 0.8)
    assert (reads["resident"]["baseline"], reads["speedup"]["baseline"]) == ("other@cpu", "one@cpu")
    assert reads["resident_seconds"]["median"] == pytest.approx(0.8)
    assert not reads["in_doubt"]
    assert by_name["t/doubted", "one@gpu"]["in_doubt"]
    (gain,) = said["gains"]
    assert (gain["tasks"], gain["resident"]["tasks"]) == (2, 2)
    assert gain["resident"]["mean"] == pytest.approx((16.0 * 0.9 / 0.8) ** 0.5)
    assert gain["resident"]["end_to_end"]["mean"] == pytest.approx(gain["mean"])
    benchmarks = pytest_benchmark.document(kept, found, timed_samples(kept))["benchmarks"]
    extra = {one["name"]: one["extra_info"] for one in benchmarks}["t/reads-linear-lab-one@gpu"]
    assert extra["resident"] == reads["resident"]
    assert extra["speedup"] == reads["speedup"]


def test_the_page_of_a_proof_has_both(run: Path) -> None:
    kept = records.read(run)
    found = rows(kept)
    page = proof_page.render(kept, found, proof(kept, found))
    line = next(line for line in page.splitlines() if line.startswith("| t/reads | lab"))
    assert (
        "| faster: 4.00 × as fast [4.00, 4.00] | one@cpu | faster: 1.12 × as fast [1.12, 1.12] over other@cpu |" in line
    )
    assert "With the data resident: 4.24 × as fast [" in page
    assert "| t/doubted | lab" not in page
    assert f"- `t/doubted:one@gpu` at lab: {DOUBT}" in page


def test_a_run_elsewhere_does_not_say_that_nothing_used_a_gpu(written, made) -> None:
    said = report(findings(records.read(written(made("t/a", "one@cpu"), made("t/a", "one@gpu", doubt=DOUBT), gpus=()))))
    assert said.summary == ["It is not known whether anything ran on a GPU, so this run says nothing about GPUs."]
    assert "No GPU: no NVIDIA GPU on the run's machine." in said.facts


def test_a_crossover_says_both(written, made) -> None:
    kept = records.read(
        written(
            made("t/a", "one@cpu", "smoke", seconds=0.1),
            made("t/a", "one@gpu", "smoke", seconds=0.02, transfer=0.2),
            made("t/a", "one@cpu", "lab", seconds=2.0),
            made("t/a", "one@gpu", "lab", seconds=0.1, transfer=0.4),
        )
    )
    found = both(kept, rows(kept), ["one@gpu"], ["one@cpu"])
    said = document.crossover("t/a", "rows", found)
    assert "one@gpu overtakes one@cpu at about " in said["said"]
    assert said["resident"]["said"] == (
        "With the data resident: one@gpu is faster than one@cpu from the smallest size measured on, 1,000 rows."
    )
    text = io.StringIO()
    crossover.show("t/a", "rows", found, Console(file=text, width=120))
    assert "20 [20, 20]" in text.getvalue()
    untold = records.read(written(made("t/a", "one@cpu"), made("t/a", "one@gpu", doubt=DOUBT), folder="untold"))
    nobody = both(untold, rows(untold), ["one@gpu"], ["one@cpu"])
    assert crossover.sentence("t/a", "rows", nobody).endswith("; not known whether on the GPU: one@gpu.")


def test_a_comparison_names_what_may_not_have_run_on_the_gpu(written, made) -> None:
    before = records.read(written(made("t/a", "one@gpu", rounds=4)))
    after = records.read(written(made("t/a", "one@gpu", seconds=0.5, rounds=4, doubt=DOUBT), folder="after"))
    found = compare(before, after, 0.05)
    (cell,) = found.cells
    assert (cell.kind, cell.doubts) == (Kind.FASTER, (False, True))
    assert (
        gate.says(cell) == "faster: now / before 0.500 [0.500, 0.500], not known whether on the GPU in the current run"
    )
    assert gate.document(found, before, after, 0.05)["cells"][0]["in_doubt"] == {"baseline": False, "current": True}
    text = io.StringIO()
    show_comparison(found, Console(file=text, width=200))
    assert "faster: not known whether on the GPU in the current run" in text.getvalue()


def test_a_lower_bound_is_never_called_slower(written, made) -> None:
    """Neither in the mean, nor in the size from which on the GPU wins with the data resident."""
    small, large = {"fit": 2.0, "other": 0.0}, {"fit": 0.5, "other": 0.0}
    kept = records.read(
        written(
            made("t/a", "one@cpu"),
            made("t/a", "one@gpu", stages=small),
            made("t/a", "one@cpu", "lecture"),
            made("t/a", "one@gpu", "lecture", stages=large),
            made("t/b", "one@cpu"),
            made("t/b", "one@gpu", transfer=1.0),
        )
    )
    found = rows(kept)
    line = report(findings(kept)).summary[0]
    assert "; 2 slower." in line
    assert "; 1 equivalent, 1 inconclusive; a lower bound in 1" in line
    known = both(kept, [row for row in found if row.cell.task == "t/a"], ["one@gpu"], ["one@cpu"])
    assert crossover.sentence("t/a", "rows", known) == (
        "t/a: one@gpu overtakes one@cpu at about 32,000 rows [32,000, 32,000]."
    )
    assert crossover.resident("rows", known) == (
        "With the data resident: one@gpu overtakes one@cpu at about 32,000 rows "
        "[10,000 or less, 32,000], or at fewer: its ratio is a lower bound."
    )
    lab = both(kept, [row for row in found if row.cell.size == "lab"], ["one@gpu"], ["one@cpu"])
    assert "this run cannot tell whether" in crossover.resident("rows", lab)
    other = both(kept, [row for row in found if row.cell.task == "t/a"], ["one@cpu"], ["one@gpu"])
    assert other.resident is None
