"""What in a worker's environment changes the speed of libraries: variables, BLAS and OpenMP. Some slow a library.

Workers inherit the variables of the shell that starts a run. Some variables make a library several times slower, and a
table of times does not show that. So a run records them, together with the workers' BLAS. Reports warn of variables
that are known to slow a library, and runs under different variables are not compared.

A run's `environment` is an object in `run.json`. In runs from before it was recorded, it is empty:

    variables    the variables that workers inherit and that may change speed, by name
    limits       the thread limits that every worker is given, by variable; they follow from `--threads`
    pools        the BLAS that NumPy brings, as a worker has it: see `runners/pools.py`
    own_kernel   if a variable forces another processor's kernel on that BLAS, the kernel it would choose; else null

Values are recorded, so only the variables named here are read, and none whose name suggests a secret.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from residency.harness.records import RunInfo

FAMILIES = ("BLIS_", "GOMP_", "KMP_", "MALLOC_", "MKL_", "NUMBA_", "OMP_", "OPENBLAS_", "POLARS_")  # prefixes of names
FORCE_A_KERNEL = ("OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE")
NO_MATTER_OF_SPEED = re.compile(  # output, places of files, and variables that libraries set when they are imported
    "KMP_(DUPLICATE_LIB_OK|INIT_AT_FORK|SETTINGS|VERSION|WARNINGS)|NUMBA_(CACHE_DIR|CACHE_LOCATOR_CLASSES|COLOR_SCHEME)"
    "|OMP_(AFFINITY_FORMAT|DISPLAY_AFFINITY|DISPLAY_ENV)|POLARS_(CLOUD|FMT|TABLE)_.*|POLARS_TEMP_DIR"
)
SECRET = re.compile("CREDENTIAL|KEY|PASSW|SECRET|TOKEN")
UNSET = "unset"
VALUE_SHOWN = 80  # letters
REUSED_BELOW = 32 * 2**20  # bytes: glibc keeps smaller blocks for the next call, unless a threshold is set
SPINS = 200  # milliseconds that Intel's and LLVM's OpenMP spin by default

Known = Mapping[str, Any]
"""A run's `environment`, plus a worker's `threads`, and `gpus`: whether the machine has any."""


@dataclass(frozen=True)
class Setting:
    """A variable, its effect on a library, and the values that are known to slow the library."""

    variable: str
    who: str  # what becomes slower
    does: str  # {value}, {threads}, {kernel} and {own_kernel} are filled in
    slows: Callable[[str, Known], bool]
    remedy: str = ""  # by default, to unset it
    on_gpu: bool = False  # affects only what runs on a GPU


@dataclass(frozen=True)
class Slowed:
    """A warning that a variable slows a library here, with the remedy."""

    variable: str
    value: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.variable} is `{self.value}`: {self.cause}. Remedy: {self.remedy}"


def _is_on(value: str, _: Known) -> bool:
    return value.strip().lower() not in {"", "0", "false", "no", "off", "n", "f"}


def _is_set(value: str, _: Known) -> bool:
    return value != ""


def _is_one_of(*values: str) -> Callable[[str, Known], bool]:
    return lambda value, _: value.strip().lower() in values


def _is_none_of(*values: str) -> Callable[[str, Known], bool]:
    return lambda value, _: value.strip().lower() not in values


def _holds(pattern: str) -> Callable[[str, Known], bool]:
    return lambda value, _: re.search(pattern, value, re.IGNORECASE) is not None


def _number(value: str) -> int | None:
    return int(value) if value.strip().isdecimal() else None


def _other_kernel(_: str, known: Known) -> bool:
    blas = blas_of(known)
    return blas is not None and known.get("own_kernel") is not None and blas["kernel"] != known["own_kernel"]


def _fewer_than_threads(value: str, known: Known) -> bool:
    limit = _number(value)
    return limit is not None and 0 < limit < known["threads"]


def _fixes_what_is_reused(_: str, known: Known) -> bool:
    """If one of its thresholds is set, glibc no longer learns how large a block to keep, and stays at 128 KiB."""
    return "MALLOC_MMAP_THRESHOLD_" not in known["variables"]  # it has its own entry


def _without_gpu(value: str, known: Known) -> bool:
    return bool(known["gpus"]) and not {"cuda", "gpu", ""} & {name.strip().lower() for name in value.split(",")}


OPENMP = "what uses OpenMP: scikit-learn, LightGBM, XGBoost, Torch, FAISS"
OTHERS = "everything that runs beside it"
FOR_ANOTHER = "uses its code for {kernel} processors instead of {own_kernel}, which it would take by itself"
BINDS = "OpenMP's threads are bound to cores, and threads that other libraries start from a bound one share its core"
TEMPORARY = "memory of large arrays is given back and fetched again at every call"

SETTINGS = (
    Setting("OPENBLAS_CORETYPE", "NumPy, SciPy and scikit-learn", f"OpenBLAS {FOR_ANOTHER}", _other_kernel),
    Setting("BLIS_ARCH_TYPE", "NumPy and SciPy", f"BLIS {FOR_ANOTHER}", _other_kernel),
    Setting(
        "MKL_ENABLE_INSTRUCTIONS", "Torch, and NumPy if it uses MKL", "MKL uses no vector instructions beyond {value}",
        _is_one_of("sse4_2", "avx"),
    ),
    Setting(
        "MKL_CBWR", "Torch, and NumPy if it uses MKL", "MKL gives up speed for results that always are the same",
        _is_none_of("", "off"),
    ),
    Setting("MKL_THREADING_LAYER", "NumPy if it uses MKL", "MKL uses one core", _is_one_of("sequential")),
    Setting("MKL_VERBOSE", "Torch, and NumPy if it uses MKL", "MKL writes a line at every call", _is_on),
    Setting("NPY_DISABLE_CPU_FEATURES", "NumPy", "NumPy does without instructions that the processor has", _is_set),
    Setting("ATEN_CPU_CAPABILITY", "Torch", "Torch uses no newer vector instructions", _is_one_of("default")),
    Setting(
        "ONEDNN_MAX_CPU_ISA", "Torch", "oneDNN uses no vector instructions beyond {value}", _is_one_of("sse41", "avx")
    ),
    Setting(
        "DNNL_MAX_CPU_ISA", "Torch", "oneDNN uses no vector instructions beyond {value}", _is_one_of("sse41", "avx")
    ),
    Setting("FAISS_OPT_LEVEL", "FAISS", "FAISS uses no newer vector instructions", _is_one_of("generic")),
    Setting(
        "OMP_THREAD_LIMIT", OPENMP, "OpenMP starts at most {value} of the {threads} threads that are asked for",
        _fewer_than_threads,
    ),
    Setting("OMP_DYNAMIC", OPENMP, "OpenMP may start fewer threads than are asked for", _is_on),
    Setting("OMP_PROC_BIND", OPENMP, BINDS, _is_none_of("", "false")),
    Setting("GOMP_CPU_AFFINITY", OPENMP, BINDS, _is_set),
    Setting("KMP_AFFINITY", OPENMP, BINDS, _holds("compact|scatter|balanced|explicit|logical|physical")),
    Setting("KMP_LIBRARY", OPENMP, "Intel's and LLVM's OpenMP use one core", _is_one_of("serial")),
    Setting("OMP_WAIT_POLICY", OTHERS, "threads that wait for work keep their cores busy", _is_one_of("active")),
    Setting(
        "KMP_BLOCKTIME", OTHERS, "threads that wait for work keep their cores busy",
        lambda value, known: _is_one_of("infinite")(value, known) or (_number(value) or 0) > SPINS,
    ),
    Setting(
        "GOMP_SPINCOUNT", OTHERS, "threads that wait for work keep their cores busy",
        _is_one_of("infinite", "infinity"),
    ),
    Setting(
        "MALLOC_PERTURB_", "all libraries", "every block of memory is filled when it is taken and given back", _is_on
    ),
    Setting(
        "MALLOC_MMAP_THRESHOLD_", "NumPy, SciPy and scikit-learn", TEMPORARY,
        lambda value, _: (_number(value) or REUSED_BELOW) < REUSED_BELOW,
    ),
    Setting("MALLOC_TRIM_THRESHOLD_", "NumPy, SciPy and scikit-learn", TEMPORARY, _fixes_what_is_reused),
    Setting("MALLOC_TOP_PAD_", "NumPy, SciPy and scikit-learn", TEMPORARY, _fixes_what_is_reused),
    Setting("NUMBA_DISABLE_JIT", "Numba and STUMPY", "Numba compiles nothing, and Python runs the functions", _is_on),
    Setting("NUMBA_ENABLE_CUDASIM", "Numba on a GPU", "Python runs the kernels on the processor", _is_on),
    Setting("NUMBA_OPT", "Numba and STUMPY", "Numba optimises less than it does by default", _is_one_of("0", "1", "2")),
    Setting("NUMBA_BOUNDSCHECK", "Numba and STUMPY", "Numba checks the bounds at every access", _is_on),
    Setting(
        "NUMBA_CPU_NAME", "Numba and STUMPY", "Numba compiles for any processor, not for this one",
        _is_one_of("generic"),
    ),
    Setting(
        "XLA_FLAGS", "JAX", "XLA does not optimise", _holds("xla_backend_optimization_level=0"),
        "take --xla_backend_optimization_level out of XLA_FLAGS",
    ),
    Setting("JAX_DISABLE_JIT", "JAX", "JAX compiles nothing, and runs operation by operation", _is_on),
    Setting("JAX_DEBUG_NANS", "JAX", "JAX looks through every result for NaN", _is_on),
    Setting("JAX_DEBUG_INFS", "JAX", "JAX looks through every result for infinities", _is_on),
    Setting("JAX_CHECK_TRACER_LEAKS", "JAX", "JAX checks for leaks, and caches less", _is_on),
    Setting("JAX_PLATFORMS", "JAX", "JAX is kept from the GPU", _without_gpu, on_gpu=True),
    Setting(
        "XLA_PYTHON_CLIENT_ALLOCATOR", "JAX on the GPU", "JAX asks the driver for every block of memory",
        _is_one_of("platform"), on_gpu=True,
    ),
    Setting("TORCH_COMPILE_DISABLE", "Torch", "torch.compile does nothing", _is_one_of("1")),
    Setting("TORCHDYNAMO_DISABLE", "Torch", "torch.compile does nothing", _is_one_of("1")),
    Setting(
        "PYTORCH_NO_CUDA_MEMORY_CACHING", "Torch on the GPU", "Torch asks the driver for every block of memory",
        _is_on, on_gpu=True,
    ),
    Setting(
        "CUDA_LAUNCH_BLOCKING", "all libraries on the GPU", "the host waits for every kernel", _is_on, on_gpu=True
    ),
    Setting(
        "CUDA_FORCE_PTX_JIT", "first executions on the GPU", "the driver compiles kernels that are compiled already",
        _is_on, on_gpu=True,
    ),
    Setting(
        "CUDA_CACHE_DISABLE", "first executions on the GPU", "the driver keeps no kernel that it has compiled", _is_on,
        on_gpu=True,
    ),
    Setting(
        "CUDA_MODULE_LOADING", "first executions on the GPU", "all kernels are loaded at the start",
        _is_one_of("eager"), on_gpu=True,
    ),
)  # fmt: skip
OTHER_VARIABLES = {  # they change speed, perhaps for the better; True: they affect only what runs on a GPU
    "LD_PRELOAD": False,
    "GLIBC_TUNABLES": False,
    "NPY_ENABLE_CPU_FEATURES": False,
    "FAISS_DISABLE_CPU_FEATURES": False,
    "JAX_ENABLE_X64": False,
    "JAX_DEFAULT_MATMUL_PRECISION": False,
    "TORCHINDUCTOR_MAX_AUTOTUNE": False,
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": True,
    "PYTORCH_ALLOC_CONF": True,
    "PYTORCH_CUDA_ALLOC_CONF": True,
    "XLA_PYTHON_CLIENT_MEM_FRACTION": True,
    "CUDA_DEVICE_MAX_CONNECTIONS": True,
    "CUBLAS_WORKSPACE_CONFIG": True,
    "NVIDIA_TF32_OVERRIDE": True,
}
ON_GPU = {setting.variable for setting in SETTINGS if setting.on_gpu}
ON_GPU |= {name for name, on_gpu in OTHER_VARIABLES.items() if on_gpu}
NAMED = {setting.variable for setting in SETTINGS} | set(OTHER_VARIABLES)


def changes_speed(name: str) -> bool:
    """Whether a variable may change the speed of a library, and is not a secret."""
    if SECRET.search(name) or NO_MATTER_OF_SPEED.fullmatch(name):
        return False
    return name in NAMED or name.startswith(FAMILIES)


def variables(environment: Mapping[str, str], given: Collection[str] = ()) -> dict[str, str]:
    """The variables of an environment that may change speed, without those that every worker is `given` anyway."""
    return {name: value for name, value in sorted(environment.items()) if changes_speed(name) and name not in given}


def slowed(environment: Known, threads: int, gpus: bool) -> list[Slowed]:
    """The variables of a run's environment that are known to slow a library, for workers with that many threads."""
    known = {**environment, "threads": threads, "gpus": gpus}
    blas = blas_of(environment)
    kernels = {"kernel": blas and blas["kernel"], "own_kernel": environment.get("own_kernel")}
    warnings = []
    for setting in SETTINGS:
        value = environment.get("variables", {}).get(setting.variable)
        if value is not None and (gpus or not setting.on_gpu) and setting.slows(value, known):
            does = setting.does.format(value=shown(value), threads=threads, **kernels)
            remedy = setting.remedy or f"unset {setting.variable}"
            warnings.append(Slowed(setting.variable, shown(value), f"{does}. That slows {setting.who}", remedy))
    return warnings


def slowed_in(info: RunInfo) -> list[Slowed]:
    """What slowed a library in a run; empty for older runs, which did not record it."""
    return slowed(info.environment, info.settings.get("threads") or 1, bool(info.machine.get("gpus")))


def blas_of(environment: Known) -> Mapping[str, Any] | None:
    """NumPy's BLAS; None if it is not known."""
    return next((pool for pool in environment.get("pools", ()) if pool["kind"] == "blas"), None)


@dataclass(frozen=True)
class Difference:
    """A difference between two runs: its name, and its value in each run."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.name} {self.before} then, {self.after} now"


@dataclass(frozen=True)
class Unlike:
    """What differs between the environments of two runs, in words."""

    forbids: list[Difference]  # the differences that forbid a comparison
    said: list[Difference]  # the differences that are only reported
    remedy: str  # how to make the second environment like the first


def unlike(first: Known, second: Known, gpus: bool) -> Unlike:
    """Compare what changes speed; `gpus` says whether both runs had a GPU. Empty if an older run did not record it.

    A new version of a BLAS, with its kernel, is a software change like that of any library. Another kernel of the same
    version is another way to measure, so it forbids a comparison.
    """
    if not first or not second:
        return Unlike([], [], "")
    before, after = first.get("variables", {}), second.get("variables", {})
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    differences = [Difference(name, shown(before.get(name)), shown(after.get(name))) for name in names]
    forbids = [difference for difference in differences if gpus or difference.name not in ON_GPU]
    said = [difference for difference in differences if not gpus and difference.name in ON_GPU]
    old, new = blas_of(first), blas_of(second)
    if old is not None and new is not None:
        if _library(old) != _library(new):
            said.append(Difference("BLAS", *(f"{_library(blas)} ({blas['kernel']})" for blas in (old, new))))
        elif old["kernel"] != new["kernel"]:
            forbids.append(Difference("BLAS kernel", old["kernel"], new["kernel"]))
    again = [_set_again(name, before.get(name)) for name in names if gpus or name not in ON_GPU]
    return Unlike(forbids, said, "; ".join(again))


def _set_again(name: str, value: str | None) -> str:
    return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"


def _library(pool: Mapping[str, Any]) -> str:
    """`OpenBLAS 0.3.31`."""
    names = {"openblas": "OpenBLAS", "mkl": "MKL", "blis": "BLIS", "flexiblas": "FlexiBLAS"}
    return " ".join(filter(None, (names.get(pool["name"], pool["name"]), pool["version"])))


def described(pool: Mapping[str, Any]) -> str:
    """A BLAS or an OpenMP in words: `OpenBLAS 0.3.31, kernel SkylakeX, 2 threads`."""
    parts = [_library(pool)]
    parts += [f"kernel {pool['kernel']}"] if pool["kernel"] else []
    parts += [f"{pool['threads']} thread{'s' if pool['threads'] != 1 else ''}"] if pool["threads"] else []
    return ", ".join(parts)


def shown(value: str | None) -> str:
    """A value for one line: shortened, and with unprintable characters as escapes."""
    if value is None:
        return UNSET
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in value)
    return text if len(text) <= VALUE_SHOWN else f"{text[:VALUE_SHOWN]}..."
