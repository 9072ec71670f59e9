"""What jobs need, from committed runs of CPUs and from a made-up run of a class with a GPU."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from residency.harness import records
from residency.planner.demand import Demand, Measured, Request, from_runs, is_named
from residency.planner.fit import Refused
from tests import class_run

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
XEON = REFERENCE / "2-cores-intel-xeon-etl-scale"
RIDGE, ETL = "tabular/ridge", "tabular/etl"
GPU = "NVIDIA Stand-in 9000"


@pytest.fixture(scope="module")
def a_class(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """A class whose machine has a GPU, and the foundations on another GPU; all made up."""
    folder = tmp_path_factory.mktemp("planner")
    here, there = class_run.write(folder / "class", tasks=2), class_run.write(folder / "other", tasks=0)
    text = (there / "run.json").read_text()
    (there / "run.json").write_text(text.replace(GPU, "NVIDIA Other 1").replace("Stand-in processor", "Other"))
    return from_runs([records.read(here), records.read(there)])


@pytest.fixture(scope="module")
def on_cpus() -> Measured:
    """Two machines that measured the same task, and one of them on a cluster."""
    return from_runs([records.read(folder) for folder in (XEON, REFERENCE / "2-cores-amd-epyc-etl-lab")])


def needed(measured: Measured, request: Request) -> Demand:
    found = measured.demand(request)
    assert isinstance(found, Demand), found
    return found


def reason(measured: Measured, request: Request) -> str:
    found = measured.demand(request)
    assert isinstance(found, Refused), found
    return found.reason


def test_job_on_a_gpu_is_answered_by_its_fastest_right_implementation(a_class: Measured) -> None:
    found = needed(a_class, Request(RIDGE, 10_000_000, device="gpu"))
    assert (found.kind, found.implementation, found.machine, found.made_up) == ("measured", "estimator@gpu", GPU, True)
    for words in ("made-up run class", "3 sizes from 1,000 to 10,000,000 rows", GPU):
        assert words in found.source
    assert found.minutes.low < (1 + 0.2 + 0.9 * (len(RIDGE) % 7) * 9.02) / 60 < found.minutes.high
    assert found.memory_bytes is not None
    assert found.memory_bytes.low < 5e8 + 300 * 1e7 < found.memory_bytes.high
    assert found.memory_needed == math.ceil(found.memory_bytes.high)


def test_fresh_process_takes_longer_than_a_warm_one(a_class: Measured) -> None:
    fresh, warm = (needed(a_class, Request(RIDGE, "lab", device="gpu", warm=warm)) for warm in (False, True))
    assert fresh.minutes.low > warm.minutes.high


def test_other_gpu_is_answered_only_by_the_peaks_of_both(a_class: Measured) -> None:
    own = needed(a_class, Request(RIDGE, 10_000_000, device="gpu"))
    other = needed(a_class, Request(RIDGE, 10_000_000, device="gpu", machine="other 1"))
    assert (other.kind, other.machine) == ("transferred", "NVIDIA Other 1")
    assert "by the peaks of runs class and other" in other.source
    assert other.minutes.high / other.minutes.low > own.minutes.high / own.minutes.low
    assert other.minutes.value == pytest.approx(own.minutes.value, rel=0.2)  # both GPUs have the same peaks
    said = reason(a_class, Request(RIDGE, 10_000_000, device="gpu", machine="h200"))
    assert "not measured on the GPU h200" in said
    assert "foundations/bandwidth foundations/matrix_product" in said


def test_task_whose_limit_no_peak_tells_is_not_transferred(tmp_path: Path) -> None:
    here, there = class_run.write(tmp_path / "class", tasks=1), class_run.write(tmp_path / "other", tasks=0)
    told = json.loads((here / "run.json").read_text())
    told["tasks"][RIDGE]["limiter"] = "the network"
    (here / "run.json").write_text(json.dumps(told))
    (there / "run.json").write_text((there / "run.json").read_text().replace(GPU, "NVIDIA Other 1"))
    both = from_runs([records.read(here), records.read(there)])
    assert "limited by the network" in reason(both, Request(RIDGE, 1_000_000, device="gpu", machine="other"))


def test_no_gpu_record_means_no_answer_for_a_gpu(on_cpus: Measured) -> None:
    said = reason(on_cpus, Request(ETL, "lab", device="gpu", machine="h200"))
    assert said == (
        "no run has a right result of tabular/etl on a GPU: measure it there "
        "(residency run tabular/etl --devices gpu), or give its minutes and memory_gb"
    )


def test_workers_are_asked_as_measured_else_by_the_scaling_law(a_class: Measured, on_cpus: Measured) -> None:
    measured = needed(on_cpus, Request(ETL, "lab", machine="xeon", workers=2))
    assert "scaling law" not in measured.source
    one, sixteen = (needed(a_class, Request(RIDGE, 10_000_000, workers=workers)) for workers in (8, 16))
    assert "scaling law of run class at 16 workers" in sixteen.source
    assert sixteen.minutes.low < one.minutes.value
    assert sixteen.memory_bytes == one.memory_bytes
    assert "twice the most that were measured (8)" in reason(a_class, Request(RIDGE, 10_000_000, workers=17))
    assert "most that were measured (2)" in reason(on_cpus, Request(ETL, "lab", machine="xeon", workers=3))


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (Request("tabular/elt", 5), "no run measured the task tabular/elt; did you mean tabular/etl?"),
        (Request(ETL, "big"), "tabular/etl has no size big; its sizes are smoke, lab"),
        (Request(ETL, 0), "0 rows: a job needs at least one"),
        (Request(ETL, 5, workers=0), "0 workers: a job needs at least one"),
        (Request(ETL, "lab"), "was measured on AMD EPYC, 2 cores and on Intel(R) Xeon(R) Processor, 2 cores: name"),
        (Request(ETL, 10**9, machine="epyc"), "more than 4 times the largest measured size (20,000,000)"),
        (Request(ETL, "lab", implementation="sqll@cpu"), "by sqll@cpu: measure it"),
    ],
)
def test_what_nobody_can_say_is_refused_with_its_reason(on_cpus: Measured, request_: Request, said: str) -> None:
    assert said in reason(on_cpus, request_)


@pytest.mark.parametrize(
    ("words", "machine", "is_it"),
    [
        ("h200", "NVIDIA H200", True),
        ("h100", "NVIDIA H200", False),
        ("h200", "NVIDIA H200 MIG 1g.18gb", False),
        ("h200 mig", "NVIDIA H200 MIG 1g.18gb", True),
        ("", "AMD EPYC, 2 cores", True),
    ],
)
def test_machine_is_named_by_words_of_its_name(words: str, machine: str, is_it: bool) -> None:
    assert is_named(words, machine) is is_it
