"""One pool for all libraries, whichever is imported first: on stand-ins for CuPy, RMM, cuDF and XGBoost in a process.

Their allocators do nothing but say whom they would ask. What they say of CUDA's pool is what the driver's stand-in,
compiled here, was told.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from residency.harness import memory_pool
from residency.runners.process import environment

PACKAGES = {
    "cupy/__init__.py": """
from types import SimpleNamespace
asks = ["its own pool"]
def malloc_async(size): return "CUDA's default pool"
cuda = SimpleNamespace(
    malloc_async=malloc_async, set_allocator=lambda allocator: asks.__setitem__(0, allocator),
    runtime=SimpleNamespace(deviceSynchronize=lambda: None),
)
def source(): return asks[0] if isinstance(asks[0], str) else asks[0](1)
""",
    "rmm/__init__.py": "from rmm import mr",
    "rmm/mr.py": """
class CudaMemoryResource:
    def __str__(self): return "the driver, each time"
class CudaAsyncViewMemoryResource:
    def __init__(self, pool): self.pool = pool
    def __str__(self): return f"CUDA's {self.pool} pool"
class ManagedMemoryResource(CudaMemoryResource): pass
current = CudaMemoryResource()
def get_current_device_resource(): return current
def set_current_device_resource(chosen): globals().update(current=chosen)
""",
    "rmm/allocators/__init__.py": "",
    "rmm/allocators/cupy.py": """
from rmm import mr
def rmm_cupy_allocator(size): return str(mr.current)
""",
    "cuda/__init__.py": "",
    "cuda/bindings/__init__.py": "",
    "cuda/bindings/runtime.py": """
def cudaGetDevice(): return 0, 0
def cudaDeviceGetDefaultMemPool(number): return 0, "default"
""",
    "cudf.py": """
import cupy
from rmm.allocators.cupy import rmm_cupy_allocator
cupy.cuda.set_allocator(rmm_cupy_allocator)
""",
    "xgboost.py": """
import os
config = {"use_rmm": False, "use_cuda_async_pool": False}
def build_info():
    return {"USE_CUDA": os.environ.get("WITHOUT_CUDA") != "1", "USE_RMM": os.environ.get("WITH_RMM") == "1"}
def get_config(): return config
def set_config(**chosen):
    if os.environ.get("OLD_DRIVER") == "1":
        raise ValueError("cudaErrorInsufficientDriver")  # `XGBoostError` is one
    config.update(chosen)
""",
    "torch.py": """
import os
from types import SimpleNamespace
backend = os.environ.get("PYTORCH_ALLOC_CONF", "backend:native").partition(":")[2]
cuda = SimpleNamespace(
    is_initialized=lambda: True, get_allocator_backend=lambda: backend, synchronize=lambda: None
)
""",
}
DRIVER = """
#include <stdlib.h>
static int active;
int told;
unsigned long long threshold;
int cuInit(unsigned flags) { return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuCtxGetCurrent(void **context) { *context = active ? &active : NULL; return 0; }
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *state) { *state = active; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { active = 1; *context = &active; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 115 && !getenv("NO_POOLS");
    return 0;
}
int cuDeviceGetDefaultMemPool(void **pool, int device) { *pool = &active; active = 1; return 0; }
int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    if (pool != &active || attribute != 4) return 1;
    threshold = *(unsigned long long *)value;
    told++;
    return 0;
}
"""
PROCESS = """
import ctypes, importlib, json, os, sys
from types import SimpleNamespace
from residency.harness import device, execute
from residency.harness.driver import has_context
from residency.harness.run import Run

def after(steps):
    driver = ctypes.CDLL("libcuda.so.1")
    run = Run("gpu")
    for step in steps:
        if step == "clock":  # as an execution begins
            device.share_memory("gpu")
        elif step == "stage":  # as one ends
            with run.stage("fit"):
                pass
        elif step == "context":
            driver.cuDevicePrimaryCtxRetain(ctypes.byref(ctypes.c_void_p()), 0)
        elif step.startswith("cold "):  # as the first execution of an implementation begins
            place = dict(device="gpu", library=step[5:], package=step[5:], needs=(), accelerator="")
            execute._begin(SimpleNamespace(**place), run, True, None)
        elif step == "managed":
            import rmm
            rmm.mr.set_current_device_resource(rmm.mr.ManagedMemoryResource())
        else:
            importlib.import_module(step)
    cupy, rmm, xgboost = (sys.modules.get(name) for name in ("cupy", "rmm", "xgboost"))
    told = [int(kind.in_dll(driver, name).value) for kind, name in (
        (ctypes.c_int, "told"), (ctypes.c_ulonglong, "threshold"))]
    return {
        "cupy": cupy and cupy.source(), "rmm": rmm and str(rmm.mr.current), "xgboost": xgboost and xgboost.config,
        "driver": told, "context": has_context(), **device.told("gpu"),
    }

for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()  # a fresh process for each request, without another start of Python
    if not child:
        os.environ.update(request["environment"])
        print(json.dumps(after(request["steps"])), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print("{}", flush=True)
"""
DEFAULT = "CUDA's default pool"


KEPT, UNTOLD = [1, 2**64 - 1], [0, 0]  # how often the driver was told of a threshold, and the last one
After = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[After]:
    """Tells what the libraries ask after some steps in a fresh process, what the driver was told, and the record."""
    folder = tmp_path_factory.mktemp("packages")
    for name, text in PACKAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "cuda.c").write_text(DRIVER)
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    subprocess.run(["cc", "-shared", "-fPIC", "-w", "-o", folder / "libcuda.so.1", folder / "cuda.c"], check=True)
    there = {name: value for name, value in os.environ.items() if name != "RAPIDS_NO_INITIALIZE"}
    paths = {"PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        env={**there, **paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(*steps: str, **extra: str) -> dict[str, Any]:
            print(json.dumps({"steps": steps, "environment": extra}), file=process.stdin, flush=True)
            return dict(json.loads(process.stdout.readline()))  # type: ignore[union-attr]

        yield ask
        process.stdin.close()


@pytest.mark.parametrize("order", list(itertools.permutations(["cupy", "rmm", "cudf"])), ids="-".join)
def test_every_order_of_imports_ends_in_one_pool(after: After, order: tuple[str, ...]) -> None:
    """Also if the last import comes in the middle of an execution: the stage's end sees it."""
    memory = "RMM: CUDA's pool; CuPy: CUDA's pool through RMM"
    said = after(*order[:2], "clock", "context", order[2], "stage", "stage")
    assert said == {"cupy": DEFAULT, "rmm": DEFAULT, "xgboost": None, "driver": KEPT, "context": True, "memory": memory}


def test_each_library_alone_asks_the_pool(after: After) -> None:
    said = after("cupy", "clock")
    assert (said["cupy"], said["memory"]) == (DEFAULT, "CuPy: CUDA's pool")
    assert said["driver"] == UNTOLD
    assert said["context"] is False  # this driver makes a context to tell of its pool: it is asked when there is one
    said = after("rmm", "clock")
    assert (said["rmm"], said["memory"]) == (DEFAULT, "RMM: CUDA's pool")
    said = after("xgboost", "clock", "context", "clock")
    assert said["xgboost"] == {"use_rmm": False, "use_cuda_async_pool": True}
    assert (said["memory"], said["driver"]) == ("XGBoost: CUDA's pool", KEPT)


def test_xgboost_built_with_rmm_asks_rmm(after: After) -> None:
    for steps in (("rmm", "xgboost", "clock"), ("xgboost", "clock", "rmm", "clock")):
        said = after(*steps, WITH_RMM="1")
        assert said["xgboost"] == {"use_rmm": True, "use_cuda_async_pool": False}
        assert said["memory"] == "RMM: CUDA's pool; XGBoost: CUDA's pool through RMM"
    said = after("xgboost", "clock", WITH_RMM="1")
    assert said["xgboost"]["use_rmm"] is False
    assert said["memory"] == "XGBoost: its own way"


@pytest.mark.parametrize("why", ["WITHOUT_CUDA", "OLD_DRIVER"])
def test_xgboost_that_refuses_keeps_its_own_way_and_fails_no_run(after: After, why: str) -> None:
    said = after("cupy", "cold xgboost", "context", "stage", **{why: "1"})
    assert said["memory"] == "CuPy: CUDA's pool; XGBoost: its own way"


def test_torch_is_spared_a_pool_that_the_gpu_does_not_have(after: After) -> None:
    """Its back end for CUDA's pool fails there. Torch may be imported by itself, or after another library."""
    for steps in (["cold torch"], ["cold cupy", "torch"]):
        assert after(*steps, **memory_pool.TORCH)["memory"].endswith("CUDA's pool")
        assert after(*steps, NO_POOLS="1", **memory_pool.TORCH)["memory"].endswith("its own way")
    said = after("cold torch", NO_POOLS="1", PYTORCH_ALLOC_CONF="backend:else")  # what the user has chosen stays
    assert said["memory"] == "Torch: CUDA's pool"


def test_what_somebody_has_chosen_for_rmm_stays_and_is_told(after: After) -> None:
    said = after("managed", "cupy", "clock")
    assert said["memory"] == "RMM, CuPy: RMM's ManagedMemoryResource"
    assert said["rmm"] == said["cupy"] == "the driver, each time"


def test_where_there_are_no_pools_all_keep_their_own_way(after: After) -> None:
    said = after("rmm", "cupy", "xgboost", "clock", "context", "stage", NO_POOLS="1")
    assert said["cupy"] == "its own pool"
    assert said["rmm"] == "the driver, each time"
    assert not any(said["xgboost"].values())
    assert said["memory"] == "RMM, CuPy, XGBoost: its own way"
    assert said["driver"] == UNTOLD


def test_nothing_is_touched_where_no_gpu_is_to_be(after: After) -> None:
    said = after("rmm", "cupy", "xgboost", "clock", "stage", RAPIDS_NO_INITIALIZE="1")
    assert said["cupy"] == "its own pool"
    assert said["rmm"] == "the driver, each time"
    assert not any(said["xgboost"].values())
    assert "memory" not in said
    assert said["driver"] == UNTOLD


def test_who_cannot_share_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in memory_pool.NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    cuda = SimpleNamespace(is_initialized=lambda: True, get_allocator_backend=lambda: "cudaMallocAsync")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace())
    assert memory_pool.told() == "Torch: CUDA's pool; JAX: its own way"
    monkeypatch.setattr(cuda, "get_allocator_backend", lambda: "native")
    assert memory_pool.told() == "Torch, JAX: its own way"
    monkeypatch.setattr(cuda, "is_initialized", lambda: False)  # loaded, and not used on a GPU
    assert memory_pool.told() == "JAX: its own way"


def test_torch_gets_the_pool_by_its_environment_unless_the_user_has_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)
    assert environment("gpu", 1)["PYTORCH_ALLOC_CONF"] == "backend:cudaMallocAsync"
    assert "PYTORCH_ALLOC_CONF" not in environment("cpu", 1)
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "backend:native")
    assert "PYTORCH_ALLOC_CONF" not in environment("gpu", 1)
