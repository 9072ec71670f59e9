"""MPI without a cluster, for tasks that show it beside other engines: `mpirun` starts the ranks anew in each execution.

A rank is a process with one thread. It runs `python -m residency.suites._mpi MODULE FUNCTION FILE...`: the function
with MPI's world and its own rows of the arrays in the files. The result of rank 0 goes back through `mpirun`'s output.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from residency.harness import Run
from residency.harness.errors import Unavailable
from residency.harness.scratch import take

REMEDY = "MPI comes with the system: apt-get install openmpi-bin libopenmpi-dev"
READY = b"all ranks have started\n"
# For Open MPI; others read none of these. Ranks may run on any core, and there may be more of them than cores. They add
# small arrays up, so none reads another's memory, which containers forbid.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "true",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
}


@contextmanager
def ranks(
    run: Run, function: Callable[..., NDArray[Any]], *arrays: NDArray[Any]
) -> Iterator[Callable[[], NDArray[Any]]]:
    """Call `function(world, *rows)` in a rank for each of the run's threads; gives what waits for the result.

    Three stages lie around that: `share` copies the arrays to where ranks can read them, `start` ends when all ranks
    run, and `stop` when they have ended. Raises `Unavailable` where no ranks start.
    """
    if shutil.which("mpirun") is None:
        raise Unavailable(f"no mpirun found; {REMEDY}")
    with ExitStack() as files:
        with run.stage("share"):
            paths = [shared(files.enter_context(in_memory()), array) for array in arrays]
        rank = [sys.executable, "-m", __name__, function.__module__, function.__qualname__, *paths]
        with run.stage("start"):
            held = files.enter_context(take(Path(tempfile.gettempdir()), "residency-mpi-"))
            process = subprocess.Popen(
                ["mpirun", "-n", str(run.threads), *rank], env=surroundings(held.folder), stdout=subprocess.PIPE
            )
            if cast("IO[bytes]", files.enter_context(process).stdout).readline() != READY:
                raise Unavailable(f"mpirun started no ranks (exit status {process.wait()}); {REMEDY}")
        yield partial(answer, process)
        with run.stage("stop"):
            process.wait()


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of `mpirun`: its files, and those for shared memory, lie in the folder. It may be killed."""
    return {**os.environ, **SETTINGS, "TMPDIR": str(folder), "OMPI_MCA_btl_vader_backing_directory": str(folder)}


def answer(process: subprocess.Popen[bytes]) -> NDArray[Any]:
    """The result of rank 0, once it has one; raises `RuntimeError` if the ranks ended without."""
    try:
        return cast("NDArray[Any]", pickle.load(cast("IO[bytes]", process.stdout)))
    except EOFError:
        raise RuntimeError(f"mpirun ended with status {process.wait()} before its ranks had a result") from None


def in_memory() -> IO[bytes]:
    """A file in memory, without a name: nothing is left of it when this process ends, in any way."""
    return os.fdopen(os.memfd_create("rows"), "wb")


def shared(file: IO[bytes], array: NDArray[Any]) -> str:
    """Write an array to the file; returns the path by which other processes of this user read it."""
    np.save(file, array)
    file.flush()
    return f"/proc/{os.getpid()}/fd/{file.fileno()}"


def rank(module: str, function: str, *paths: str) -> None:
    """What each rank runs."""
    from mpi4py import MPI
    from threadpoolctl import threadpool_limits

    called, world = getattr(import_module(module), function), MPI.COMM_WORLD
    world.Barrier()
    if world.rank == 0:
        sys.stdout.buffer.write(READY)
        sys.stdout.buffer.flush()
    with threadpool_limits(1):
        result = called(world, *(own_rows(world, np.load(path, mmap_mode="r")) for path in paths))
    if world.rank == 0:
        pickle.dump(result, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def own_rows(world: Any, array: NDArray[Any]) -> NDArray[Any]:
    """The rows of this rank: nearly as many as those of any other."""
    return np.asarray(np.array_split(array, world.size)[world.rank])


if __name__ == "__main__":
    rank(*sys.argv[1:])
