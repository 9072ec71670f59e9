"""A report in a narrow terminal: nothing is left out, and no id or number is in pieces."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from residency.harness.records import OutcomeRecord, Sample
from residency.reports.columns import shown
from residency.reports.live import Planned, Progress
from tests.conftest import command

In = Callable[[int, Path], list[str]]
WIDTHS = (80, 60, 40, 200)
IDS = ["normal_equations_by_blocks@cpu", "estimator@cpu", "decomposition@cpu", "normal_equations@gpu"]
INTERVAL = re.compile(r"\d\S* \[\d\S*, \d\S*\] m?s\b")
REASON = "it took longer than the 60 s that an implementation may take at this size, and was stopped"


@pytest.fixture
def run(written, made) -> Path:
    return written(
        made("tabular/ridge", IDS[0], seconds=0.123),
        made("tabular/ridge", IDS[1], seconds=0.4, library="sklearn.linear_model"),
        made("tabular/ridge", IDS[2], seconds=None, outcome="timeout", reason=REASON),
        made("tabular/ridge", IDS[3], seconds=None, outcome="unavailable", reason="no GPU here"),
    )


@pytest.fixture
def shown_in(environment: dict[str, str]) -> In:
    """What the real command prints of a run in a terminal of so many columns."""

    def show(width: int, run: Path) -> list[str]:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
        kept = {name: value for name, value in environment.items() if name != "COLUMNS"}
        process = subprocess.Popen(
            [*command(), "report", str(run), "--details"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**kept, "TERM": "xterm"},
        )
        os.close(theirs)
        text = b"".join(iter(lambda: _read(ours), b"")).decode()
        os.close(ours)
        assert process.wait(60) == 0
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).splitlines()]

    return show


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # its other end is closed
        return b""


@pytest.mark.parametrize("width", WIDTHS)
def test_ids_numbers_and_reasons_stay_whole(run: Path, shown_in: In, width: int) -> None:
    lines = shown_in(width, run)
    assert max(cell_len(line) for line in lines if str(run) not in line) <= width
    for name in IDS:
        assert any(name in line for line in lines)
    if width >= 60:
        below = lines[next(place for place, line in enumerate(lines) if line.startswith("implementation")) :]
        rows = [line for line in below if line.startswith(tuple(f"{name} " for name in IDS))]
        assert [row.split()[0] for row in rows[:3]] == IDS[:3]  # a line each
        assert INTERVAL.search(rows[0])
    assert all(line.count("[") == line.count("]") for line in lines if re.search(r" [×m]?s? \[\d", line))
    for column in shown([]):
        assert any(column.name.split()[0] in line for line in lines)
    text = " ".join(" ".join(lines).split())
    assert f"{IDS[2]}: timeout: {REASON}" in text
    assert "Not run: no GPU here" in text


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_same_numbers_at_every_width(run: Path, residency, width: int) -> None:
    def numbers(width: int) -> set[str]:
        out = residency("report", run, "--details", COLUMNS=str(width)).out
        return set(re.findall(r"\d\S* (?:× as \w+ )?\[[\d., ]+\]|\w+ \d+ %|[\d.]+ \w?i?B|[\d.]+ of \d", out))

    whole = numbers(200)
    assert len(whole) >= 6
    assert numbers(width) == whole


def test_where_there_is_room_it_is_one_table(run: Path, shown_in: In, residency) -> None:
    for lines in (shown_in(200, run), residency("report", run, "--details").out.splitlines()):
        (head,) = (line for line in lines if line.startswith("implementation"))
        assert re.split(r"\s{2,}", head.strip()) == [column.name for column in shown([])]


def test_a_name_wider_than_a_line_breaks_after_its_task(written, made, shown_in: In) -> None:
    gpu = made(
        "tabular/gradient_boosting", "level_by_level_together@2xgpu", seconds=None, outcome="unavailable", reason="none"
    )
    lines = shown_in(40, written(gpu))
    place = lines.index("  tabular/gradient_boosting:")
    assert lines[place + 1] == "  level_by_level_together@2xgpu"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_live_table_keeps_ids_and_times_whole(made, width: int) -> None:
    console = Console(width=width, force_terminal=True, color_system=None)
    records: list[Sample | OutcomeRecord] = []
    for name in IDS[:2]:
        records.append(made("tabular/ridge", name, library="sklearn.linear_model", seconds=0.123).sample(0, "timed"))
    late = made("tabular/ridge", IDS[2], seconds=None, outcome="timeout", reason=REASON)
    records.append(late.ended(0))
    with console.capture() as captured, Progress(console, Planned(3)) as progress:
        for record in records:
            progress.record(record)
        progress.status("measuring")
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", captured.get()).splitlines()
    assert max(map(cell_len, lines)) <= width
    for name, said in zip(IDS, ("123 ms", "123 ms", "timeout"), strict=False):
        assert any(line.startswith(name) and said in line for line in lines)
    assert any("sklearn.linear_model" in line for line in lines) == (width > 60)
