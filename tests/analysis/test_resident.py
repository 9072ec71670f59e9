"""The ratio with the data resident, on records whose every clock is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from residency.analysis.crossover import both
from residency.analysis.findings import findings
from residency.analysis.resident import NO_OPPONENT, NOTHING, OUTSIDE, READS
from residency.analysis.row import Resident, Row
from residency.analysis.rows import computing_samples, rows
from residency.harness import records

T = "t/a"


@pytest.fixture
def found(written) -> Callable[..., dict[str, Row]]:
    """The rows of a run of one task, by implementation."""

    def of(*made, **options) -> dict[str, Row]:
        return {row.cell.implementation: row for row in rows(records.read(written(*made, **options)))}

    return of


def resident(row: Row) -> Resident:
    assert row.compared.resident is not None, row.facts.unknown
    return row.compared.resident


def unknown(row: Row) -> str:
    assert row.compared.resident is None
    return row.facts.unknown["resident"]


def test_it_compares_what_computes_and_nothing_else(found, made) -> None:
    slow = {"load": 1.0, "fit": 6.0, "predict": 2.0, "other": 0.5}
    quick = {"load": 0.5, "put": 3.0, "fit": 1.5, "predict": 0.5, "get": 0.25, "other": 0.25}
    known = found(made(T, "one@cpu", stages=slow), made(T, "one@gpu", stages=quick))
    ratio = resident(known["one@gpu"])
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((4.0, 4.0, 4.0))
    assert (ratio.baseline, ratio.verdict, ratio.at_least) == ("one@cpu", "faster", False)
    whole = known["one@gpu"].compared.speedup
    assert whole is not None
    assert whole.value == pytest.approx(9.5 / 6.0)
    assert known["one@gpu"].measured.resident.value == pytest.approx(2.0)  # type: ignore[union-attr]
    assert resident(known["one@cpu"]).value == 1.0


def test_the_strongest_opponent_may_be_another_one(found, made) -> None:
    brief = {"load": 0.1, "fit": 3.0, "other": 0.0}
    computes_fast = {"load": 4.0, "fit": 1.0, "other": 0.0}
    known = found(
        made(T, "brief@cpu", stages=brief),
        made(T, "fast@cpu", stages=computes_fast),
        made(T, "one@gpu", stages={"load": 0.1, "fit": 0.5, "get": 0.4, "other": 0.0}),
    )
    assert known["one@gpu"].compared.speedup.baseline == "brief@cpu"  # type: ignore[union-attr]
    assert known["one@gpu"].compared.speedup.value == pytest.approx(3.1)  # type: ignore[union-attr]
    assert resident(known["one@gpu"]).baseline == "fast@cpu"
    assert resident(known["one@gpu"]).value == pytest.approx(2.0)
    assert resident(known["brief@cpu"]).value == pytest.approx(1 / 3)


def test_what_reads_while_it_computes_has_no_resident_time(found, made) -> None:
    weak = made(T, "frames@cpu", stages={"load": 0.1, "filter": 1.0, "other": 0.0})
    lazy = made(T, "lazy@cpu", stages={"query": 2.0, "get": 0.1, "other": 0.0})
    quick = made(T, "frames@gpu", stages={"load": 0.2, "filter": 0.1, "get": 0.1, "other": 0.0})
    known = found(weak, lazy, quick)
    assert unknown(known["lazy@cpu"]) == READS
    assert resident(known["frames@gpu"]).value == pytest.approx(10.0)


def test_an_opponent_that_hides_how_long_it_computes_is_not_left_out(found, made) -> None:
    """Over the weaker one that does not hide it the GPU would look much too good."""
    weak = made(T, "frames@cpu", stages={"load": 1.0, "filter": 4.0, "other": 0.0})
    lazy = made(T, "lazy@cpu", stages={"query": 0.7, "other": 0.0})
    quick = made(T, "frames@gpu", stages={"load": 0.2, "filter": 0.1, "get": 0.1, "other": 0.0})
    known = found(weak, lazy, quick)
    why = "the compute time of lazy@cpu is not known, and end to end it is faster than frames@cpu"
    assert unknown(known["frames@gpu"]) == why
    assert known["frames@gpu"].measured.resident.value == pytest.approx(0.1)  # type: ignore[union-attr]
    assert known["frames@gpu"].compared.speedup.value == pytest.approx(0.7 / 0.4)  # type: ignore[union-attr]


def test_in_a_task_on_files_nobody_need_load_for_that_to_be_seen(found, made) -> None:
    known = found(
        made(T, "lazy@cpu", stages={"query": 2.0, "other": 0.0}),
        made(T, "lazy@gpu", stages={"query": 0.5, "get": 0.1, "other": 0.0}),
        in_files=True,
    )
    assert unknown(known["lazy@gpu"]) == READS
    assert unknown(known["lazy@cpu"]) == READS


@pytest.mark.parametrize(
    ("stages", "why"),
    [
        ({}, NOTHING),  # as in old records
        ({"other": 1.0}, NOTHING),
        ({"put": 0.5, "fit": 0.0, "other": 0.1}, NOTHING),
        ({"put": 0.5, "fit": 0.2, "other": 0.3}, OUTSIDE),
        ({"put": 0.5, "fit": 5e-6, "other": 0.0}, "its compute clock is shorter than 10 µs"),
    ],
)
def test_a_clock_that_does_not_tell_is_not_compared(found, made, stages: dict[str, float], why: str) -> None:
    known = found(made(T, "one@cpu"), made(T, "one@gpu", stages=stages))
    assert unknown(known["one@gpu"]).startswith(why)


def test_without_an_opponent_whose_clock_tells_there_is_no_ratio(found, made) -> None:
    known = found(made(T, "one@cpu", stages={"other": 1.0}), made(T, "one@gpu"))
    assert unknown(known["one@gpu"]) == NO_OPPONENT
    assert unknown(known["one@cpu"]) == NOTHING


@pytest.mark.parametrize(
    ("copied", "verdict"),
    [({"fit": 0.5, "other": 0.0}, "faster"), ({"fit": 2.0, "other": 0.0}, "inconclusive")],
)
def test_what_copies_while_it_computes_has_a_bound(found, made, copied: dict[str, float], verdict: str) -> None:
    known = found(made(T, "one@cpu"), made(T, "one@gpu", stages=copied))
    ratio = resident(known["one@gpu"])
    assert (ratio.at_least, ratio.verdict, ratio.processes_needed) == (True, verdict, None)
    assert known["one@gpu"].compared.speedup.verdict == ("faster" if verdict == "faster" else "slower")  # type: ignore[union-attr]


def test_its_interval_holds_the_truth_as_often_as_it_says(written, made) -> None:
    """Fresh processes differ by 8 %, together and each for itself; the true ratio of the compute clocks is 6."""
    generator, held, tried = np.random.default_rng(15), 0, 200
    run = records.read(written(made(T, "one@cpu"), made(T, "one@gpu")))
    for _ in range(tried):
        common = np.exp(generator.normal(0, 0.5, 5))
        computing = {
            "cpu": 3.0 * common * np.exp(generator.normal(0, 0.08, 5)),
            "gpu": 0.5 * common * np.exp(generator.normal(0, 0.08, 5)),
        }
        samples = [
            replace(
                sample,
                stages={
                    "fit": (clock := float(computing[sample.cell.device][sample.replicate])),
                    "put": 1.0,
                    "other": 0.0,
                },
                seconds=clock + 1.0,
            )
            for sample in run.samples
        ]
        (gpu,) = (row for row in rows(replace(run, samples=samples)) if row.cell.device == "gpu")
        ratio = resident(gpu)
        held += ratio.low <= 6.0 <= ratio.high
        assert ratio.high / ratio.low < 2.5  # what the processes share cancels
    assert 0.9 * tried <= held < tried


def test_both_means_are_over_the_same_tasks(written, made) -> None:
    """Two tasks tell both, one only end to end; the rest is what their GPU sides spend on copies."""

    def task(name: str, cpu: float, gpu: float, put: float, **more: float) -> list:
        stages = {"put": put, "fit": gpu, "other": 0.0, **more}
        return [made(name, "one@cpu", seconds=cpu), made(name, "one@gpu", stages=stages)]

    untold = [made("t/c", "one@cpu", seconds=9.0), made("t/c", "one@gpu", stages={"put": 0.5, "other": 0.5})]
    run = records.read(written(*task("t/a", 8.0, 1.0, 3.0), *task("t/b", 2.0, 1.0, 2.0, get=1.0), *untold))
    (gain,) = findings(run).gains
    assert gain.tasks == 3
    assert gain.mean.value == pytest.approx((2.0 * 0.5 * 9.0) ** (1 / 3))
    both_means = gain.resident
    assert both_means is not None
    assert both_means.tasks == 2
    assert both_means.mean.value == pytest.approx((8.0 * 2.0) ** 0.5)
    assert both_means.end_to_end.value == pytest.approx(1.0)
    assert both_means.mean.low < both_means.mean.value < both_means.mean.high
    assert (both_means.least, both_means.most, both_means.slower) == pytest.approx((2.0, 8.0, 0))
    rest = both_means.rest
    assert rest is not None
    assert (rest.device, rest.implementation) == ("gpu", None)
    assert (rest.computing, rest.put, rest.get) == pytest.approx((0.25, (0.75 + 0.5) / 2, 0.125))


def test_what_may_not_have_run_on_the_gpu_gains_nothing(written, made) -> None:
    doubt = "it is not known whether it ran on the GPU"
    peaks = {"copy_gb_per_s": 500.0, "float32_tflops": 10.0}
    run = records.read(
        written(
            made("t/a", "one@cpu", seconds=8.0),
            made("t/a", "one@gpu", flops=1e12, bytes=1e9, doubt=doubt),
            made("t/b", "one@cpu", seconds=8.0),
            made("t/b", "one@gpu", doubt=doubt),
            made("foundations/bandwidth", "one@gpu", figures=peaks, doubt=doubt),
            made("foundations/matrix_product", "one@gpu", figures=peaks, doubt=doubt),
            made("t/a", "one@cpu", "lecture", seconds=8.0),
            made("t/a", "one@gpu", "lecture", doubt=doubt),
        )
    )
    known = findings(run)
    assert known.gains == []
    assert all(row.compared.roofline is None for row in known.rows)
    answer = both(run, known.rows, ["one@gpu"], ["one@cpu"])
    assert (answer.answer, answer.points, answer.resident) == ("inconclusive", [], None)
    assert answer.untold == ["one@gpu"]
    assert not any(group.undecided.processes or group.undecided.close for group in known.groups)


def test_one_process_in_doubt_puts_its_row_in_doubt(written, made) -> None:
    run = records.read(written(made("t/a", "one@cpu", seconds=8.0), made("t/a", "one@gpu")))
    first = next(outcome for outcome in run.outcomes if outcome.cell.device == "gpu")
    run.outcomes[run.outcomes.index(first)] = replace(first, unknown={"fell_back": "nobody knows"})
    (gpu,) = (row for row in rows(run) if row.cell.device == "gpu")
    assert gpu.facts.unknown["fell_back"] == "nobody knows"


def test_a_crossover_is_told_for_both_clocks(written, made) -> None:
    """With the copy the GPU loses at `smoke` and wins at `lab`; without it it always wins."""
    run = records.read(
        written(
            made(T, "one@cpu", "smoke", seconds=0.1),
            made(T, "one@gpu", "smoke", seconds=0.02, transfer=0.2),
            made(T, "one@cpu", "lab", seconds=2.0),
            made(T, "one@gpu", "lab", seconds=0.1, transfer=0.4),
        )
    )
    answer = both(run, rows(run), ["one@gpu"], ["one@cpu"])
    assert answer.answer == "crosses"
    assert answer.resident is not None
    assert answer.resident.answer == "always"
    assert [point.ratio.value for point in answer.resident.points] == pytest.approx([5.0, 20.0])
    assert set(computing_samples(run)) == {row.key for row in rows(run)}
