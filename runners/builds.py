"""For which CUDA version the installed libraries were built, by their metadata and files alone. None is imported."""

from __future__ import annotations

import functools
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

MADE_FOR = re.compile(r"-cu(?:da)?(\d\d)(?:x|-plugin)?$")  # as in cudf-cu13, cupy-cuda13x, jax-cuda13-plugin
PARTS = ("lib", "nvidia-", "torch-")  # that come with a library, several of one kind side by side among them
RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d\d)?$")  # CUDA's own, whose version is CUDA's
CONDA = Path(sys.prefix) / "conda-meta"


def made_for() -> dict[str, int]:
    """The major version of CUDA that installed distributions say they were built for."""
    found = {}
    for name, version in _installed().items():
        if RUNTIME.match(name):
            found[name] = int(version.partition(".")[0])
        elif (made := MADE_FOR.search(name)) and not name.startswith(PARTS):
            found[name] = int(made[1])
    if torch := _torch_cuda():
        found["torch"] = int(torch.partition(".")[0])
    return dict(sorted({**found, **_conda(CONDA)}.items()))


@functools.cache
def without_cuda(module: str) -> str | None:
    """Why an installed library cannot use an NVIDIA GPU on any machine, with the remedy; None if nothing says so."""
    ask = ASK.get(module.partition(".")[0])
    return ask() if ask else None


def _torch() -> str | None:
    if _torch_cuda() != "":
        return None
    version = _installed().get("torch", "")
    return (
        f"torch {version} is built without CUDA: pip install --force-reinstall torch, from an index of builds with it"
    )


def _jax() -> str | None:
    """JAX itself is the same everywhere. A plugin drives the GPU; it is looked up as JAX does."""
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


ASK: dict[str, Callable[[], str | None]] = {"torch": _torch, "jax": _jax, "xgboost": _xgboost}


def _torch_cuda() -> str | None:
    """The CUDA version that Torch was built for, "" if it was built without CUDA; None if nothing says so."""
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
    """The versions of all installed distributions, by their names as pip compares them."""
    names = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in names if name}
