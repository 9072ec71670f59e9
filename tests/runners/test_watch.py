"""What is told beside time: by real processes, and by stand-ins for counters that this machine may lack."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from residency.harness import records
from residency.runners import nvml, watch
from residency.runners.process import Worker

pytestmark = pytest.mark.clock

FIXTURES = Path(__file__).parent.parent / "fixtures" / "suites"
MEGABYTE = 2**20


def test_children_count_in_memory_and_in_processor_time(residency, tmp_path: Path) -> None:
    done = residency("run", "family", "--replicates", "1", "--rounds", "2", "--json", RESIDENCY_SUITES=str(FIXTURES))
    assert done.status == 0, done.err
    rows = {row["implementation"]: row for row in done.json["rows"]}
    with_child, alone = rows["with_a_child@cpu"], rows["alone@cpu"]
    assert with_child["peak_host_bytes"] > alone["peak_host_bytes"] + 200 * MEGABYTE
    spent: dict[str, list[float]] = {}
    for sample in records.read(tmp_path / done.json["run"]["folder"]).samples:
        if sample.phase == "timed":
            spent.setdefault(sample.cell.implementation, []).append(sample.cpu_seconds)
    assert min(spent["with_a_child@cpu"]) > 0.45
    assert min(spent["alone@cpu"]) < 0.1
    assert 0.03 < min(spent["short@cpu"]) < 0.075  # one child's 0.04 s, without that of the call before the clock
    assert alone["peak_device_bytes"] is None
    assert alone["unknown"]["peak_device_bytes"] == "runs on the CPU"
    assert (alone["joules"] is None) == ("joules" in alone["unknown"])


def counters(folder: Path, microjoules: int) -> None:
    """The counters of one package and of its cores, as the kernel shows them."""
    for name, kind in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "core")):
        (folder / name).mkdir(exist_ok=True, parents=True)
        for file, text in (("name", kind), ("energy_uj", microjoules), ("max_energy_range_uj", 1_000_000_000)):
            (folder / name / "next").write_text(f"{text}\n")
            (folder / name / "next").rename(folder / name / file)  # in one step: a reader never sees it empty


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(watch, "POWERCAP", tmp_path)
    monkeypatch.setattr(watch, "ENERGY_SECONDS", 0.0)
    watch._packages.cache_clear()
    yield tmp_path
    watch._packages.cache_clear()


def test_energy_of_the_packages_over_a_wrap_of_the_counter(packages: Path) -> None:
    counters(packages, 990_000_000)
    seen = watch.Watch(os.getpid(), "cpu")
    counters(packages, 5_000_000)
    seen.finish()
    assert seen.joules == seen.cpu_joules == pytest.approx(15.0)
    assert "joules" not in seen.unknown


def test_energy_and_memory_are_those_of_the_execution_not_of_its_judgement(packages: Path, monkeypatch, cache) -> None:
    file = FIXTURES / "watched" / "judging.py"
    task = {"folder": str(FIXTURES), "package": None, "file": str(file)}
    data = {"dataset": "answered", "rows": 500, "seed": 1, "source": None, "path": None, "target": None, "versions": {}}
    request = {
        "task": task,
        "implementation": "naps@cpu",
        "dataset": "answered",
        "reference": None,
        "threads": 1,
        "seed": 0,
    }
    over = Event()

    def burn() -> None:  # 50 W
        start = monotonic()
        while not over.wait(0.01):
            counters(packages, int(50e6 * (monotonic() - start)))

    counters(packages, 0)
    with Worker("cpu", 1) as worker, ThreadPoolExecutor(1) as pool:
        made = worker.ask({"do": "make", "task": task, "data": data}, 60)
        worker.ask({"do": "load", **request, "folder": made["folder"], "memory_limit": None}, 60)
        pool.submit(burn)
        seen = worker.watch("cpu")
        reply = worker.ask({"do": "sample", "cold": False, "calls": 1}, 60, seen)
        over.set()
    assert reply["ending"]["outcome"] == "ok", reply["ending"]
    assert reply["aside"] > 1.0
    assert seen.joules == pytest.approx(15.0, abs=5.0)
    assert max(seen.peak_host_bytes, reply["peak_host_bytes"]) < 250 * MEGABYTE


def test_what_is_too_short_for_the_counters_is_not_told(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ENERGY_SECONDS", 60.0)
    counters(packages, 1)
    seen = watch.Watch(os.getpid(), "cpu")
    seen.finish()
    assert seen.joules is None
    assert seen.unknown["joules"] == "shorter than 60.0 s"


def test_without_counters_the_reason_is_told(packages: Path) -> None:
    seen = watch.Watch(os.getpid(), "cpu")
    seen.finish()
    assert seen.joules is None
    assert "RAPL" in seen.unknown["joules"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for NVML's module, with a GPU on which a worker, a child of its and a stranger compute."""
    state = SimpleNamespace(
        millijoules=1_000, reasons=0x1, megahertz=1980, running=[(1, 100), (2, 50), (9, 7)], asked=[], forbidden=(),
        divided=(),
    )  # fmt: skip

    class Error(Exception):
        pass

    class Forbidden(Error):
        pass

    def at(index: int) -> str:
        if index in state.forbidden:
            raise Forbidden
        return f"gpu {index}"

    def running(handle: str) -> list[SimpleNamespace]:
        state.asked.append(handle)
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in state.running]

    module = SimpleNamespace(
        NVMLError=Error,
        NVMLError_NoPermission=Forbidden,
        NVML_CLOCK_SM=1,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 5,
        nvmlDeviceGetHandleByIndex=at,
        nvmlDeviceGetComputeRunningProcesses=running,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: state.millijoules,
        nvmlDeviceGetCurrentClocksEventReasons=lambda _: state.reasons,
        nvmlDeviceGetClockInfo=lambda *_: state.megahertz,
        nvmlDeviceGetMigMode=lambda handle: [handle in state.divided, 0],
        nvmlDeviceGetMigDeviceHandleByIndex=lambda handle, number: f"part {number} of {handle}",
    )
    state.module, state.error = module, Error
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    nvml.handles.cache_clear()
    yield state
    nvml.handles.cache_clear()


def test_a_gpu_tells_memory_by_process_and_other_tenants(gpu: SimpleNamespace) -> None:
    first, second = nvml.look({1, 2}, {0, 1, 2})
    assert first == nvml.Look(0, True, 150, 1.0, 1980, True, frozenset(), frozenset({9}))
    assert second.index == 1
    assert gpu.asked == ["gpu 3", "gpu 4"]  # those that are visible, in their order


def test_a_gpu_that_is_anothers_alone_is_not_counted(gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu.forbidden = (0, 3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")  # of those that may be used
    assert nvml.handles() == ("gpu 4",)


@pytest.mark.parametrize("visible", ["3,4", None])
def test_of_a_divided_gpu_its_first_part_is_seen(gpu: SimpleNamespace, monkeypatch, visible: str | None) -> None:
    gpu.divided = ("gpu 3",)
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert nvml.handles()[-2:] == ("part 0 of gpu 3", "gpu 4")


def test_idle_workers_of_ours_are_no_strangers(gpu: SimpleNamespace) -> None:
    with subprocess.Popen(["sleep", "60"]) as idle:
        gpu.running = [(os.getpid(), 500), (idle.pid, 300), (9, 1)]
        seen = watch.Watch(os.getpid(), "gpu")
        seen.look()
        idle.kill()
    assert seen.tenants == 1


def test_a_gpu_that_is_slowed_down(gpu: SimpleNamespace) -> None:
    gpu.reasons = 0x1 | 0x4 | 0x40
    seen, _ = nvml.look({1}, {1})
    assert seen.slowed_by == {"power cap", "thermal limit (hardware)"}


def test_inside_a_container_processes_cannot_be_told_apart(gpu: SimpleNamespace) -> None:
    gpu.running = [(4_000_000, 100)]
    seen, _ = nvml.look({1}, {1})
    assert (seen.named, seen.memory, seen.strangers) == (False, None, None)


def test_questions_that_a_gpu_does_not_answer_are_none(gpu: SimpleNamespace) -> None:
    def refuse(*_):
        raise gpu.error

    gpu.module.nvmlDeviceGetTotalEnergyConsumption = refuse
    gpu.module.nvmlDeviceGetComputeRunningProcesses = refuse
    assert nvml.look({1}, {1})[0] == nvml.Look(0, False, None, None, 1980, True, frozenset(), None)


@pytest.fixture
def one(gpu: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The same with one visible GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setattr(watch, "ENERGY_SECONDS", 0.0)
    return gpu


def test_a_watch_takes_peaks_and_differences(one: SimpleNamespace) -> None:
    one.running = [(os.getpid(), 500)]
    seen = watch.Watch(os.getpid(), "gpu")
    one.running, one.megahertz, one.reasons = [(os.getpid(), 900), (9, 1)], 1200, 0x20
    seen.look()
    one.running, one.megahertz, one.millijoules = [(os.getpid(), 600)], 1980, 5_000
    seen.finish()
    assert seen.peak_device_bytes == 900
    assert seen.joules == pytest.approx(4.0)
    assert (seen.device_megahertz, seen.slowed_by, seen.tenants) == (1200, {"thermal limit"}, 1)


def test_clocks_count_only_while_it_works(one: SimpleNamespace) -> None:
    """Before and after the work the GPU is idle: its clock is low, and held there by other reasons."""
    one.running, one.megahertz, one.reasons = [(os.getpid(), 500)], 210, 0x4
    seen = watch.Watch(os.getpid(), "gpu")
    one.megahertz, one.reasons = 1755, 0x0
    seen.look()
    one.megahertz, one.reasons = 345, 0x1 | 0x8  # it waits for the processor
    seen.look()
    one.megahertz, one.reasons = 300, 0x20
    seen.finish()
    assert (seen.device_megahertz, seen.slowed_by) == (1755, set())


def test_the_clock_of_a_short_execution_is_not_known(one: SimpleNamespace) -> None:
    one.running, one.megahertz, one.reasons = [(os.getpid(), 500)], 210, 0x4
    seen = watch.Watch(os.getpid(), "gpu")
    seen.finish()
    assert (seen.device_megahertz, seen.slowed_by) == (None, set())
    assert seen.unknown["device_megahertz"].startswith("too short")
    assert seen.peak_device_bytes == 500


WORK = """
import ctypes, json, os
from residency.runners import watch

watch.ENERGY_SECONDS = 0.0

def tell(text):
    with open(os.environ["FAKE_GPU"], "a") as file:
        file.write(text)

def contexts(*ordinals):
    driver = ctypes.CDLL("libcuda.so.1")
    assert driver.cuInit(0) == 0
    for ordinal in ordinals:
        assert driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), ordinal) == 0

seen = watch.Watch(os.getpid(), "gpu", expected=EXPECTED)
BODY
seen.finish()
names = ("peak_device_bytes", "joules", "device_megahertz", "tenants", "gpus", "unknown")
print(json.dumps({"slowed_by": sorted(seen.slowed_by), **{name: getattr(seen, name) for name in names}}))
"""


@pytest.fixture
def watched(stand_in_gpu, environment) -> Callable[..., dict[str, Any]]:
    """What a watch sees of a process that does this on several GPUs of a stand-in for the driver."""

    def watched(body: str, expected: int = 1, **facts: object) -> dict[str, Any]:
        text = WORK.replace("BODY", body).replace("EXPECTED", str(expected))
        here = environment | stand_in_gpu(**facts)
        done = subprocess.run([sys.executable, "-c", text], env=here, capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))

    return watched


def test_every_gpu_of_the_worker_is_watched_and_no_other(watched) -> None:
    """Eight GPUs; it computes on the first three, of which one has nothing to do; the others are another's."""
    each: list[dict[str, object]] = [{"clock": 1980, "millijoules": 1_000} for _ in range(8)]
    each[1] |= {"clock": 1500, "reasons": 0x4, "context": 2 * 10**9}
    each[2] |= {"clock": 345, "reasons": 0x1 | 0x8}
    each[7] |= {"clock": 210, "reasons": 0x20}
    seen = watched(
        "contexts(0, 1, 2); tell(f'process {os.getppid()} 5 1\\nprocess {os.getppid()} 5 7\\n'); seen.look();"
        "tell('0.millijoules 6000\\n1.millijoules 4000\\n2.millijoules 2000\\n7.millijoules 9000\\n')",
        gpus=8, memory=80 * 10**9, context=10**9, each=each,
    )  # fmt: skip
    assert [gpu["index"] for gpu in seen["gpus"]] == [0, 1, 2]
    assert [gpu["peak_bytes"] for gpu in seen["gpus"]] == [10**9, 2 * 10**9, 10**9]
    assert [gpu["megahertz"] for gpu in seen["gpus"]] == [1980, 1500, None]
    assert [gpu["slowed_by"] for gpu in seen["gpus"]] == [[], ["power cap"], []]
    assert (seen["peak_device_bytes"], seen["device_megahertz"]) == (4 * 10**9, 1500)
    assert (seen["slowed_by"], seen["tenants"]) == (["power cap"], 1)
    assert ([gpu["joules"] for gpu in seen["gpus"]], seen["joules"]) == ([5.0, 3.0, 1.0], 9.0)


@pytest.mark.parametrize(("expected", "indices", "lowest"), [(1, [0], 1980), (2, [0, 1], 1500), (0, [], None)])
def test_where_nobody_is_named_it_is_the_first_gpus(watched, expected: int, indices: list[int], lowest: int) -> None:
    seen = watched(
        "contexts(0, 1); seen.look()", expected, gpus=8, names=0, watts=100, reasons=0,
        each=[{"clock": clock} for clock in (1980, 1500, *[210] * 6)],
    )  # fmt: skip
    assert ([gpu["index"] for gpu in seen["gpus"]], seen["device_megahertz"]) == (indices, lowest)
    assert "inside a container" in seen["unknown"]["peak_device_bytes"]


def test_processor_time_of_children_that_are_gone_and_that_still_run() -> None:
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
    seen = watch.Watch(os.getpid(), "cpu")
    subprocess.run([sys.executable, "-c", burn], check=True)
    with subprocess.Popen([sys.executable, "-c", burn + "print(flush=True)\ninput()"], stdin=-1, stdout=-1) as other:
        other.stdout.readline()
        seen.finish()
        other.stdin.close()
    assert 0.55 < seen.children_cpu_seconds < 1.2
