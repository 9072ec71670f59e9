"""Which BLAS and OpenMP libraries a process has loaded, what processor they compute for, and on how many threads.

    python -m residency.runners.pools MODULE...     import the modules, then print what is loaded, as JSON

It imports little on purpose. A worker runs it on itself, only after its last timed sample.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def loaded() -> list[dict[str, Any]]:
    """What this process has loaded, by the names of the files; null if a library does not tell.

    A BLAS that is built into another library is not seen (MKL in Torch, for example).
    """
    from threadpoolctl import threadpool_info

    pools = [
        {
            "kind": pool["user_api"],  # blas or openmp
            "name": pool["internal_api"] if pool["user_api"] == "blas" else pool["prefix"],
            "version": pool["version"],
            "kernel": pool.get("architecture"),
            "threads": pool["num_threads"],
            "layer": pool.get("threading_layer"),  # how a BLAS makes its threads
            "file": _place(Path(pool["filepath"])),
        }
        for pool in threadpool_info()
    ]
    return sorted(pools, key=lambda pool: (pool["kind"], pool["file"]))


def _place(file: Path) -> str:
    """Which package a library belongs to: its file among the installed packages, elsewhere its folder and name."""
    packages = [number for number, part in enumerate(file.parts) if part == "site-packages"]
    return "/".join(file.parts[packages[-1] + 1 :] if packages else file.parts[-2:])


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    sys.stdout.write(json.dumps(loaded()))
