"""What a report says first: who won, by how much, where the time went, whether to believe it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from residency.analysis.findings import findings
from residency.harness import records
from residency.harness.statistics import Interval
from residency.reports import words
from residency.reports.tables import report

T = "t/a"


@pytest.fixture
def answer(written) -> Callable[..., str]:
    """The answer to the one group of a run, in sentences."""

    def of(*made, **options) -> str:
        (table,) = report(findings(records.read(written(*made, **options)))).tables
        return " ".join(table.answer.sentences).replace("\N{NO-BREAK SPACE}", " ")

    return of


def test_a_win_on_the_gpu_is_told_end_to_end_and_resident(answer, made) -> None:
    said = answer(made(T, "one@cpu", seconds=8.0), made(T, "one@gpu", seconds=0.5, transfer=1.5))
    assert "The GPU wins: numpy (one@gpu) is 4.00 × as fast [" in said
    assert "as numpy (one@cpu) on the CPU, 8.00 [" in said
    assert "with the data resident it is 16.0 × as fast [16.0, 16.0]." in said
    assert (
        "The two differ because one@gpu computes for only 25 % of its time; the rest is 75 % copying to the device."
        in said
    )
    assert "(one@gpu) spends" not in said  # the sentence before has said it
    assert "Each was measured in 5 processes." in said


def test_where_the_time_went_is_told_of_both_sides(answer, made) -> None:
    said = answer(made(T, "one@cpu", seconds=8.0), made(T, "one@gpu", seconds=1.5, transfer=0.5))
    assert "(one@cpu) spends 100 % of its time in `fit`." in said
    assert "In t/a, numpy (one@gpu) spends 75 % of its time in `fit` and 25 % moving data in and out." in said
    assert "The two differ" not in said


def test_a_loss_on_the_gpu_is_told_like_a_win(answer, made) -> None:
    said = answer(made(T, "one@cpu", seconds=1.0), made(T, "one@gpu", seconds=0.5, transfer=4.15))
    assert "The CPU wins: numpy (one@gpu) takes 4.65 × as long [" in said
    assert "with the data resident it is 2.00 × as fast [2.00, 2.00]." in said


def test_cpu_libraries_among_themselves(answer, made) -> None:
    said = answer(made(T, "one@cpu", seconds=1.0), made(T, "two@cpu", seconds=4.65), made(T, "three@cpu", seconds=2.0))
    assert said.startswith("numpy (one@cpu) is the fastest, 1.00 [")
    assert (
        "Compared with it, numpy (three@cpu) takes 2.00 × as long [2.00, 2.00]; numpy (two@cpu) takes 4.65 × as long"
        in said
    )


def test_one_process_is_a_first_impression(answer, made) -> None:
    said = answer(made(T, "one@cpu", replicates=1), made(T, "two@cpu", seconds=1.05, replicates=1))
    assert "numpy (one@cpu) had the shortest time, 1.00 [" in said
    assert "this run cannot tell who is the fastest" in said
    assert "takes 1.05 × as long [" in said
    assert "(inconclusive)" in said
    assert "Each was measured in 1 process, so this is only a first impression." in said


def test_with_nothing_to_compare_a_line_says_why(answer, made) -> None:
    late = made(T, "late@cpu", seconds=None, outcome="timeout", reason="took longer than 60 s")
    absent = made(T, "one@gpu", seconds=None, outcome="unavailable", reason="no GPU here")
    said = answer(made(T, "one@cpu"), late, absent)
    assert said.startswith("Nothing to compare: only numpy (one@cpu) was measured, 1.00 [1.00, 1.00] s; ")
    assert "; late@cpu ended as timeout, 1 unavailable." in said


def test_with_nothing_measured_a_line_says_why(answer, made) -> None:
    late = made(T, "late@cpu", seconds=None, outcome="timeout", reason="took longer than 60 s")
    planned = made(T, "two@cpu", seconds=None)
    assert answer(late, planned=(planned,)).startswith(
        "No answer: nothing was measured; late@cpu ended as timeout, two@cpu was not reached."
    )


def test_several_tasks_are_summed_up_first(residency, written, made) -> None:
    run = written(*(made(task, name, seconds=s) for task in ("t/a", "t/b") for name, s in (("x@cpu", 1), ("y@cpu", 3))))
    lines = residency("report", run, "--details").out.splitlines()
    brief = [line for line in lines if line.startswith("- t/")]
    assert brief == [
        f"- t/{task}  linear, lab, 10,000 rows: numpy (x@cpu) 1.00 [1.00, 1.00] s; next numpy (y@cpu): takes "
        "3.00 × as long [3.00, 3.00]"
        for task in "ab"
    ]
    assert lines.index(brief[1]) < next(place for place, line in enumerate(lines) if line.startswith("Answer: "))


def test_the_question_stands_above_the_answer(residency) -> None:
    done = residency(
        "run",
        "tabular/ridge",
        "--implementations",
        "normal_equations",
        "--replicates",
        "1",
        "--rounds",
        "1",
        "--details",
    )
    lines = done.out.splitlines()
    asked = next(place for place, line in enumerate(lines) if line.startswith("Question: "))
    assert lines[asked + 1].startswith("Answer: ") or lines[asked + 2].startswith("Answer: ")
    assert "Saved to results/runs/" in done.err
    assert "View it again with: residency report results/runs/" in done.err


@pytest.mark.parametrize(
    ("implementation", "outcome", "places"),
    [("late@cpu", "timeout", "above"), ("one@gpu", "unavailable", "below")],
)
def test_reasons_are_where_they_are_said_to_be(written, made, implementation: str, outcome: str, places: str) -> None:
    run = written(made(T, implementation, seconds=None, outcome=outcome, reason="something"))
    assert report(findings(records.read(run))).summary[0] == f"Nothing was measured: the reasons are {places}."


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        ((12.0, 10.0, 14.0), "12.0 × as fast [10.0, 14.0]"),
        ((0.215, 0.196, 0.239), "4.65 × as long [4.18, 5.10]"),
        ((1.0, 0.5, 2.0), "1.00 × as fast [0.500, 2.00]"),
        ((1.0, 4.0e-07, 7_832.0), "1.00 × as fast [not known]"),  # so wide that it says nothing
        ((0.5, 0.0, 2.0), "2.00 × as long [not known]"),
    ],
)
def test_a_ratio_is_read_in_one_way_only(ratio: tuple[float, float, float], said: str) -> None:
    assert words.times(Interval(*ratio)) == said
    assert words.once(ratio[0]) == said.partition(" [")[0]


def test_a_time_of_which_nothing_is_known_has_no_bounds() -> None:
    assert words.interval(Interval(1.0, 1e-4, 200.0)) == "1.00 s [not known]"
    assert words.interval(Interval(1.0, 0.1, 100.0)) == "1.00 [0.100, 100] s"


@pytest.mark.parametrize(
    ("value", "tolerance", "said"),
    [(0.494123, 0.001, "0.4941"), (0.494123, 0.02, "0.494"), (58.9321, 0.5, "58.93"), (1.0, 0.0, "1")],
)
def test_quality_has_no_more_digits_than_it_can_carry(value: float, tolerance: float, said: str) -> None:
    assert words.quality(value, tolerance) == said


@pytest.mark.parametrize("width", [60, 80, 120])
def test_piped_reports_are_as_wide_as_asked_for(residency, written, made, width: int) -> None:
    run = written(
        made(T, "a_rather_long_name@cpu"),
        made(T, "another@cpu", seconds=4.65, library="sklearn.linear_model"),
        made(T, "late@cpu", seconds=None, outcome="timeout", reason="took longer than the 60 s that it may take"),
    )
    lines = residency("report", run, "--details", COLUMNS=str(width)).out.splitlines()
    widths = [cell_len(line) for line in lines if str(run) not in line]  # a command is never broken inside a word
    assert max(widths) <= width
    assert max(widths) > width - 12
    text = " ".join(" ".join(lines).split())
    for word in re.findall(r"\S+", "takes 4.65 × as long took longer than the 60 s that it may take baseline"):
        assert word in text
    assert "late@cpu: timeout: took longer than the 60 s that it may take" in text


def test_without_a_width_it_is_as_wide_as_its_tables(residency, written, made) -> None:
    run = written(made(T, "one@cpu"))
    for none in ("", "0", "wide"):
        assert max(map(cell_len, residency("report", run, "--details", COLUMNS=none).out.splitlines())) == 160


def test_what_the_workers_of_a_cluster_moved_is_said(written, made) -> None:
    moved = {"task_seconds": 1.5, "fetch_seconds": 0.2, "fetched_bytes": 3 * 2**20, "shuffled_bytes": 95 * 2**20}
    run = written(made(T, "one@2xcpu", runner="cluster", cluster=moved), made(T, "two@2xcpu", cluster={}))
    (table,) = report(findings(records.read(run))).tables
    said = "one@2xcpu: its workers' 2 threads were 75 % in tasks, 10.0 % fetching from each other (3.00 MiB), "
    assert f"{said}95.0 MiB exchanged by key, 25 % without a task" in table.notes
