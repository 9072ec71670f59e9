"""Ray without a cluster, for tasks that show it beside other engines: its processes live as long as an execution."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from residency.harness import Run
from residency.harness.scratch import take

FOLDER = Path("/tmp")  # Ray's sockets lie there too, and a socket's path has 107 characters at most
PATIENCE = 30.0  # seconds for Ray's processes to end


@contextmanager
def ray_processes(run: Run) -> Iterator[Path]:
    """Ray, with a processor for each of the run's threads; gives a folder where its libraries may write.

    To start it and to end it are stages of their own, `start` and `stop`. It cannot stay for the next execution: Ray
    starts processes ahead, whenever it wants, and these would count as work that was left.
    """
    import psutil
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it sends nothing to its makers
    held = take(FOLDER, "ray-")
    try:
        with run.stage("start"):
            ray.init(
                num_cpus=run.threads,
                include_dashboard=False,
                configure_logging=False,
                log_to_driver=False,
                _temp_dir=str(held.folder),
            )
        yield held.folder
    finally:
        with run.stage("stop"):
            started = psutil.Process().children(recursive=True)
            ray.shutdown()
            psutil.wait_procs(started, PATIENCE)
            held.release()
