"""What a report says of how far it may be believed: a busy machine first, and what would tell more."""

from __future__ import annotations

import io
import socket
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from residency.analysis.findings import findings
from residency.analysis.row import Row
from residency.analysis.rows import rows
from residency.commands.common import is_here
from residency.harness import records
from residency.reports import console, markdown
from residency.runners import machine


def changed(run: records.Records, **more: Any) -> records.Records:
    return replace(run, samples=[replace(one, **more) for one in run.samples])


@pytest.fixture
def kept(written, made) -> records.Records:
    """Two implementations, one of them a twentieth slower, each in one process."""
    few = records.read(
        written(
            made("t/a", "one@cpu", seconds=0.01, replicates=1), made("t/a", "two@cpu", seconds=0.0105, replicates=1)
        )
    )
    here = {"host": socket.gethostname(), "cpu": machine.cpu_model()}
    return replace(few, info=replace(few.info, machine=few.info.machine | here))


def shown(run: records.Records) -> str:
    out = Console(file=io.StringIO(), width=200)
    console.show(findings(run, here=is_here(run.info)), out, details=True)
    return out.file.getvalue()  # type: ignore[attr-defined]


def compared(run: records.Records) -> Row:
    return next(row for row in rows(run) if row.cell.implementation == "two@cpu")


def test_a_report_begins_with_a_busy_machine(kept: records.Records) -> None:
    quiet = changed(kept, waited_seconds=0.0)
    assert "busy" not in shown(quiet)
    busy = changed(kept, waited_seconds=0.01, cpu_seconds=0.01)
    lines = shown(busy).splitlines()
    assert lines[1] == "Doubts: the machine was busy during 2 of 2 results; 1 process."
    assert lines[2] == "No GPU in this run, so it says nothing about GPUs."
    first = lines[5]
    assert first.startswith("The machine was busy: the work waited for a core 50\N{NO-BREAK SPACE}% of its time. ")
    assert "measure again at another time, with --threads 1 or with --replicates 20." in first
    markdown_lines = markdown.render(findings(busy)).splitlines()
    assert markdown_lines[4] == lines[1]
    assert markdown_lines[6].startswith("**The machine was busy")
    assert "--threads 1" not in shown(changed(busy, threads=1))
    long = changed(kept, waited_seconds=2.0, cpu_seconds=2.0, seconds=2.0, other_cpu_seconds=2.8)
    assert "50\N{NO-BREAK SPACE}% of its time, other processes kept 1.4 of 8 cores busy." in shown(long)
    before = changed(long, waited_seconds=None, other_cpu_seconds=15.0)  # as records of older versions say it
    assert "The machine was busy: other processes kept 7.5 of 8 cores busy." in shown(before)


def test_what_is_inconclusive_says_how_many_processes_would_tell(kept: records.Records) -> None:
    row = compared(changed(kept, waited_seconds=0.0))
    assert row.compared.speedup is not None
    assert row.compared.speedup.verdict == "inconclusive"
    needed = row.compared.speedup.processes_needed
    assert needed is not None
    command = f"residency run --resume {kept.folder} --replicates {needed}"
    assert f"About {needed} processes would decide (two@cpu {needed}): {command}" in shown(
        changed(kept, waited_seconds=0.0)
    )
    elsewhere = replace(kept, info=replace(kept.info, machine={**kept.info.machine, "host": "elsewhere"}))
    assert "--resume" not in shown(elsewhere)
    same = changed(kept, seconds=0.01)
    assert "200 processes would not decide: two@cpu" in shown(same)


def test_a_ratio_that_disagrees_with_the_medians_is_explained(kept: records.Records) -> None:
    """Inside each round one side is mostly faster, and over all rounds the other has the shorter median."""

    def with_rounds(**seconds: tuple[float, ...]) -> str:
        samples = [
            replace(one, round=place, seconds=value)
            for one in kept.samples
            if one.phase == "timed"
            for place, value in enumerate(seconds[one.cell.implementation.removesuffix("@cpu")])
        ]
        return shown(replace(kept, samples=samples))

    said = "the ratio and the medians disagree on who is faster: a ratio is taken inside each round"
    assert f"one@cpu: {said}" in with_rounds(one=(1.0, 2.0, 3.0), two=(1.1, 1.9, 3.3))
    assert said not in with_rounds(one=(1.0, 2.0, 3.0), two=(1.1, 2.2, 3.3))


def test_who_is_given_more_replicates_has_looked_before(kept: records.Records) -> None:
    """The same samples, asked for at once or in two goes: the second has its share of the error."""
    many = replace(kept, samples=[replace(one, replicate=place) for one in kept.samples for place in range(6)])

    def width(*asked: int) -> float:
        outcomes = [replace(kept.outcomes[0], cell=one.cell, asked=count) for one in kept.outcomes for count in asked]
        found = compared(replace(many, samples=[
            replace(one, seconds=one.seconds * (1 + one.replicate / 100 * (one.cell.implementation == "two@cpu")))
            for one in many.samples
        ], outcomes=outcomes)).compared.speedup  # fmt: skip
        assert found is not None
        return found.high / found.low

    assert width(6) == width(6, 6) < width(3, 6)
