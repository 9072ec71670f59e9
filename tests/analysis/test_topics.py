"""What a run says of a topic, and which samples something disturbed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from residency.analysis.findings import findings
from residency.analysis.samples import disturbance
from residency.analysis.topics import topics
from residency.harness import records


def test_a_topic_has_the_means_of_its_own_tasks(written, made) -> None:
    run = written(
        made("t/a", "one@cpu", seconds=4.0), made("t/a", "one@gpu", seconds=1.0),
        made("t/b", "one@cpu", seconds=1.0), made("t/b", "two@cpu", seconds=2.0, library="scipy"),
        made("t/b", "one@gpu", seconds=4.0),
        made("u/a", "one@cpu", seconds=3.0), made("u/a", "one@gpu", seconds=1.0, transfer=0.5),
    )  # fmt: skip
    found = findings(records.read(run))
    two, one = topics(found.records, found.rows)
    assert two.gpu is not None
    assert (two.gpu.tasks, two.gpu.slower, two.gpu.mean.value) == (2, 1, pytest.approx(1.0))
    assert (two.cpu.compared, two.cpu.fastest, two.cpu.undecided) == (1, [("numpy", 1)], 0)
    ratio = next(row.compared for row in found.rows if row.cell.task == "u/a" and row.cell.device == "gpu")
    assert one.gpu is not None
    assert one.gpu.resident is not None
    assert ratio.speedup is not None
    assert ratio.resident is not None
    assert (one.gpu.mean.value, one.gpu.mean.low) == (ratio.speedup.value, ratio.speedup.low)
    assert one.gpu.resident.mean.value == ratio.resident.value == pytest.approx(3.0)
    (gain,) = found.gains
    assert gain.tasks == 3


def test_a_topic_knows_from_which_size_the_gpu_wins(written, made) -> None:
    times = {"smoke": (1.0, 4.0), "lab": (10.0, 5.0), "lecture": (100.0, 8.0)}
    run = written(
        *(
            made("t/a", f"one@{device}", size=size, seconds=seconds)
            for size, both in times.items()
            for device, seconds in zip(("cpu", "gpu"), both, strict=True)
        )
    )
    found = findings(records.read(run))
    (known,) = topics(found.records, found.rows)[0].from_size
    assert (known.task, known.found.answer) == ("t/a", "crosses")
    assert known.found.at is not None
    assert 1_000 < known.found.at.low <= known.found.at.value <= known.found.at.high < 10_000


def test_what_disturbs_a_sample(made) -> None:
    calm = made("t/a", "one@gpu").sample(0, "timed")
    assert disturbance(calm) == ""
    assert disturbance(replace(calm, tenants=1)) == "another process on the GPU"
    assert disturbance(replace(calm, slowed_by=["power"])) == "GPU clock held down"
    assert disturbance(replace(calm, other_cpu_seconds=0.5)) == "other processes on the CPU"
    assert disturbance(replace(calm, other_cpu_seconds=0.5, seconds=0.01)) == ""  # too short to tell
