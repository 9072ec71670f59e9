"""Photographs shared out among a cluster's workers, each of which prepares its own as a single process would.

Photographs are independent, so workers need nothing from each other. But what is ready is float32: 0.6 MB a photograph
where 73 kB of JPEG were read, and all of it goes to one process, the client, in the stage `get`. A pipeline would take
its next step where the pictures are, and not pay for that.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.photos import SIDE, Photos
from residency.harness import Run
from residency.harness.cluster import LARGEST, Rows
from residency.harness.run import PARTS


def shared_out(data: Photos, run: Run, local: Callable[..., Any], library: Any) -> NDArray[np.float32]:
    """All photographs, each part of them prepared by an implementation for a single process."""
    ready = np.empty((data.rows, 3, SIDE, SIDE), np.float32)
    parts = places(data, max(PARTS * run.lanes, -(-ready.nbytes // LARGEST)), run)
    with run.stage("load"):
        photos = run.client.map(read, parts, pure=False)
    with run.stage("prepare"):
        each = run.workers * run.threads // run.lanes  # threads of a part: decoding is the processor's work
        how = {"device": run.device, "threads": each, "seed": run.seed}
        done = run.client.map(prepare, photos, local=local, library=library.__name__, how=how, pure=False)
    with run.stage("get"):
        for part, future in zip(parts, done, strict=True):
            ready[part.start : part.stop], parameters = future.result()
            future.release()
    run.effective(**parameters)
    return ready


def places(data: Photos, count: int, run: Run) -> list[Rows]:
    """Where parts of the photographs are to be found: of which files, from which photograph to which."""
    arrays: tuple[Any, ...] = (data.encoded, data.offsets, data.sizes)
    files = tuple(Path(array.filename) for array in arrays)
    return [replace(part, files=files) for part in run.partitions(data.sizes, count=count)]


def read(part: Rows) -> Photos:
    """Runs on a worker: the part's own bytes of the files."""
    encoded, offsets, sizes = (np.load(file, mmap_mode="r") for file in part.files)
    ends = np.array(offsets[part.start : part.stop + 1])
    return Photos(np.array(encoded[ends[0] : ends[-1]]), ends - ends[0], np.array(sizes[part.start : part.stop]))


def prepare(
    photos: Photos, local: Callable[..., Any], library: str, how: Mapping[str, Any]
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Runs on a worker, in one of its lanes: the photographs, and which parameters took effect."""
    run = Run(**how)
    return local(photos, run, importlib.import_module(library)), run.parameters
