"""A made-up run of a class whose machine has a GPU, to look at pages and to test them. Its numbers mean nothing.

    python tests/class_run.py FOLDER [--tasks 60] [--replicates 5] [--rounds 8]

Nothing like it goes under `results/reference/`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from residency.harness import records
from residency.harness.task_info import TaskInfo, Way

GPU = {"name": "NVIDIA Stand-in 9000", "memory_bytes": 24 * 2**30, "driver": "1", "cuda": 13000}
AT = "2027-01-01T00:00:00.000Z"
ROWS = {"smoke": 1_000, "lab": 100_000, "lecture": 10_000_000}
SHOWN = [
    "tabular/ridge", "tabular/etl", "tabular/gradient_boosting", "tabular/random_forest", "tabular/clustering",
    "timeseries/lag_features", "timeseries/matrix_profile", "image/classify", "image/preprocess", "ocr/binarise",
    "nlp/word_count", "nlp/search",
]  # fmt: skip
QUALITY = {"ok": 0.9, "wrong": 0.61}  # what else ended has none
HOSTILE = "<script>alert(1)</script>"


@dataclass(frozen=True)
class Kind:
    """An implementation, by its time on a task of one second: `fixed` + `each` x rows / 100,000."""

    name: str
    library: str
    fixed: float
    each: float
    outcome: str = "ok"
    reason: str = ""
    workers: int = 0  # 0: one process, else a cluster


WAYS: dict[str, Way] = {
    "estimator@gpu": "plain",
    "estimator+cuml.accel@gpu": "unchanged",
    "array@gpu": "best",
    "approximate@gpu": "best",
}
LINES = {"estimator": 8, "array": 31, "approximate": 12}
KINDS = [
    Kind("estimator@cpu", "sklearn", 0.001, 1.0),
    Kind("array@cpu", "numpy", 0.0005, 1.7),
    Kind("estimator@gpu", "cuml", 0.02, 0.09),
    Kind("estimator+cuml.accel@gpu", "sklearn", 0.03, 0.11),
    Kind("array@gpu", "cupy", 0.015, 0.2),
    Kind("approximate@gpu", "faiss", 0.01, 0.04, "wrong", "quality 0.61 is below the floor of 0.7"),
    Kind("compiled@gpu", "jax", 0, 0, "unavailable", "jax is not installed: python -m pip install jax"),
    Kind(f"{HOSTILE}@gpu", HOSTILE, 0, 0, "failed", f"RuntimeError: {HOSTILE} & <b>no kernel</b>"),
]
CLUSTER = [Kind(f"dask@{count}xcpu", "dask", 0.05, 1.1 * (0.1 + 0.9 / count), workers=count) for count in (1, 2, 4, 8)]


def _cell(task: str, size: str, kind: Kind, rows: int) -> records.Cell:
    device = "gpu" if "@gpu" in kind.name else "cpu"
    runner = "cluster" if kind.workers else "local"
    return records.Cell(task, "made", size, rows, kind.name, kind.library, device, runner, kind.workers or 1)


def _stages(kind: Kind, seconds: float, *, cold: bool, reads: bool) -> dict[str, float]:
    if "@gpu" in kind.name:
        shares = {"put": 0.2, "fit": 0.6, "get": 0.1, "other": 0.1}
    else:
        shares = {"fit": 0.8, "predict": 0.18, "other": 0.02}
    if reads:
        shares = {"load": 0.5, **{name: share / 2 for name, share in shares.items()}}
    stages = {name: share * seconds for name, share in shares.items()}
    return {"import": 0.5 * (2 if "@gpu" in kind.name else 1), **stages} if cold else stages


def _lines(
    chance: random.Random, task: str, size: str, kind: Kind, *, replicates: int, rounds: int
) -> Iterator[records.Sample | records.OutcomeRecord]:
    rows = ROWS[size]
    cell = _cell(task, size, kind, rows)
    hard = 0.2 + 0.9 * (len(task) % 7)
    flops, moved = 2e9 * hard * rows / 1e5, 4e7 * hard * rows / 1e5
    for replicate in range(replicates if kind.outcome == "ok" else 1):
        own = chance.lognormvariate(0, 0.04)
        for number in range(rounds + 1 if kind.outcome == "ok" else 0):
            seconds = hard * (kind.fixed + kind.each * rows / 1e5) * own * chance.lognormvariate(0, 0.02)
            cold = number == 0
            stages = _stages(kind, seconds, cold=cold, reads=task.endswith("etl"))
            on_gpu = cell.device == "gpu"
            spent = {"tasks": 0.8, "fetching": 0.05, "fetched_bytes": 1e6} if kind.workers > 1 else {}
            yield records.Sample(
                cell=cell, replicate=replicate, round=max(0, number - 1), phase="cold" if cold else "timed",
                seconds=sum(stages.values()), stages=stages, quality=0.9 - 0.01 * len(kind.name) / 13,
                cpu_seconds=seconds * (1 if on_gpu else 1.8), peak_host_bytes=int(3e8 + 400 * rows),
                peak_device_bytes=int(5e8 + 300 * rows) if on_gpu else None, joules=seconds * (300 if on_gpu else 80),
                threads=8, data_hash="0123456789abcdef", at=AT, cpu_joules=seconds * (30 if on_gpu else 80),
                other_cpu_seconds=seconds * (0.3 if task.endswith("etl") else 0.001), cluster=spent,
                device_megahertz=1500 if on_gpu else None, tenants=0 if on_gpu else None,
            )  # fmt: skip
        yield records.OutcomeRecord(
            cell=cell, replicate=replicate, outcome=kind.outcome, reason=kind.reason,
            quality=QUALITY.get(kind.outcome), reference=0.91,
            threads=8, data_hash="0123456789abcdef", parameters={"alpha": 1.0, **_calls(kind)}, remarks=[],
            cores=1.8, flops=flops, bytes=moved, at=AT,
        )  # fmt: skip


def _calls(kind: Kind) -> dict[str, Any]:
    """Where an accelerator ran the calls of a program that is not changed."""
    accelerated = WAYS.get(kind.name) == "unchanged"
    return {"calls_on_gpu": 3, "calls_on_cpu": 1, "functions_on_cpu": ["Ridge.score"]} if accelerated else {}


def _peaks(chance: random.Random) -> Iterator[records.Sample | records.OutcomeRecord]:
    """The foundations that measure the limits of both devices."""
    for task, figures in (
        ("foundations/bandwidth", {"cpu": {"copy_gb_per_s": 40.0}, "gpu": {"copy_gb_per_s": 900.0}}),
        ("foundations/matrix_product", {"cpu": {"float32_tflops": 0.5}, "gpu": {"float32_tflops": 30.0}}),
    ):
        for kind in (Kind("array@cpu", "numpy", 0.01, 0.2), Kind("array@gpu", "cupy", 0.001, 0.02)):
            for line in _lines(chance, task, "lab", kind, replicates=2, rounds=2):
                if isinstance(line, records.Sample):
                    line = records.Sample(**{**vars(line), "figures": figures[kind.name[-3:]]})  # noqa: PLW2901
                yield line


def write(folder: Path, tasks: int = len(SHOWN), replicates: int = 5, rounds: int = 8, started: str = AT) -> Path:
    """Write the run and return its folder. The first task has all sizes and a cluster; the others have `lab`."""
    names = [*SHOWN, *(f"tabular/task_{number:02}" for number in range(max(0, tasks - len(SHOWN))))][:tasks]
    chance = random.Random(7)
    lines: list[records.Sample | records.OutcomeRecord] = list(_peaks(chance))
    for name in names:
        for size in ROWS if name == names[0] else ("lab",):
            kinds = [*KINDS, *(CLUSTER if name == names[0] else [])]
            alone = name.endswith("ridge") and size == "smoke"
            for kind in kinds:
                own = random.Random(8) if "+" in kind.name else chance
                lines += _lines(own, name, size, kind, replicates=1 if alone else replicates, rounds=rounds)
    info = records.RunInfo(
        id="20270101T000000.000Z-host", started=started, command=["residency", "run", "--size", "lab"],
        settings={"replicates": replicates, "rounds": rounds, "sizes": ["lab"]},
        machine={
            "host": "host", "system": "Linux", "cpu": "Stand-in processor", "cores": 8, "cores_in_machine": 8,
            "memory_bytes": 2**35, "gpus": [GPU], "no_gpu_because": None, "python": "3.12.3",
        },
        versions={"numpy": "2.4.6"}, commit="0123456789ab", made_up=True,
        tasks={name: _info(name) for name in {line.cell.task: None for line in lines}}, cells=[],
    )  # fmt: skip
    with records.Recorder(folder, info) as recorder:
        for line in lines:
            recorder.add(line)
    return folder


def _info(name: str) -> TaskInfo:
    question = f"What is a GPU worth for {name.partition('/')[2].replace('_', ' ')}?"
    expect = (
        "The arithmetic decides: the more of it there is for each byte, the more the GPU gains. With few rows, "
        f"launches and copies take all the time, and the GPU must lose. {HOSTILE}"
    )
    return TaskInfo(
        f"{name}.", "R²", "higher", False, 0.2, dict(ROWS), question=question, expect=expect, ways=WAYS, lines=LINES
    )


def main() -> None:
    """Write a run to a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for name, default in (("tasks", len(SHOWN)), ("replicates", 5), ("rounds", 8)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given: dict[str, Any] = vars(parser.parse_args())
    write(**given)


if __name__ == "__main__":
    main()
