"""The short report: three lines that answer, one table that fits, and how to go on; `--details` has the rest."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from rich.cells import cell_len

from residency.analysis.findings import findings
from residency.harness import records
from residency.reports import markdown
from residency.reports.tables import report
from tests import class_run

T = "t/a"
HOSTILE = "\x1b[31mred[/]\n| [bold]名前[/bold] </details>"
SIGNS = re.compile(r" [?*!]+$")


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a GPU, of twelve tasks and sixteen groups."""
    return class_run.write(tmp_path_factory.mktemp("lesson") / "run", rounds=2)


def words_of(text: str) -> str:
    """A report without its line ends."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_many_tasks_are_one_table_that_fits(residency, lesson: Path, width: int) -> None:
    lines = residency("report", lesson, COLUMNS=str(width)).out.splitlines()
    assert "\x1b" not in "".join(lines)
    assert max(cell_len(line) for line in lines if str(lesson) not in line) <= width
    assert len(lines) <= (66 if width >= 80 else 124)
    if width >= 80:
        assert re.match(
            r"Mean of 12 tasks: the GPU was [\d.]+ × as fast \[[\d., ]+\] as the CPU; 12 faster\.$", lines[0]
        )
        assert lines[1] == "Doubts: made-up numbers; 14 wrong, 14 failed; 1 to 5 processes; 1 more."
        assert lines[2].startswith("More: --details")
        assert lines[3] == ""
    text = words_of("\n".join(lines))
    rows = [place for place, line in enumerate(lines) if re.match(r"  \S+, (smoke|lab|lecture)( |$)", line)]
    assert len(rows) == (32 if width == 60 else 16)  # there the ratios with the data resident are a second block
    loss = lines[rows[2]] if width >= 60 else words_of("\n".join(lines[rows[2] : rows[3]]))
    assert re.search(r"ridge, smoke .*1\.\d+ × as long \[[\d., ]+\] \?\*", loss)
    assert len(re.findall(r"× (?:as long )?\[\d", text)) == 33  # all ratios have their intervals
    assert "? inconclusive: the run cannot tell; verdicts are stricter than the 95 % interval" in text
    assert "* measured in 1 to 2 processes" in text
    assert "wrong: approximate@gpu, 14 times: quality 0.61 is below the floor of 0.7" in text
    assert f"failed: {class_run.HOSTILE}@gpu, 14 times: RuntimeError: {class_run.HOSTILE} & <b>no kernel</b>" in text
    assert "Unavailable: 14 results: jax is not installed" in text
    left_out = text.partition("Not shown at ")[2].partition(". --details")[0]
    assert left_out.partition(": ")[2] == ("the times, the libraries" if width < 120 else "")
    assert ("fastest on the CPU [95 %]" in text) == (width >= 120)


def test_one_task_shows_every_implementation(residency, written, made) -> None:
    late = made(T, "late@cpu", seconds=None, outcome="timeout", reason="took longer than 60 s")
    absent = made(T, "one@gpu", seconds=None, outcome="unavailable", reason="no GPU here")
    run = written(
        made(T, "one@cpu", replicates=1, library="sklearn.linear_model"), made(T, "two@cpu", seconds=3.0), late, absent
    )
    lines = residency("report", run, COLUMNS="80").out.splitlines()
    assert len(lines) <= 25
    assert re.match(
        r"(sklearn \(one@cpu\) is the fastest: 1\.00|Inconclusive: sklearn \(one@cpu\) had the shortest time)", lines[0]
    )
    assert lines[1] == "Doubts: 1 timeout; 1 to 5 processes."
    rows = {line.split()[1]: line for line in lines if re.match(r"  \w+ \(", line)}
    assert list(rows) == ["(one@cpu)", "(two@cpu)", "(late@cpu)"]
    assert re.search(r"1\.00 \[.*\] s \*  .*baseline", rows["(one@cpu)"])
    assert re.search(r"3\.00 \[.*\] s    .*3\.00 × \[", rows["(two@cpu)"])
    text = words_of("\n".join(lines))
    assert "timeout: late@cpu: took longer than 60 s" in text
    assert "Unavailable: t/a:one@gpu: no GPU here" in text
    assert f"Saved in {run}" in lines


@pytest.mark.parametrize("sizes", [["smoke"], ["smoke", "lab"]])
def test_what_does_less_than_the_task_alone_is_compared_with_nothing(residency, written, made, sizes) -> None:
    run = written(*(made(T, "one@cpu", size) for size in sizes), beside=("one@cpu",))
    said = "Nothing to compare: all that was measured does less than the task asks."
    assert residency("report", run, COLUMNS="120").out.splitlines()[0] == said
    assert f"Answer: {said}" in residency("report", run, "--details", COLUMNS="120").out


def test_without_a_doubt_the_second_line_says_so(residency, written, made) -> None:
    run = written(made(T, "one@cpu", seconds=8.0), made(T, "one@gpu", seconds=0.5, transfer=1.5))
    lines = residency("report", run).out.splitlines()
    assert lines[0] == (
        "The GPU wins: numpy (one@gpu) is 4.00 × as fast [4.00, 4.00] as numpy (one@cpu); with the data resident it "
        "is 16.0 × as fast [16.0, 16.0]."
    )
    assert lines[1] == "Each was measured in 5 or more processes, and the machine was not busy as far as is known."


def test_several_groups_without_a_mean_are_counted(residency, written, made) -> None:
    sizes = [
        made(T, name, size, seconds=time) for size in ("smoke", "lab") for name, time in (("x@cpu", 1), ("y@cpu", 3))
    ]
    said = residency("report", written(*sizes)).out
    assert said.startswith(
        "Nothing to compare between libraries: only one library of each task has a time that counts."
    )
    rival = made(T, "z@cpu", seconds=9.0, library="scipy")
    said = residency("report", written(*sizes, rival, folder="rival")).out
    assert "Clear winner in 1 of 1 comparison of CPU libraries: numpy 9.00 × as fast as the next library in" in said
    alone = [made(T, "x@gpu", size) for size in ("smoke", "lab")]
    said = residency("report", written(*alone, folder="alone")).out
    assert said.startswith("Nothing to compare: only one implementation of each task has a time that counts.")
    both = [*sizes, made(T, "x@gpu", "smoke", seconds=2.0), made(T, "x@gpu", "lab", seconds=0.1)]
    said = residency("report", written(*both, folder="gpu")).out.splitlines()[0]
    assert said == "GPU against CPU in 2 comparisons: 1 faster, 1 slower."


def test_its_commands_work_as_typed(residency, written, made, tmp_path: Path) -> None:
    run = written(made(T, "one@cpu"), made(T, "two@cpu", seconds=3.0), folder="with a space")
    out = residency("report", run, COLUMNS="80").out.replace("\\\n", "")
    typed = {
        line.partition(":")[0]: shlex.split(line.partition(":")[2])
        for line in out.splitlines()
        if line.startswith(("Details:", "Page:"))
    }
    assert "Answer: " in residency(*typed["Details"][1:]).out
    assert residency(*typed["Page"][1:]).status == 0
    assert (tmp_path / "page.html").exists()


def test_hostile_names_stay_text(residency, written, made) -> None:
    run = written(
        made(T, f"{HOSTILE}@cpu", library=HOSTILE),
        made(T, "two@cpu", seconds=3.0),
        made(T, "bad@cpu", seconds=None, outcome="failed", reason=HOSTILE),
        made(f"t/{HOSTILE}", "two@cpu"),
    )
    for arguments in ((), ("--details",), ("--format", "markdown")):
        out = residency("report", run, *arguments, COLUMNS="120").out
        assert "\x1b" not in out
        assert "\\x1b[31mred[/]" in out
        assert "[bold]名前[/bold]" in out
    assert "</details>" not in re.sub(r"^</details>$", "", out, flags=re.MULTILINE)
    assert out.count("<details>") == out.count("</details>") == 2
    table = [line for line in out.splitlines() if line.startswith("| ")]
    assert all(line.endswith(" |") for line in table)


def test_details_and_markdown_lose_nothing(residency, lesson: Path) -> None:
    said = report(findings(records.read(lesson)))
    facts = [*said.summary, *said.facts, *(entry.reason for entry in said.missing)]
    facts += [name for entry in said.missing for name in entry.names]
    for table in said.tables:
        facts += [table.title, table.question, table.answer.brief, " ".join(table.answer.sentences), table.caption]
        facts += [*table.failures, *table.notes]
    terminal = words_of(residency("report", lesson, "--details").out)
    folded = words_of(markdown.render(findings(records.read(lesson))))
    for fact in facts:
        assert words_of(fact) in terminal
        escaped = words_of(fact).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert escaped in folded
    assert folded.startswith("# Residency run 20270101T000000.000Z-host **Mean of 12 tasks: the GPU was ")


def test_details_are_refused_where_everything_is_shown_anyway(refused, written, made) -> None:
    assert "--details is for the terminal" in refused(
        "report", written(made(T, "one@cpu")), "--format", "json", "--details"
    )
    assert "--details is for the terminal" in refused("run", "tabular/ridge", "--json", "--details")


def test_a_rehearsal_shows_how_far_each_was_tested(residency) -> None:
    run = Path(__file__).parents[2] / "results" / "reference" / "2-cores-amd-epyc-rehearsal"
    lines = residency("report", run, COLUMNS="120").out.splitlines()
    assert lines[0] == "Nothing was timed: GPU code was rehearsed without a GPU. What was seen is below."
    assert not any("Doubts" in line for line in lines)
    (ridge,) = [line.split() for line in lines if line.startswith("tabular/ridge") and "normal_equations@gpu" in line]
    assert ridge == ["tabular/ridge", "normal_equations@gpu", "ok", "real", "signatures"]
    assert "Not rehearsed: only on a real GPU: LightGBM's CUDA has no emulation" in lines
