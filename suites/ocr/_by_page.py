"""Pages are independent: how the threads of a machine take them step by step, and how a cluster shares them out."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.pages import ANGLES, SPECK, STRIPS, WINDOW, K, Pages, R, profile_squares
from residency.harness import Run
from residency.harness.cluster import LARGEST, Rows
from residency.harness.run import PARTS

Step = Callable[..., Any]


def step_by_step(run: Run, scans: list[Any], *, denoise: Step, threshold: Step, despeckle: Step, rotate: Step) -> Any:
    """Each step on every page before the next one, so that steps can be timed; the ink of all pages, one array."""
    run.effective(median=3, window=WINDOW, k=K, r=R, speck=SPECK, strips=STRIPS, angles=len(ANGLES))
    run.effective(steepest=float(ANGLES.max()), interpolation="bilinear")
    with ThreadPoolExecutor(**run.only(cpu={"max_workers": run.threads}, gpu={"max_workers": 1})) as pool:
        with run.stage("denoise"):
            grey = list(pool.map(denoise, scans))
        with run.stage("threshold"):
            ink = list(pool.map(threshold, grey))
            del grey
        with run.stage("despeckle"):
            ink = list(pool.map(despeckle, ink))
        with run.stage("skew"):
            best = list(pool.map(lambda page: profile_squares(page, run.xp).argmax(), ink))
            angles = ANGLES[run.to_host(run.xp.stack(best))]
        with run.stage("rotate"):
            upright = list(pool.map(rotate, ink, angles))
            run.observe(mean_turn_degrees=float(np.abs(angles).mean()))
            return run.xp.concatenate([page.reshape(-1) for page in upright])


def shared_out(data: Pages, run: Run, local: Callable[..., Any], library: Any) -> NDArray[np.bool_]:
    """All pages, each part of them cleaned by an implementation for a single process; a byte a pixel comes back."""
    parts = run.partitions(data.shape, count=max(PARTS * run.lanes, -(-data.grey.nbytes // LARGEST)))
    arrays: tuple[Any, ...] = (data.grey, data.shape)
    files = tuple(Path(array.filename) for array in arrays)
    with run.stage("load"):
        scans = run.client.map(read, [replace(part, files=files) for part in parts], pure=False)
    with run.stage("clean"):
        done = run.client.map(clean, scans, local=local, library=library.__name__, device=run.device, pure=False)
    with run.stage("get"):
        inks, parameters, figures = zip(*run.client.gather(done), strict=True)
        ink: NDArray[np.bool_] = np.concatenate(inks)
    run.effective(**parameters[0])
    pages = [len(part) for part in parts]
    run.observe(**{name: np.average([one[name] for one in figures], weights=pages) for name in figures[0]})
    return ink


def read(part: Rows) -> Pages:
    """Runs on a worker: its pages, without their truth."""
    grey, shape = (np.load(file, mmap_mode="r") for file in part.files)
    ends = np.cumsum(shape[: part.stop].prod(axis=1))
    first = ends[part.start - 1] if part.start else 0
    return Pages(np.array(grey[first : ends[-1]]), np.empty(0, bool), np.array(shape[part.start :][: len(part)]))


def clean(
    scans: Pages, local: Callable[..., Any], library: str, device: Any
) -> tuple[NDArray[np.bool_], dict[str, Any], dict[str, float]]:
    """Runs on a worker, on one of its threads: the ink, which parameters took effect, and the figures."""
    run = Run(device)
    return local(scans, run, importlib.import_module(library)), run.parameters, run.figures
