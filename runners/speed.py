"""What in the environment changes the speed of workers here, for a run's record and for `residency doctor`.

A process like a worker tells which BLAS it computes with. For a run it imports only NumPy, as every worker does before
its first request. So it brings nothing into the system's cache that a cold execution imports on the clock.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from residency.harness.environment import FORCE_A_KERNEL, blas_of, changes_speed, variables
from residency.runners.process import environment, limits

POOLS = "residency.runners.pools"
SECONDS = 60.0  # for a process to import what it is asked to, on a machine busy or slow


def environment_of_workers(threads: int, modules: Sequence[str] = ("numpy",)) -> dict[str, Any]:
    """The `environment` of a run's record, as `harness/environment.py` tells, with what these modules load."""
    inherited = inherited_variables()
    pools = _loaded({**inherited, **limits(threads)}, modules)
    own_kernel = None
    if any(name in inherited for name in FORCE_A_KERNEL):
        free = {name: value for name, value in inherited.items() if name not in FORCE_A_KERNEL}
        blas = blas_of({"pools": _loaded({**free, **limits(threads)}, ("numpy",))})
        own_kernel = blas["kernel"] if blas is not None else None
    return {"variables": inherited, "limits": limits(threads), "pools": pools, "own_kernel": own_kernel}


def inherited_variables() -> dict[str, str]:
    """What may change the speed of libraries and that workers inherit from this process."""
    return variables(os.environ, limits(1))


def _loaded(these: Mapping[str, str], modules: Sequence[str]) -> list[dict[str, Any]]:
    """What a process with these variables that change speed has loaded after importing the modules.

    Empty if it ends with an error, as NumPy does if it is forced to use instructions that the processor lacks.
    """
    return list(_told(tuple(sorted(these.items())), tuple(modules)))


@functools.lru_cache(maxsize=8)
def _told(these: tuple[tuple[str, str], ...], modules: tuple[str, ...]) -> list[dict[str, Any]]:
    rest = {name: value for name, value in environment("cpu", 1).items() if not changes_speed(name)}
    try:
        done = subprocess.run(
            [sys.executable, "-m", POOLS, *modules],
            env={**rest, **dict(these)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=True,
        )
        return list(json.loads(done.stdout))
    except (subprocess.SubprocessError, ValueError):
        return []
