"""The page of a proof, on a run whose every number is known."""

from __future__ import annotations

import pytest

from residency.analysis.proof import proof
from residency.analysis.rows import rows
from residency.harness import records
from residency.reports.proof_page import render


def page(kept: records.Records) -> str:
    found = rows(kept)
    return render(kept, found, proof(kept, found)).replace("\N{NO-BREAK SPACE}", " ")


@pytest.fixture
def kept(written, made) -> records.Records:
    """Four tasks: one proved at all sizes, one that loses and is cut, one that fails, one that cannot run."""
    return records.read(
        written(
            made("t/good", "one@cpu", "smoke", 0.2),
            made("t/good", "weak@cpu", "smoke", 0.9),
            made("t/good", "one@gpu", "smoke", 0.1, library="cupy"),
            made("t/good", "one@cpu", "lab", 4.0),
            made("t/good", "one@gpu", "lab", 1.0, library="cupy"),
            made("t/good", "one@gpu", "lecture", 2.0, library="cupy", replicates=2),
            made("foundations/bandwidth", "one@cpu", "smoke", 1.0),
            made("foundations/bandwidth", "one@gpu", "smoke", 0.01),
            made("t/loses", "one@cpu", "smoke", 0.1),
            made("t/loses", "one@gpu", "smoke", 0.4),
            made("t/fails", "one@cpu", "smoke", 0.1),
            made("t/fails", "one@gpu", "smoke", None, outcome="wrong", reason="R² 0 is below the floor of 0.3"),
            made("t/absent", "one@gpu", "smoke", None, outcome="unavailable", reason="cudf is not installed: pip"),
            made("t/good", "other@cpu", "smoke", None, outcome="unavailable", reason="x is not installed", library="x"),
            planned=(made("t/late", "one@gpu", "smoke"),),
        )
    )


def test_what_is_proved_is_what_was_ok_on_the_gpu(kept: records.Records) -> None:
    found = proof(kept, rows(kept))
    assert {one.task: list(one.sizes.values()) for one in found.standings} == {
        "t/good": ["ok", "ok", "ok"],
        "foundations/bandwidth": ["ok", "not reached", "not reached"],
        "t/loses": ["ok", "not reached", "not reached"],
        "t/fails": ["wrong", "-", "-"],
        "t/absent": ["unavailable", "-", "-"],
        "t/late": ["not reached", "not reached", "not reached"],
    }
    assert not found.flawless
    (gain,) = found.gains
    assert (gain.size, gain.tasks, gain.slower) == ("smoke", 2, 1)
    assert gain.mean.value == pytest.approx((2.0 * 0.25) ** 0.5)
    assert gain.mean.low < gain.mean.value < gain.mean.high
    (alone,) = found.alone
    assert (alone.task, alone.size, alone.implementation) == ("t/good", "lecture", "one@cpu")
    assert alone.seconds == pytest.approx(80.0)  # twentyfold from smoke to lab, and so again


def test_the_page_says_all_of_it(kept: records.Records) -> None:
    text = page(kept)
    assert text.startswith("# 1 × NVIDIA Stand-in 9000, 8 cores of AMD EPYC\n")
    assert "3 of 6 GPU implementations ran on the GPU and passed their quality check: 1 up to `lecture`" in text
    assert "| `t/good:one@gpu` | cupy | ok | ok | ok |" in text
    assert "| `t/loses:one@gpu` | numpy | ok | not reached | not reached |" in text
    assert "| `t/fails:one@gpu` | numpy | wrong | - | - |" in text
    assert "| `t/absent" not in text
    assert "at smoke, best of each of 2 tasks: geometric mean 1.41 × as long [" in text
    assert "1 faster, 1 slower." in text
    assert "were unavailable here, and might be stronger: x." in text
    assert "- `t/fails:one@gpu` at smoke: wrong: R² 0 is below the floor of 0.3" in text
    assert "cudf is not installed: pip:" in text
    assert "- `t/absent:one@gpu`" in text
    assert "- from `smoke` on: `t/late:one@gpu`\n" in text
    assert "- from `lab` on: `foundations/bandwidth:one@gpu`, `t/loses:one@gpu`\n" in text
    assert "- `t/good` at lecture: one@cpu, about 80.0 s an execution by its time at smaller sizes" in text
    line = next(one for one in text.splitlines() if one.startswith("| t/loses | smoke"))
    assert "slower" in line
    assert "| 1.00 GiB |" in line


def test_with_nothing_ok_there_is_nothing_to_compare(written, made) -> None:
    run = written(made("t/fails", "one@gpu", "smoke", None, outcome="fell_back", reason="ran on the CPU"))
    text = page(records.read(run))
    assert "0 of 1 GPU implementations ran on the GPU and passed their quality check." in text
    assert "Nothing ran on the GPU" in text
    assert "fell_back: ran on the CPU" in text
    assert "##  " not in text
    assert "not reached within" not in text
