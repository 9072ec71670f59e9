"""Clean up scanned pages: median filter, local threshold, removal of specks and skew. From grey to upright ink.

Question  How much of a clean-up suits a GPU, and what does a page cost if every step is a library call?
Expect    A page of a million pixels is 1 MB; each step reads and writes it a few times and computes little, so memory
          bandwidth decides, and a GPU has ten to twenty times a CPU's. But the method matters too: running sums make a
          31 x 31 mean cost four additions a pixel on a CPU, whatever the window; CuPy adds up 31 values twice.
          Connected components are a chain of lookups, the least parallel step. And a page takes some hundred launches
          of 5 to 10 µs, while OpenCV cleans it in about 10 ms on one core: expect a GPU to gain a few times against few
          cores, and little or nothing against thirty; larger pages are in its favour.

`datasets/ocr/pages.py` defines exactly what a clean page is. All implementations follow it and share one estimate of
the skew, because no library has one. Pages are independent: on a CPU each thread takes one page at a time, step by
step. On a cluster each worker cleans its own pages and sends back as much as it read, a byte a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.ink import f_measure
from residency.datasets.ocr.own_pages import own_pages
from residency.datasets.ocr.pages import ANGLES, SPECK, STRIPS, WINDOW, K, Pages, R, pages, profile_squares
from residency.datasets.ocr.shaded_text import shaded_text
from residency.harness import Memory, Run, Task
from residency.harness.cluster import LARGEST, Rows
from residency.harness.run import PARTS

Step = Callable[..., Any]


def work(data: Pages) -> tuple[float, float]:
    """Each grey value is read once and each answer is written once; some 60 operations a pixel.

    The median of nine takes 19 comparisons, the threshold about 20 operations, and components and rotation some ten
    each.
    """
    return 60.0 * data.grey.size, 2.0 * data.grey.size


task = Task(
    datasets=[pages, shaded_text, own_pages],
    sizes={"smoke": 4, "lab": 200, "lecture": 1_000, "production": 40_000},
    quality=f_measure,
    tolerance=0.005,  # a pixel whose grey value meets the threshold to a float32's last bits may fall either way
    floor={"pages": 0.95, "shaded_text": 0.99},
    work=work,
    unit="pages",
    memory=Memory(copies=3.5),
)


def step_by_step(run: Run, scans: list[Any], *, denoise: Step, threshold: Step, despeckle: Step, rotate: Step) -> Any:
    """Runs each step on all pages before the next, so that steps can be timed; the ink of all pages in one array."""
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
            pixels = sum(page.size for page in upright)
            out = run.output((pixels,), np.bool_) if run.device == "cpu" else None  # on a GPU, `get` asks for it
            return run.xp.concatenate([page.reshape(-1) for page in upright], out=out)


@task.on_cpu("cv2")
def opencv(data: Pages, run: Run, cv2):
    """OpenCV: vectorised, in 8-bit integers if possible. Its own threads are off: the pages are shared out instead."""
    cv2.setNumThreads(1)

    def threshold(page):
        mean = cv2.boxFilter(page, cv2.CV_32F, (WINDOW, WINDOW))  # by default beyond a border the page is mirrored
        variance = cv2.sqrBoxFilter(page, cv2.CV_32F, (WINDOW, WINDOW)) - mean * mean
        return page < mean * (1 - K + K / R * np.sqrt(np.maximum(variance, 0)))

    def despeckle(ink):
        count, label = cv2.connectedComponents(ink.view(np.uint8), connectivity=8)
        large = np.bincount(label.reshape(-1), minlength=count) >= SPECK  # OpenCV's own statistics take twice as long
        large[0] = False  # the paper
        return np.take(large, label)

    def rotate(ink, angle):
        height, width = ink.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1)
        return cv2.warpAffine(ink.astype(np.float32), turn, (width, height)) >= 0.5

    def denoise(page):
        return cv2.medianBlur(page, 3)

    scans = data.split(data.grey)
    return step_by_step(run, scans, denoise=denoise, threshold=threshold, despeckle=despeckle, rotate=rotate)


@task.on_cpu("skimage", needs=["scipy"])
def scikit_image(data: Pages, run: Run, skimage):
    """scikit-image: its own functions for each step; sums over windows come from an integral image, in float64."""
    return step_by_step(
        run,
        data.split(data.grey),
        denoise=lambda page: skimage.filters.median(page, np.ones((3, 3)), mode="nearest"),
        threshold=lambda page: page < skimage.filters.threshold_sauvola(page, window_size=WINDOW, k=K, r=R),
        despeckle=lambda ink: skimage.morphology.remove_small_objects(ink, max_size=SPECK - 1, connectivity=2),
        rotate=lambda ink, angle: skimage.transform.rotate(ink.astype(np.float32), angle, order=1) >= 0.5,
    )


@task.pair(cpu="scipy.ndimage", gpu="cupyx.scipy.ndimage")
def ndimage(data: Pages, run: Run, nd):
    """SciPy's and CuPy's filters, in float32; a GPU takes one page after the other, in the order of its stream."""
    xp = run.xp

    def denoise(page):
        return nd.median_filter(page, size=3, mode="nearest")

    def threshold(page):
        value = page.astype(xp.float32)
        mean = nd.uniform_filter(value, WINDOW, mode="mirror")
        variance = nd.uniform_filter(value * value, WINDOW, mode="mirror") - mean * mean
        return value < mean * (1 - K + K / R * xp.sqrt(xp.maximum(variance, 0)))

    def despeckle(ink):
        label, count = nd.label(ink, structure=np.ones((3, 3)))  # CuPy reads it on the host
        large = xp.bincount(label.reshape(-1), minlength=int(count) + 1) >= SPECK
        large[0] = False  # the paper
        return large[label]

    def rotate(ink, angle):
        return nd.rotate(ink.astype(xp.float32), float(angle), reshape=False, order=1, prefilter=False) >= 0.5

    with run.stage("put"):
        scans = data.split(run.to_device(data.grey))
    ink = step_by_step(run, scans, denoise=denoise, threshold=threshold, despeckle=despeckle, rotate=rotate)
    with run.stage("get"):
        return run.to_host(ink, out=run.output)


@task.on_cluster(cpu="cv2")
def opencv_shared_out(data: Pages, run: Run, cv2):
    """The same lines as `opencv`: each thread of each worker cleans a part of the pages."""
    return shared_out(data, run, opencv, cv2)


@task.on_cluster(cpu="scipy.ndimage", gpu="cupyx.scipy.ndimage")
def ndimage_shared_out(data: Pages, run: Run, nd):
    """The same lines as `ndimage`: each worker uses its processor or its GPU."""
    return shared_out(data, run, ndimage, nd)


def shared_out(data: Pages, run: Run, alone: Callable[..., Any], library: Any) -> NDArray[np.bool_]:
    """All pages: a worker cleans one part at a time, with the code for a single process."""
    arrays: tuple[Any, ...] = (data.grey, data.shape)
    files = tuple(Path(array.filename) for array in arrays)
    parts = run.partitions(data.shape, count=max(PARTS * run.lanes, -(-data.grey.nbytes // LARGEST)))
    with run.stage("load"):
        scans = run.on_workers(read, [replace(part, files=files) for part in parts])
    with run.stage("clean"):
        done = run.on_workers(run.alone(alone, library), scans)
    with run.stage("get"):
        shares = run.client.gather(done)
        ink: NDArray[np.bool_] = np.concatenate([share.result for share in shares])
    run.effective(**shares[0].parameters)
    pages, figures = [len(part) for part in parts], [share.figures for share in shares]
    run.observe(**{name: np.average([one[name] for one in figures], weights=pages) for name in figures[0]})
    return ink


def read(part: Rows) -> Pages:
    """Runs on a worker: its pages, without their truth."""
    grey, shape = (np.load(file, mmap_mode="r") for file in part.files)
    ends = np.cumsum(shape[: part.stop].prod(axis=1))
    first = ends[part.start - 1] if part.start else 0
    return Pages(np.array(grey[first : ends[-1]]), np.empty(0, bool), np.array(shape[part.start :][: len(part)]))
