"""Ray without a cluster, for tasks that show it beside other engines: its daemons live as long as this process."""

from __future__ import annotations

import os
from pathlib import Path

from residency.harness import Run
from residency.harness.scratch import Scratch, take

FOLDER = Path("/tmp")  # Ray's sockets lie there too, and a socket's path has 107 characters at most
_held: list[Scratch] = []  # Ray's folders, to the end of this process


def ray_folder(run: Run) -> Path:
    """Where Ray and its libraries may write. The first execution of a process starts Ray, as a stage of its own."""
    import ray

    if not _held:
        with run.stage("start"):
            os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it sends nothing to its makers
            held = take(FOLDER, "ray-")
            ray.init(
                num_cpus=run.threads,
                include_dashboard=False,
                configure_logging=False,
                log_to_driver=False,
                _temp_dir=str(held.folder),
            )
            _held.append(held)
    return _held[0].folder
