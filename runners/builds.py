"""Find out for which GPUs and CUDA versions the installed libraries were built, from metadata and files.

Nothing is imported.
"""

from __future__ import annotations

import functools
import importlib.util
import mmap
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Literal

MADE_FOR = re.compile(r"-cu(?:da)?(\d\d)(?:x|-plugin)?$")  # as in cudf-cu13, cupy-cuda13x, jax-cuda13-plugin
PARTS = ("lib", "nvidia-", "torch-")  # parts of a library; several versions of one part may be installed
RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d\d)?$")  # CUDA's own package, which has CUDA's version
CONDA = Path(sys.prefix) / "conda-meta"
NO_CUDA = b"CUDA Tree Learner was not enabled in this build"  # what LightGBM 3.2 to 4.7 say when asked for it
NO_OPENCL = b"GPU Tree Learner was not enabled in this build"
LIGHTGBM_CUDA = (
    "pip install --force-reinstall --no-deps --no-binary lightgbm --config-settings=cmake.define.USE_CUDA=ON lightgbm"
)
OPENCL = Path("/etc/OpenCL/vendors")  # where drivers are registered
BOTH_NCCL = {"nvidia-nccl-cu12", "nvidia-nccl-cu13"}  # they bring the same files: what was installed last is there


def made_for() -> dict[str, int]:
    """The major version of CUDA that installed distributions say they were built for."""
    cuda = {}
    for name, version in _installed().items():
        if RUNTIME.match(name):
            cuda[name] = int(version.partition(".")[0])
        elif (made := MADE_FOR.search(name)) and not name.startswith(PARTS):
            cuda[name] = int(made[1])
    if torch := _torch_cuda():
        cuda["torch"] = int(torch.partition(".")[0])
    return dict(sorted({**cuda, **_conda(CONDA)}.items()))


@functools.cache
def without_cuda(module: str) -> str | None:
    """Why an installed library cannot use an NVIDIA GPU as installed, with the remedy; None if nothing says so."""
    ask = ASK.get(module.partition(".")[0])
    return ask() if ask else None


def has_both_nccl() -> bool:
    """Whether NCCL for CUDA 12 and for CUDA 13 are installed, one over the other's files."""
    return _installed().keys() >= BOTH_NCCL


@functools.cache
def lightgbm_devices() -> tuple[Literal["cuda", "gpu"], ...]:
    """The values of LightGBM's `device_type` that its build has for a GPU: `cuda`, and `gpu`, which is OpenCL.

    LightGBM does not tell what it was built with. A build without a device has the words by which it refuses it. If its
    library is not found, it is taken for pip's, which has OpenCL.
    """
    library = next(filter(Path.is_file, _lightgbm_places()), None)
    if library is None:
        return ("gpu",)
    refusals: dict[Literal["cuda", "gpu"], bytes] = {"cuda": NO_CUDA, "gpu": NO_OPENCL}
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code:
        return tuple(device for device, refusal in refusals.items() if code.find(refusal) < 0)


def _lightgbm_places() -> list[Path]:
    """Where LightGBM looks for its library; in conda also beside all other libraries."""
    spec = importlib.util.find_spec("lightgbm")
    packages = [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
    folders = [folder for package in packages for folder in (package.parent, package / "bin", package / "lib")]
    return [folder / "lib_lightgbm.so" for folder in (*folders, Path(sys.prefix) / "lib")]


def _lightgbm() -> str | None:
    """OpenCL finds NVIDIA's driver by a file that names its library. Containers often lack it."""
    devices = lightgbm_devices()
    if not devices:
        return (
            "lightgbm is built without CUDA and OpenCL: pip install --force-reinstall lightgbm has OpenCL, "
            "conda install --channel conda-forge lightgbm has CUDA"
        )
    if "cuda" in devices or _opencl_knows_nvidia():
        return None
    return (
        "lightgbm computes on a GPU through OpenCL, for which NVIDIA's driver is not registered here: "
        f"mkdir -p {OPENCL} && echo libnvidia-opencl.so.1 > {OPENCL}/nvidia.icd, as root; with CUDA: {LIGHTGBM_CUDA}"
    )


def _opencl_knows_nvidia() -> bool:
    """Whether OpenCL's loader, which is part of LightGBM, will look for NVIDIA's driver."""
    if "nvidia" in os.environ.get("OCL_ICD_FILENAMES", ""):
        return True
    folder = Path(os.environ.get("OCL_ICD_VENDORS", OPENCL))
    try:
        return any("nvidia" in file.read_text(encoding="utf-8", errors="replace") for file in folder.glob("*.icd"))
    except OSError:
        return False


def _torch() -> str | None:
    if _torch_cuda() != "":
        return None
    version = _installed().get("torch", "")
    return (
        f"torch {version} is built without CUDA: pip install --force-reinstall torch, from an index of builds with it"
    )


def _jax() -> str | None:
    """JAX itself is the same everywhere. A plugin drives the GPU; we look it up as JAX does."""
    spec = importlib.util.find_spec("jax_plugins")
    places = list(spec.submodule_search_locations or ()) if spec else []
    plugins = [plugin.name for plugin in pkgutil.iter_modules(places)]
    plugins += [f"{entry.name} {entry.value}" for entry in metadata.entry_points(group="jax_plugins")]
    if any("cuda" in plugin for plugin in plugins) or "cuda" in _installed().get("jaxlib", ""):
        return None
    return "jax has no plugin for CUDA: pip install 'jax[cuda13]', or 'jax[cuda12]' with a driver for CUDA 12"


def _xgboost() -> str | None:
    if "xgboost-cpu" not in _installed() or "xgboost" in _installed():
        return None
    return "xgboost-cpu is built without CUDA: pip uninstall xgboost-cpu, then pip install xgboost"


ASK: dict[str, Callable[[], str | None]] = {"torch": _torch, "jax": _jax, "lightgbm": _lightgbm, "xgboost": _xgboost}


def _torch_cuda() -> str | None:
    """The CUDA version that Torch was built for, "" if it was built without CUDA; None if that is not known."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    said = re.search(r"^cuda\b[^=\n]*=\s*(?:None|['\"]([\d.]+)['\"])", text, re.MULTILINE)
    return (said[1] or "") if said else None


def _conda(folder: Path) -> dict[str, int]:
    """The CUDA version of a conda environment, whose packages do not name it."""
    versions = [file.name.split("-")[2] for file in folder.glob("cuda-version-*.json")]
    return {"conda's cuda-version": int(versions[0].partition(".")[0])} if versions else {}


@functools.cache
def _installed() -> dict[str, str]:
    """The versions of all installed distributions, by names in pip's normal form."""
    names = ((installed.metadata["Name"], installed.version) for installed in metadata.distributions())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in names if name}
