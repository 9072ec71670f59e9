"""What measuring took and will take: on records whose times are known, and by a clock that the test moves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from residency.analysis.cost import START, Seen, budget_for_all, turns
from residency.analysis.findings import findings
from residency.analysis.rows import rows
from residency.datasets.tabular.linear import linear
from residency.harness import records
from residency.harness.outcomes import not_reached
from residency.harness.task import Implementation
from residency.reports.live import Planned, Progress
from residency.reports.tables import report
from residency.runners.settings import Settings
from residency.studies.expecting import expectation

T = "t/a"


@pytest.fixture
def measured(written, made) -> Callable[..., records.Records]:
    """A run of `residency run` with one replicate of five that were asked for."""

    def of(*names: str, planned: tuple[Any, ...] = (), seconds: float = 4.0) -> records.Records:
        kept = [made(T, name, seconds=seconds, replicates=1) for name in names]
        run = written(*kept, planned=(*kept, *planned))
        info = json.loads((run / "run.json").read_text())
        info["command"] = ["residency", "run", T, "--budget", "30"]
        info["cells"] = [cell | {"rows": None} for cell in info["cells"]]  # as a plan knows them
        info["settings"] |= {"replicates": 5, "budget": 30.0}
        (run / "run.json").write_text(json.dumps(info))
        return records.read(run)

    return of


def test_a_turn_is_starting_the_cold_execution_and_a_sample(measured) -> None:
    (turn,) = turns(measured("one@cpu").samples).values()
    assert turn.seconds == pytest.approx(START + 8.0)
    assert turn.at(100_000) == pytest.approx(START + 80.0)


def test_the_budget_for_all_counts_what_was_not_reached(measured, made) -> None:
    known = measured("one@cpu", planned=(made(T, "two@cpu", seconds=None),))
    assert budget_for_all(known) == 140.0  # WORTH * 5 * 2 * (START + 8.0), rounded up
    summary = report(findings(known)).summary
    assert any(
        line.startswith("0 to 1 of 5 processes of each implementation were measured. To measure the rest: residency")
        and line.endswith(" --budget 140")
        for line in summary
    )


def test_what_cannot_run_needs_no_budget(measured, made) -> None:
    absent = made(T, "one@gpu", seconds=None, outcome="unavailable", reason="no GPU here")
    known = measured("one@cpu", planned=(absent,))
    known.outcomes.append(absent.ended(0))
    assert budget_for_all(known) == 68.0


def test_what_was_not_reached_is_named_beside_its_table_and_measured_if_it_was_later(measured, made) -> None:
    late = made(T, "two@cpu", seconds=None)
    known = measured("one@cpu", planned=(late,))
    why = not_reached(30, "before its turn")
    known.outcomes.append(replace(late.ended(0), outcome=str(why.outcome), reason=why.reason))
    said = report(findings(known))
    assert said.tables[0].failures == ["two@cpu: not measured: the budget of 30 s was used up before its turn"]
    assert not said.missing
    assert "two@cpu was not reached" in " ".join(said.tables[0].answer.sentences)
    known.samples.append(made(T, "two@cpu").sample(1, "timed"))  # and then the run was killed
    assert [row.result.outcome for row in rows(known)] == ["ok", "ok"]


def group(task: str, size: str, count: int, *names: str) -> Any:
    """As far as expecting looks at one."""
    implementations = [Implementation(name.partition("@")[0], "cpu", "numpy", print) for name in names]
    cells = {name: records.Cell(task, "linear", size, None, name, "numpy", "cpu", "local", 1) for name in names}
    return SimpleNamespace(
        task=SimpleNamespace(path=task), request=SimpleNamespace(rows=count), size=size, scale=size,
        part=(task.partition("/")[0], size), title=f"{task} at {size}", implementations=implementations, dataset=linear,
        cell=lambda one, rows=None: replace(cells[one.id], rows=rows),
    )  # fmt: skip


def test_earlier_runs_tell_what_to_expect(measured) -> None:
    seen = Seen()
    seen.add(measured("one@cpu"))
    here, larger, other = (
        one.cell(one.implementations[0], one.request.rows)
        for one in (
            group(T, "lab", 10_000, "one@cpu"),
            group(T, "lecture", 100_000, "one@cpu"),
            group("t/b", "lab", 1, "one@cpu"),
        )
    )
    assert seen.turn(here) == pytest.approx(START + 8.0)
    assert seen.turn(larger) == pytest.approx(START + 80.0)
    assert seen.turn(other) == 0.0
    assert seen.turn(here, "hash") == pytest.approx(START + 8.0)  # the user's own data
    assert seen.turn(here, "another") == 0.0


@pytest.mark.parametrize(
    ("budget", "names", "said"),
    [
        (None, ("one@cpu",), "Expected by earlier runs: 67.5 s for 5 processes of each implementation. It stops after"),
        (30.0, ("one@cpu",), "The budget of 30 s is enough for about 2 of 5 processes of each implementation."),
        (5.0, ("one@cpu",), "The budget of 5 s is too short for everything; the cheapest implementations go first."),
        (300.0, ("one@cpu",), "Nothing new starts after 300 s. The report names what was not measured."),
        (30.0, ("one@cpu", "x@cpu"), "and 1 of 2 implementations whose time is not known. Nothing new starts after"),
        (30.0, ("x@cpu",), "How long this takes is not known yet: no earlier run of it on this machine is on record."),
    ],
)
def test_what_is_expected_is_said(measured, budget: float | None, names: tuple[str, ...], said: str) -> None:
    seen = Seen()
    seen.add(measured("one@cpu"))
    found = expectation([group(T, "lab", 10_000, *names)], Settings(budget=budget), seen, {})
    assert said in found.sentence


def test_a_line_a_replicate_says_what_is_left(made, capsys) -> None:
    now = [100.0]
    progress = Progress(Console(width=60), Planned(2, 5, 30.0, True), lambda: now[0])
    progress.record(made(T, "one@cpu").sample(0, "timed"))
    now[0] += 12.0
    progress.record(made(T, "one@cpu").ended(0))
    said = capsys.readouterr().out
    assert "one@cpu, replicate 1 of 5: ok, 1.00 s, 1 sample; 18 s of 30 s left, until " in said
    progress.status("t/a: two@cpu, replicate 1, cold 1")
    assert not capsys.readouterr().out  # the last line is not old enough
    now[0] += 31.0
    progress.status("t/a: two@cpu, replicate 1, warmup 1")
    assert capsys.readouterr().out == "now: t/a: two@cpu, replicate 1, warmup 1; 43 s so far: the time is up\n"


def test_a_line_shows_the_time_that_the_report_will_show(made, capsys) -> None:
    progress = Progress(Console(width=60), Planned(1, 2), lambda: 0.0)
    one, four = made(T, "one@cpu", seconds=1.0), made(T, "one@cpu", seconds=4.0)
    for record in (one.sample(0, "timed"), one.ended(0), *(four.sample(1, "timed") for _ in range(3)), four.ended(1)):
        progress.record(record)
    (last,) = [line for line in capsys.readouterr().out.splitlines() if "replicate 2" in line]
    assert "ok, 2.00 s, 4 samples" in last  # a process counts once, however many samples it has


def test_a_terminal_sees_how_many_processes_are_done(made) -> None:
    console = Console(width=60, force_terminal=True, color_system=None)
    with console.capture() as captured, Progress(console, Planned(2, 5, 30.0, True), lambda: 0.0) as progress:
        progress.record(made(T, "one@cpu").ended(0))
        progress.status("t/a: two@cpu, replicate 1, cold 1")
    assert "1 of 10 processes done; 30 s of 30 s left, until " in captured.get()
    assert "now: t/a: two@cpu, replicate 1, cold 1" in captured.get()
