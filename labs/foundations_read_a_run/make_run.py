"""Writes the run that this lab reads: made up, so that it holds one of everything that a reader must know.

    python -m residency.labs.foundations_read_a_run.make_run

It fills `support/`: the run as `residency run` writes one, its report as text, and its samples as a table. The lab
computes its answers from these files, so they are written once and committed.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from residency.harness import records
from residency.harness.task_info import TaskInfo

SUPPORT = Path(__file__).parent / "support"
TASK, QUESTION = "tabular/made_up", "Made up for a lab: what is a GPU worth for this task?"
AT = "2027-01-01T00:00:00.000Z"
SIZES = {"smoke": 1_000, "small": 30_000, "lab": 300_000, "lecture": 3_000_000}
STAGES = ("import", "load", "put", "fit", "predict", "get", "other")
FLOPS, BYTES = 1e5, 5e4  # for each row
PROCESSES, ROUNDS = 5, 2
CPU, GPU = "Made-up processor", "Made-up GPU"


@dataclass(frozen=True)
class Kind:
    """An implementation: its stages as `fixed + each x rows / 3,000,000` seconds, and what its first call adds."""

    name: str
    library: str
    stages: dict[str, tuple[float, float]]
    first: dict[str, float]
    task: str = TASK
    figures: tuple[str, float] | None = None

    @property
    def device(self) -> str:
        """Where it computes."""
        return self.name.partition("@")[2]


READING = {"load": (0.0002, 0.6)}
COPIES = {"put": (0.012, 1.1), "get": (0.005, 0.12)}
KINDS = [
    Kind(
        "array@cpu",
        "numpy",
        {**READING, "fit": (0.0004, 5.4), "predict": (0.0002, 1.2), "other": (0.0001, 0.1)},
        {"import": 0.4, "fit": 0.05},
    ),
    Kind(
        "array@gpu",
        "cupy",
        {**READING, **COPIES, "fit": (0.026, 0.3), "predict": (0.006, 0.06), "other": (0.002, 0.05)},
        {"import": 2.1, "put": 0.3, "fit": 1.4},
    ),
    Kind(  # does not wait for the device: its kernels still run when the clock stops
        "fused@gpu",
        "cupy",
        {**READING, **COPIES, "fit": (0.004, 0.03), "predict": (0.002, 0.012), "other": (0.002, 0.05)},
        {"import": 2.1, "put": 0.3, "fit": 1.9},
    ),
]
PEAKS = [
    Kind("array@cpu", "numpy", {"fit": (0.2, 0)}, {}, "foundations/bandwidth", ("copy_gb_per_s", 40.0)),
    Kind("array@gpu", "cupy", {"fit": (0.01, 0)}, {}, "foundations/bandwidth", ("copy_gb_per_s", 900.0)),
    Kind("array@cpu", "numpy", {"fit": (0.3, 0)}, {}, "foundations/matrix_product", ("float32_tflops", 0.5)),
    Kind("array@gpu", "cupy", {"fit": (0.02, 0)}, {}, "foundations/matrix_product", ("float32_tflops", 30.0)),
]


def lines(kind: Kind, size: str, chance: random.Random) -> Iterator[records.Sample | records.OutcomeRecord]:
    """The samples and outcomes of one implementation at one size."""
    rows = SIZES[size]
    cell = records.Cell(kind.task, "made", size, rows, kind.name, kind.library, kind.device, "local", 1)
    on_gpu = kind.device == "gpu"
    for process in range(PROCESSES if kind.task == TASK else 2):
        own = chance.lognormvariate(0, 0.02)
        for number in range(ROUNDS + 1):
            factor = own * chance.lognormvariate(0, 0.01)
            stages = {name: factor * (fixed + each * rows / 3e6) for name, (fixed, each) in kind.stages.items()}
            if number == 0:
                stages = {name: stages.get(name, 0.0) + kind.first.get(name, 0.0) for name in kind.first | stages}
            stages = {name: round(stages[name], 7) for name in STAGES if name in stages}
            seconds = sum(stages.values())
            yield records.Sample(
                cell=cell,
                replicate=process,
                round=max(0, number - 1),
                phase="timed" if number else "cold",
                seconds=seconds,
                stages=stages,
                quality=0.874,
                cpu_seconds=seconds,
                peak_host_bytes=int(2e8 + 400 * rows),
                peak_device_bytes=int(3e8 + 300 * rows) if on_gpu else None,
                joules=None,
                threads=8,
                data_hash="0123456789abcdef",
                at=AT,
                figures=dict([kind.figures]) if kind.figures else {},
                tenants=0 if on_gpu else None,
            )
        yield records.OutcomeRecord(
            cell=cell,
            replicate=process,
            outcome="ok",
            reason="",
            quality=0.874,
            reference=0.874,
            threads=8,
            data_hash="0123456789abcdef",
            parameters={},
            remarks=[],
            cores=1.0,
            flops=FLOPS * rows if kind.task == TASK else None,
            bytes=BYTES * rows if kind.task == TASK else None,
            at=AT,
        )


def write(folder: Path) -> None:
    """Write the run."""
    chance = random.Random(17)
    made = [line for kind in PEAKS for line in lines(kind, "lecture", chance)]
    made += [line for size in SIZES for kind in KINDS for line in lines(kind, size, chance)]
    names = dict.fromkeys(line.cell.task for line in made)
    info = records.RunInfo(
        id="20270101T000000.000Z-made-up",
        started=AT,
        command=["made", "up"],
        settings={"replicates": PROCESSES, "rounds": ROUNDS, "sizes": list(SIZES)},
        machine={
            "host": "made-up",
            "system": "Linux",
            "cpu": CPU,
            "cores": 8,
            "cores_in_machine": 8,
            "memory_bytes": 2**35,
            "gpus": [{"name": GPU, "memory_bytes": 24 * 2**30, "driver": "1", "cuda": 13000}],
            "no_gpu_because": None,
            "python": "3.12.3",
        },
        versions={"numpy": "2.4.6"},
        commit="0123456789ab",
        tasks={
            name: TaskInfo(f"{name}.", "R²", "higher", False, 0.02, dict(SIZES), question=QUESTION) for name in names
        },
        cells=[],
    )
    with records.Recorder(folder, info) as recorder:
        for line in made:
            recorder.add(line)


def table(run: Path, file: Path) -> None:
    """The samples of the task as a table: a row for each call, a column for each stage."""
    wanted = ("size", "rows", "implementation", "device", "replicate", "round", "phase", "seconds", "quality")
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([*wanted, *STAGES])
        for line in map(json.loads, (run / "records.jsonl").read_text().splitlines()):
            if line["kind"] == "sample" and line["task"] == TASK:
                writer.writerow([*(line[name] for name in wanted), *(line["stages"].get(name) for name in STAGES)])


def main() -> None:
    """Write everything anew."""
    run = SUPPORT / "run"
    for old in run.glob("*"):
        old.unlink()
    write(run)
    table(run, SUPPORT / "samples.csv")
    residency = str(Path(sys.executable).with_name("residency"))
    report = [residency, "report", "run", "--format", "markdown", "-o", "report.md"]
    subprocess.run(report, check=True, cwd=SUPPORT)


if __name__ == "__main__":
    main()
