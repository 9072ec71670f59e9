"""Runs for `compare` written by hand, on machines that nobody has here, and the command in the test's own process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from residency.harness import records
from residency.harness.task_info import TaskInfo

MACHINE = {
    "host": "made-up", "system": "Linux 6.8.0-45", "cpu": "AMD EPYC 9554", "cores": 16, "cores_in_machine": 128,
    "memory_bytes": 128 * 2**30, "gpus": [], "no_gpu_because": "no NVIDIA GPU on this machine", "python": "3.12.3",
}  # fmt: skip
H100 = {
    "name": "NVIDIA H100 80GB HBM3", "memory_bytes": 85_520_809_984, "uuid": "GPU-1", "compute_capability": "9.0",
    "mig": False, "persistence": True, "max_sm_megahertz": 1980, "max_memory_megahertz": 2619, "pcie_generation": 5,
    "pcie_width": 16, "driver": "580.65.06", "cuda": 13000,
}  # fmt: skip
SPREAD = (0.999, 1.0, 1.001, 1.0, 0.9995)  # of five processes: what a quiet machine shows


@dataclass(frozen=True)
class Made:
    """An implementation as it stands on record."""

    implementation: str
    seconds: float = 1.0
    outcome: str = "ok"
    reason: str = ""
    task: str = "tabular/ridge"
    data_hash: str = "0123456789abcdef"
    spread: tuple[float, ...] = SPREAD  # a process each

    @property
    def cell(self) -> records.Cell:
        device = self.implementation.rpartition("@")[2]
        return records.Cell(self.task, "linear", "lab", 1_000_000, self.implementation, "numpy", device)

    def write(self, recorder: records.Recorder) -> None:
        for replicate, factor in enumerate(self.spread if self.outcome == "ok" else self.spread[:1]):
            for round_ in range(4 if self.outcome == "ok" else 0):
                recorder.add(self._sample(replicate, round_, self.seconds * factor))
            recorder.add(self._ended(replicate))

    def _sample(self, replicate: int, round_: int, seconds: float) -> records.Sample:
        return records.Sample(
            cell=self.cell, replicate=replicate, round=round_, phase="timed", seconds=seconds,
            stages={"fit": seconds, "other": 0.0}, quality=0.9, cpu_seconds=seconds, peak_host_bytes=1,
            peak_device_bytes=None, joules=None, threads=16, data_hash=self.data_hash, at=records.now(),
        )  # fmt: skip

    def _ended(self, replicate: int) -> records.OutcomeRecord:
        return records.OutcomeRecord(
            cell=self.cell, replicate=replicate, outcome=self.outcome, reason=self.reason, quality=0.9, reference=0.9,
            threads=16, data_hash=self.data_hash, parameters={}, remarks=[], cores=1.0, flops=None, bytes=None,
            at=records.now(),
        )  # fmt: skip


Write = Callable[..., Path]


@pytest.fixture
def made_run(tmp_path: Path) -> Write:
    """Write a run into a folder below the test's own; `machine` is what differs from the made-up one."""

    def write(
        folder: str,
        *made: Made,
        machine: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        **facts: Any,
    ) -> Path:
        info = records.RunInfo(
            **{
                "id": Path(folder).name,
                "started": "2027-01-01T00:00:00.000Z",
                "command": ["residency", "run", "tabular/ridge", "--size", "lab"],
                "settings": {"threads": 16, "gate": False, **(settings or {})},
                "machine": {**MACHINE, **(machine or {})},
                "versions": {"numpy": "2.4.6"},
                "commit": "0123456789ab",
                "tasks": {
                    one.task: TaskInfo("Title.", "R²", "higher", False, 1e-3, {"lab": 1_000_000}) for one in made
                },
                "cells": [],
                **facts,
            }
        )
        with records.Recorder(tmp_path / folder, info) as recorder:
            for one in made:
                one.write(recorder)
        return tmp_path / folder

    return write


@dataclass(frozen=True)
class Ended:
    """A command that has ended in this process."""

    status: int
    out: str
    err: str


Residency = Callable[..., Ended]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Residency:
    """The command by its front door, in this process and in the test's own folder: a tenth of a process of its own."""
    from residency.commands.main import main

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys, "argv", ["residency", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def made() -> type[Made]:
    return Made


@pytest.fixture
def h100() -> Callable[..., dict[str, Any]]:
    """A machine's GPUs: so many H100, with what differs."""

    def gpus(*differing: dict[str, Any]) -> dict[str, Any]:
        boards: Sequence[dict[str, Any]] = differing or ({},)
        return {"gpus": [{**H100, **one} for one in boards], "no_gpu_because": None}

    return gpus
