"""`kill -9` at any moment, of the command or of a worker: nothing that was written is lost, and nobody is left."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from residency.harness import records

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
COMMAND = str(Path(sys.executable).parent / "residency")
LEFT_SECONDS = 2.0  # after which nobody may be left of a run whose parent is dead
IMPLEMENTATIONS = 12  # of kills/many


class Family:
    """A command's processes, known by a word in their environment that nobody else has."""

    def __init__(self, environment: dict[str, str], folder: Path, **extra: str) -> None:
        self.mark = f"TEST_FAMILY={folder}"
        self.folder = folder
        self._environment = {**environment, "RESIDENCY_SUITES": str(FIXTURES), "TEST_FAMILY": str(folder), **extra}

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        with (self.folder / "said").open("w") as said:
            return subprocess.Popen(
                [COMMAND, *map(str, arguments)],
                cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said, text=True,
            )  # fmt: skip

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def processes(self) -> dict[int, str]:
        """The ids and command lines of all that live."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has ended, or is somebody else's
        return found

    def workers(self) -> list[int]:
        return sorted(pid for pid, line in self.processes().items() if "residency.runners.worker" in line)

    def left(self) -> dict[int, str]:
        """Who is still there when those who are about to die had the time to."""
        deadline = monotonic() + LEFT_SECONDS
        while (there := self.processes()) and monotonic() < deadline:
            sleep(0.02)
        return there


def complete_lines(path: Path) -> bytes:
    """A file up to and with its last newline; nothing where there is no file."""
    text = path.read_bytes() if path.exists() else b""
    return text[: text.rfind(b"\n") + 1]


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline
        sleep(0.01)


def full_replicates(run: Path, implementations: int, rounds: int) -> set[int]:
    """The replicates in which every implementation ended well, with a cold sample and all its timed ones."""
    kept = records.read(run)
    ok = Counter(one.replicate for one in kept.outcomes if one.outcome == "ok")
    cold = Counter(one.replicate for one in kept.samples if one.phase == "cold")
    timed = Counter(one.replicate for one in kept.samples if one.phase == "timed")
    full = {number for number, count in ok.items() if count == implementations}
    assert all(cold[number] == implementations and timed[number] == implementations * rounds for number in full)
    return full


def rows_of(residency, run: Path) -> dict[str, dict[str, Any]]:
    """A run's report, by the functions' names."""
    done = residency("report", run, "--format", "json")
    assert done.status == 0, done.err
    return {row["implementation"].partition("@")[0]: row for row in done.json["rows"]}


@pytest.mark.slow
def test_the_command_is_killed_again_and_again(environment, tmp_path: Path, thorough: bool) -> None:
    generator = random.Random(20261120)
    kills, replicates, rounds = (30, 14, 2) if thorough else (6, 5, 2)
    first = [
        "run",
        "kills/brief",
        "--replicates",
        str(replicates),
        "--rounds",
        "2",
        "--budget",
        "600",
        "--results",
        "runs",
    ]
    family = Family(environment, tmp_path)

    def lines_of(folder: str) -> bytes:
        return b"".join(complete_lines(path) for path in tmp_path.glob(f"{folder}/*/records.jsonl"))

    begun = monotonic()
    process = family.start("run", "kills/brief", "--replicates", "1", "--rounds", "2", "--results", "undisturbed")
    wait_until(lambda: lines_of("undisturbed"))
    start_up = monotonic() - begun
    assert process.wait(60) == 0, family.said
    lines = lines_of("undisturbed").count(b"\n")

    # Half of the kills come while the command starts up, the earliest first, since there is no folder yet; the others
    # when it has written from one line to as many as a replicate leaves, at any moment of the execution that follows.
    half = kills // 2
    early = [((number + generator.random()) / half * start_up, 0) for number in range(half)]
    late = [(generator.uniform(0.0, 0.03), generator.randint(1, lines)) for _ in range(kills - half)]
    others = early[4:] + late
    generator.shuffle(others)
    run: Path | None = None
    kept = b""
    grown = without_folder = 0
    for delay, awaited in [*early[:4], *others]:
        process = family.start("run", "--resume", run) if run is not None else family.start(*first)
        wait_until(lambda: lines_of("runs").count(b"\n") >= kept.count(b"\n") + awaited)  # noqa: B023 (called here)
        sleep(delay)
        assert process.poll() is None, family.said
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
        assert not family.left()

        run = next((path.parent for path in tmp_path.glob("runs/*/run.json")), None)
        if run is None:
            without_folder += 1
            continue
        records.read(run)  # raises where a line is damaged
        now = complete_lines(run / "records.jsonl")
        assert now.startswith(kept)
        for line in now[len(kept) :].splitlines():
            assert json.loads(line)["kind"] in {"sample", "outcome"}
        grown += len(now) > len(kept)
        kept = now
    assert grown >= kills - half
    assert without_folder >= 1

    assert run is not None
    assert len(list(tmp_path.glob("runs/*/run.json"))) == 1
    process = family.start("run", "--resume", run)
    assert process.wait(60) == 0, family.said
    assert complete_lines(run / "records.jsonl").startswith(kept)
    assert (run / "records.jsonl").read_bytes().endswith(b"\n")
    assert len(full_replicates(run, 2, rounds)) == replicates
    assert {one.outcome for one in records.read(run).outcomes} == {"ok"}
    assert not family.left()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_workers_are_killed_again_and_again(environment, residency, tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    kills = 10
    replicates, rounds = 2, 2
    (tmp_path / "pids").mkdir()
    family = Family(environment, tmp_path, TEST_PIDS=str(tmp_path / "pids"))
    process = family.start(
        "run", "kills/many", "--replicates", str(replicates), "--rounds", str(rounds), "--threads", "1",
        "--budget", "600", "--results", "runs",
    )  # fmt: skip
    # The process that makes the data is gone when the first sample is there.
    wait_until(lambda: any(complete_lines(path) for path in tmp_path.glob("runs/*/records.jsonl")))
    run = next(tmp_path.glob("runs/*"))
    killed: list[int] = []
    kept = b""
    while len(killed) < kills:
        sleep(generator.uniform(0.0, 0.5))
        assert process.poll() is None, family.said
        if not (workers := [pid for pid in family.workers() if pid not in killed]):
            continue
        killed.append(generator.choice(workers))
        os.kill(killed[-1], signal.SIGKILL)
        records.read(run)
        now = complete_lines(run / "records.jsonl")
        assert now.startswith(kept)
        kept = now
    assert process.wait(60) == 1, family.said
    assert not family.left()
    assert complete_lines(run / "records.jsonl").startswith(kept)

    rows = rows_of(residency, run)
    assert len(rows) == IMPLEMENTATIONS
    failed = {name for name, row in rows.items() if row["outcome"] == "failed"}
    for name in failed:
        assert "the worker was killed by SIGKILL" in rows[name]["reason"]
    for name in rows.keys() - failed:
        assert rows[name]["outcome"] == "ok", rows[name]["reason"]
        assert rows[name]["seconds"]["replicates"] == replicates
        assert rows[name]["seconds"]["samples"] == replicates * rounds
    # Who was killed after the last answer of a replicate had nothing left to fail in.
    named = {int(file.name): file.read_text() for file in (tmp_path / "pids").iterdir()}
    late = [pid for pid in killed if pid in named and named[pid] not in failed]
    assert len(late) <= 2
    assert len(killed) - 2 <= len(failed) <= len(killed)

    before = (run / "records.jsonl").read_bytes()
    process = family.start("run", "--resume", run)
    status = process.wait(60)
    assert not family.left()
    assert (run / "records.jsonl").read_bytes().startswith(before)
    rows = rows_of(residency, run)
    assert {name for name, row in rows.items() if row["outcome"] != "ok"} == set()
    assert all(row["seconds"]["replicates"] >= replicates for row in rows.values())
    assert status == 0, family.said


@pytest.mark.slow
def test_the_process_that_makes_the_data_is_killed(environment, residency, tmp_path: Path) -> None:
    family = Family(environment, tmp_path)
    asked = ["--implementations", "left,right,steady", "--replicates", "1", "--rounds", "1", "--results", "runs"]
    process = family.start("run", "kills/brief", "steady/naps", *asked)
    # The first process of a group makes its data.
    wait_until(family.workers)
    os.kill(family.workers()[0], signal.SIGKILL)
    assert process.wait(60) == 1, family.said
    assert not family.left()
    run = next(tmp_path.glob("runs/*"))
    rows = rows_of(residency, run)
    for name in ("left", "right"):
        assert rows[name]["outcome"] == "failed"
        assert rows[name]["reason"] == "making the data: the worker was killed by SIGKILL"
    assert rows["steady"]["outcome"] == "ok"
    process = family.start("run", "--resume", run)
    assert process.wait(60) == 0, family.said
    assert {row["outcome"] for row in rows_of(residency, run).values()} == {"ok"}
