"""Which BLAS and OpenMP libraries a process has loaded, what processor they compute for, and on how many threads.

    python -m residency.runners.pools MODULE...     import the modules, then print what is loaded, as JSON

Light on purpose: a worker asks this of itself, and after its last timed sample only.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any


def loaded() -> list[dict[str, Any]]:
    """What this process has loaded, by the names of the files; null is what a library does not tell.

    A BLAS that is built into another library, as MKL into Torch, is not seen.
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
            "file": "/".join(Path(pool["filepath"]).parts[-2:]),  # its folder tells whose it is
        }
        for pool in threadpool_info()
    ]
    return sorted(pools, key=lambda pool: (pool["kind"], pool["file"]))


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    sys.stdout.write(json.dumps(loaded()))
