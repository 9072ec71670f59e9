"""Which distribution and which extra an import name belongs to, so that a missing one can be named with its remedy."""

from __future__ import annotations

import importlib.util
from importlib import metadata

PROJECT = "residency-bench"

DISTRIBUTIONS = {
    "cudf": "cudf-cu13",
    "cuml": "cuml-cu13",
    "cupy": "cupy-cuda13x",
    "dask_cuda": "dask-cuda",
    "dask_cudf": "dask-cudf-cu13",
    "sklearn": "scikit-learn",
    "sklearnex": "scikit-learn-intelex",
}
GPU_ONLY = {"cudf", "cuml", "cupy", "dask_cuda", "dask_cudf"}


def is_installed(module: str) -> bool:
    """Whether the top-level package of a dotted module name can be found, without importing it."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def distribution(module: str) -> str:
    """The name under which a module is installed."""
    top = module.partition(".")[0]
    return DISTRIBUTIONS.get(top, top)


def version(module: str) -> str | None:
    """The installed version of a module's distribution; None where it has no metadata here."""
    top = module.partition(".")[0]
    names = [DISTRIBUTIONS.get(top, top), *metadata.packages_distributions().get(top, [])]
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def remedy(module: str) -> str:
    """The command that installs what is missing."""
    extra = "gpu" if module.partition(".")[0] in GPU_ONLY else "cpu"
    return f"pip install '{PROJECT}[{extra}]'"
