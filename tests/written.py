"""Runs written by hand, of machines and implementations that nobody has here: their numbers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from residency.harness import records
from residency.harness.task_info import TaskInfo

GPU = {"name": "NVIDIA Stand-in 9000", "memory_bytes": 24 * 2**30, "driver": "1", "cuda": 13000}
ROWS = {"smoke": 1_000, "lab": 10_000, "lecture": 100_000}


@dataclass(frozen=True)
class Made:
    """An implementation at a size as it stands on record; seconds of its one stage that computes."""

    task: str
    implementation: str
    size: str = "lab"
    seconds: float | None = 1.0  # None where it did not return
    transfer: float = 0.0
    stages: dict[str, float] | None = None  # instead of one that computes and a transfer
    factors: tuple[float, ...] = (1.0,)  # of all its times, by replicate
    rounds: int = 1
    doubt: str = ""  # why nobody can tell whether it ran on the GPU
    outcome: str = "ok"
    reason: str = ""
    flops: float | None = None
    bytes: float | None = None
    figures: dict[str, float] = field(default_factory=dict)
    cluster: dict[str, float] = field(default_factory=dict)
    replicates: int = 5
    runner: str = "local"
    library: str = "numpy"

    @property
    def cell(self) -> records.Cell:
        device = self.implementation.rpartition("@")[2][-3:]
        rows = ROWS[self.size]
        return records.Cell(
            self.task, "linear", self.size, rows, self.implementation, self.library, device, self.runner, 1
        )

    def sample(self, replicate: int, phase: str) -> records.Sample:
        stages = self.stages
        if stages is None:
            stages = {"fit": self.seconds or 0.0, "put": self.transfer, "other": 0.0}
        factor = self.factors[replicate % len(self.factors)]
        stages = {name: time * factor for name, time in stages.items()}
        seconds = sum(stages.values()) or 1.0
        return records.Sample(
            cell=self.cell, replicate=replicate, round=0, phase=phase, seconds=seconds,
            stages=stages, quality=0.9, cpu_seconds=seconds,
            peak_host_bytes=1, peak_device_bytes=2**30, joules=None, threads=2, data_hash="hash", at=records.now(),
            figures=self.figures, cluster=self.cluster,
        )  # fmt: skip

    def ended(self, replicate: int) -> records.OutcomeRecord:
        return records.OutcomeRecord(
            cell=self.cell, replicate=replicate, outcome=self.outcome, reason=self.reason, quality=0.9, reference=0.9,
            threads=2, data_hash="hash", parameters={}, remarks=[], cores=1.0, flops=self.flops, bytes=self.bytes,
            at=records.now(), unknown={"fell_back": self.doubt} if self.doubt else {},
        )  # fmt: skip


Write = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write a run; `planned` are cells that nothing was measured of."""

    def write(
        *made: Made,
        planned: tuple[Made, ...] = (),
        sizes: tuple[str, ...] = ("smoke", "lab", "lecture"),
        in_files: bool = False,
        beside: tuple[str, ...] = (),
        folder: str = "run",
        gpus: tuple[dict[str, Any], ...] = (GPU,),
    ) -> Path:
        why = None if gpus else "no NVIDIA GPU on this machine"
        info = records.RunInfo(
            id="20270101T000000.000Z-host",
            started="2027-01-01T00:00:00.000Z",
            command=["residency", "prove"],
            settings={"sizes": list(sizes)},
            machine={
                "host": "host", "system": "Linux", "cpu": "AMD EPYC", "cores": 8, "cores_in_machine": 8,
                "memory_bytes": 2**35, "gpus": list(gpus), "no_gpu_because": why, "python": "3.12.3",
            },
            versions={},
            commit="0123456789ab",
            tasks={
                one.task: TaskInfo(
                    "Title.", "R²", "higher", False, 1e-3, dict(ROWS), in_files=in_files, beside=list(beside)
                )
                for one in (*made, *planned)
            },
            cells=[one.cell for one in planned],
        )  # fmt: skip
        with records.Recorder(tmp_path / folder, info) as recorder:
            for one in made:
                for replicate in range(one.replicates if one.outcome == "ok" else 1):
                    if one.seconds is not None:
                        recorder.add(one.sample(replicate, "cold"))
                        for _ in range(one.rounds):
                            recorder.add(one.sample(replicate, "timed"))
                    recorder.add(one.ended(replicate))
        return tmp_path / folder

    return write


@pytest.fixture
def made() -> type[Made]:
    return Made
