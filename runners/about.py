"""What a worker's process runs in: its Python, its libraries, and the code of this project that it would run."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from residency.runners import builds, machine

ROOMS = ("harness", "runners")  # any of this code may change what a time means, so all of it is hashed


def about() -> dict[str, Any]:
    """Python's version, the versions of libraries, the importable packages, and why some cannot use a GPU."""
    packages = metadata.packages_distributions()
    reasons = {module: builds.without_cuda(module) for module in builds.ASK}
    return {
        "python": platform.python_version(),
        "versions": {**machine.versions(), **_all_versions()},
        "code": code().hex(),
        "packages": sorted(packages),
        "without_cuda": {module: reason for module, reason in reasons.items() if reason},
    }


def _all_versions() -> dict[str, str]:
    """Of every installed distribution: an environment may have libraries that no extra of this project names."""
    return {found.metadata["Name"]: found.version for found in metadata.distributions()}


@functools.cache
def code() -> bytes:
    """SHA-256 of the code that measures."""
    house = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((house / room).glob("*.py")):
            digest.update(file.read_bytes())
    return digest.digest()
