"""The distance to the device's limits, on records whose work, time and peaks are known."""

from __future__ import annotations

import json
import re

import pytest

BANDWIDTH, PRODUCT = "foundations/bandwidth", "foundations/matrix_product"


@pytest.fixture
def peaks(made):
    """A GPU that moves 1000 GB/s and multiplies at 10 TFLOP/s; a CPU of 100 GB/s and 1 TFLOP/s."""

    def of(device: str, size: str, speed: float, name: str = "one") -> list:
        moved = {"copy_gb_per_s": speed * 60, "triad_gb_per_s": speed * 100}
        multiplied = {"float32_tflops": speed, "float64_tflops": speed / 2, "bfloat16_tflops": speed * 8}
        return [
            made(BANDWIDTH, f"{name}@{device}", size, figures=moved),
            made(PRODUCT, f"{name}@{device}", size, figures=multiplied),
        ]

    return [
        *of("gpu", "lab", 10.0), *of("gpu", "lab", 7.0, "slower"), *of("gpu", "smoke", 20.0),
        *of("cpu", "lab", 1.0),
    ]  # fmt: skip


@pytest.fixture
def rows(written, residency):
    """The rows of a run in `report --format json`, by implementation, without the foundations' own."""

    def of(*made) -> dict:
        done = residency("report", written(*made), "--format", "json")
        assert done.status == 0, done.err
        return {row["implementation"]: row for row in done.json["rows"] if not row["task"].startswith("foundations")}

    return of


def test_the_share_is_the_least_time_over_the_time_on_the_compute_clock(rows, peaks, made) -> None:
    found = rows(
        *peaks,
        made("t/a", "moves@gpu", seconds=0.5, transfer=3.0, flops=1e12, bytes=400e9),  # 0.1 s and 0.4 s at the peaks
        made("t/a", "computes@gpu", seconds=0.5, flops=1e12, bytes=10e9),
        made("t/a", "moves@cpu", seconds=8.0, flops=1e12, bytes=400e9),
        made("t/a", "only_bytes@cpu", seconds=2.0, bytes=100e9),
    )
    shares = {name: (row["roofline"]["share"], row["roofline"]["limit"]) for name, row in found.items()}
    assert shares == {
        "moves@gpu": (pytest.approx(0.8), "memory"),
        "computes@gpu": (pytest.approx(0.2), "arithmetic"),
        "moves@cpu": (pytest.approx(0.5), "memory"),
        "only_bytes@cpu": (pytest.approx(0.5), "memory"),
    }
    assert found["moves@gpu"]["roofline"]["least_seconds"] == pytest.approx(0.4)
    assert not any(row["roofline"]["mistaken"] for row in found.values())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "the least work of its task is not declared"),
        ({"flops": 1e9, "bytes": 1e9, "runner": "cluster"}, "ran on a cluster"),
        ({"flops": 1e9, "bytes": 1e9, "seconds": 0.0, "transfer": 1.0}, "none of its stages computes"),
    ],
)
def test_what_cannot_be_told_is_null_with_its_reason(rows, peaks, made, more: dict, reason: str) -> None:
    row = rows(*peaks, made("t/a", "one@gpu", **more))["one@gpu"]
    assert row["roofline"] is None
    assert reason in row["unknown"]["roofline"]


def test_peaks_are_those_of_the_same_run_and_the_same_device(rows, peaks, made) -> None:
    work = made("t/a", "one@gpu", flops=1e12, bytes=1e9)
    lacking = [one for one in peaks if one.implementation.endswith("cpu") or one.task == BANDWIDTH]
    row = rows(*lacking, work)["one@gpu"]
    assert row["roofline"] is None
    assert (
        row["unknown"]["roofline"] == "this run measured no peaks of the GPU: run foundations/matrix_product beside it"
    )


def test_a_device_may_multiply_float64_faster(rows, peaks, made) -> None:
    work = made("t/a", "one@gpu", flops=1e12, bytes=1e9)
    found = rows(*peaks, made(PRODUCT, "other@gpu", figures={"float64_tflops": 12.0}), work)["one@gpu"]
    assert found["roofline"]["flops_per_second"] == pytest.approx(12e12)


def test_what_went_wrong_has_no_share(rows, peaks, made) -> None:
    work = {"flops": 1e12, "bytes": 1e9}
    found = rows(*peaks, made("t/a", "one@gpu", seconds=None, outcome="failed", reason="no kernel image", **work))
    assert found["one@gpu"]["roofline"] is None


def test_reports_show_shares_and_flag_what_no_device_can_do(written, residency, peaks, made) -> None:
    run = written(
        *peaks,
        made("t/a", "one@cpu", seconds=5.0),
        made("t/a", "magic@gpu", seconds=0.5, flops=9e12, bytes=1e9),
        made("t/a", "good@gpu", seconds=0.5, flops=1e12, bytes=310e9),
        made("t/a", "far@gpu", seconds=0.5, flops=1e9, bytes=1e9),
        made("t/a", "spread@gpu", seconds=0.5, flops=1e12, bytes=520e9),
    )
    first = residency("report", run, COLUMNS="120").out.splitlines()
    assert "1 faster than the device can be" in first[1]
    assert any(re.search(r"  a, lab .* #", line) for line in first)
    assert any(line.startswith("  # faster than its device can be: ") for line in first)
    for form in (["--details"], ["--format", "markdown"]):
        text = residency("report", run, *form).out.replace("\N{NO-BREAK SPACE}", " ")
        assert "good@gpu 62 % of memory" in text
        assert "spread@gpu 104 % of memory" in text
        assert "far@gpu under 1 % of memory" in text
        assert "magic@gpu: mistaken: 180 % of arithmetic, which no device can do" in text
        assert "magic@gpu 180" not in text


def test_a_task_says_what_limits_it_if_it_is_neither_bytes_nor_operations(written, residency, peaks, made) -> None:
    run = written(*peaks, made("t/a", "one@gpu", seconds=0.5, flops=1e12, bytes=10e9))
    info = json.loads((run / "run.json").read_text())
    assert "what limits this task" not in residency("report", run, "--format", "markdown").out
    info["tasks"]["t/a"]["limiter"] = "scattered additions"
    (run / "run.json").write_text(json.dumps(info))
    text = residency("report", run, "--format", "markdown").out.replace("\N{NO-BREAK SPACE}", " ")
    assert "one@gpu 20 % of arithmetic" in text
    assert "what limits this task is neither bytes nor operations, but scattered additions" in text
    rows = {row["implementation"]: row for row in residency("report", run, "--format", "json").json["rows"]}
    assert rows["one@gpu"]["roofline"]["limiter"] == "scattered additions"
    del info["tasks"]["t/a"]["limiter"]  # as in older runs
    (run / "run.json").write_text(json.dumps(info))
    assert "one@gpu" in residency("report", run).out


def test_without_foundations_reports_say_nothing_of_limits(written, residency, made) -> None:
    text = residency("report", written(made("t/a", "one@gpu", flops=1e12, bytes=1e9)), "--format", "markdown").out
    assert "one@gpu" in text
    assert "what its device can do" not in text


@pytest.mark.slow
def test_the_foundations_give_the_peaks_that_others_are_held_against(residency) -> None:
    """By a real run: their figures bear the names that are looked for, and whoever declares work has a share."""
    done = residency(
        "run", BANDWIDTH, PRODUCT, "tabular/ridge", "--devices", "cpu", "--implementations", "numpy",
        "--replicates", "1", "--rounds", "2", "--json",
    )  # fmt: skip
    assert done.status == 0, done.err
    rows = {row["task"]: row for row in done.json["rows"]}
    found = rows["tabular/ridge"]["roofline"]
    assert found["bytes_per_second"] == pytest.approx(1e9 * max(rows[BANDWIDTH]["figures"].values()))
    assert found["flops_per_second"] == pytest.approx(1e12 * max(rows[PRODUCT]["figures"].values()))
    seconds = rows["tabular/ridge"]["clocks"]["compute"]
    assert found["share"] == pytest.approx(found["least_seconds"] / seconds)
    assert 0 < rows[BANDWIDTH]["roofline"]["share"] < 2
