"""Clean up scanned pages: median filter, local threshold, removal of specks and skew. From grey to upright ink.

Question  How much of a clean-up suits a GPU, and what does a page cost if every step is a library call?
Expect    A page of a million pixels is 1 MB; each step reads and writes it a few times and computes little, so memory
          bandwidth decides, and a GPU has ten to twenty times a CPU's. But the method matters too: running sums make a
          31 x 31 mean cost four additions a pixel on a CPU, whatever the window; CuPy adds up 31 values twice.
          Connected components are a chain of lookups, the least parallel step. And a page takes some hundred launches
          of 5 to 10 µs, while OpenCV cleans it in about 10 ms on one core: page by page (`ndimage`), expect a GPU to
          gain a few times against few cores, and little or nothing against thirty.
          With a batch of 32 pages a call (`whole_batches`), launches no longer count, but the generic filters do. One
          function that is compiled for the batch (`compiled`) leaves some 40 kernels, each of which reads and writes a
          page once or twice, 0.1 ms a page in all. Then the bus takes as long as the work: 1 MB each way. If copies
          overlap with work (`overlapped`), the slower of the two is left.

`datasets/ocr/pages.py` defines exactly what a clean page is. All implementations follow it and share one estimate of
the skew, because no library has one; `_clean.py` has all steps for JAX. Pages are independent: on a CPU each thread
takes one page at a time, step by step, or from the first step to the last (`one_pass`). On a cluster each worker cleans
its own pages and sends back as much as it read, a byte a pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
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
from residency.harness.memory import Memories
from residency.harness.run import PARTS
from residency.suites.ocr._clean import compiled_clean

Step = Callable[..., Any]
BATCH = {"cpu": 2**21, "gpu": 2**25}  # pixels of a batch of pages, at most: enough to fill a GPU, few enough to overlap
IN_BATCHES: Memories = {"cpu": Memory(copies=1.6, fixed=1e9), "gpu": Memory(copies=1.2, fixed=2e9, host=1.6)}
WITHIN_A_PAGE = np.zeros((3, 3, 3))  # neighbours in a batch of pages: those of the same page
WITHIN_A_PAGE[1] = 1


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


def record(run: Run) -> None:
    """Put the parameters on record, which are the definition's."""
    run.effective(median=3, window=WINDOW, k=K, r=R, speck=SPECK, strips=STRIPS, angles=len(ANGLES))
    run.effective(steepest=float(ANGLES.max()), interpolation="bilinear")


def step_by_step(run: Run, scans: list[Any], *, denoise: Step, threshold: Step, despeckle: Step, rotate: Step) -> Any:
    """Runs each step on all pages before the next, so that steps can be timed; the ink of all pages in one array.

    Each of `scans` is a page or a batch of pages of one shape. `rotate` gets it with the angles of its pages.
    """
    record(run)
    with ThreadPoolExecutor(**run.only(cpu={"max_workers": run.threads}, gpu={"max_workers": 1})) as pool:
        with run.stage("denoise"):
            grey = list(pool.map(denoise, scans))
        with run.stage("threshold"):
            ink = list(pool.map(threshold, grey))
            del grey
        with run.stage("despeckle"):
            ink = list(pool.map(despeckle, ink))
        with run.stage("skew"):
            best = list(pool.map(lambda page: profile_squares(page, run.xp).argmax(axis=-1).reshape(-1), ink))
            angles = ANGLES[run.to_host(run.xp.concatenate(best))]
        with run.stage("rotate"):
            ends = np.cumsum([len(part) for part in best])[:-1]
            upright = list(pool.map(rotate, ink, np.split(angles, ends)))
            run.observe(mean_turn_degrees=float(np.abs(angles).mean()))
            pixels = sum(page.size for page in upright)
            out = run.output((pixels,), np.bool_) if run.device == "cpu" else None  # on a GPU, `get` asks for it
            return run.xp.concatenate([page.reshape(-1) for page in upright], out=out)


def opencv_steps(cv2: Any) -> dict[str, Step]:
    """OpenCV's steps: vectorised, in 8-bit integers if possible. Its own threads are off: each takes a page."""
    cv2.setNumThreads(1)

    def denoise(page):
        return cv2.medianBlur(page, 3)

    def threshold(page):
        mean = cv2.boxFilter(page, cv2.CV_32F, (WINDOW, WINDOW))  # by default beyond a border the page is mirrored
        variance = cv2.sqrBoxFilter(page, cv2.CV_32F, (WINDOW, WINDOW)) - mean * mean
        return page < mean * (1 - K + K / R * np.sqrt(np.maximum(variance, 0)))

    def despeckle(ink):
        _, label = cv2.connectedComponents(ink.view(np.uint8), connectivity=8)
        places = np.flatnonzero(ink)  # most pixels are paper, and need not be counted
        labels = label.reshape(-1)[places]
        clean = ink.copy()
        clean.reshape(-1)[places[np.bincount(labels)[labels] < SPECK]] = False
        return clean

    def rotate(ink, angle):
        height, width = ink.shape
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle[0]), 1)
        return cv2.warpAffine(ink.astype(np.float32), turn, (width, height)) >= 0.5

    return {"denoise": denoise, "threshold": threshold, "despeckle": despeckle, "rotate": rotate}


@task.on_cpu("cv2")
def opencv(data: Pages, run: Run, cv2):
    """OpenCV, one step after the other: each thread takes a page at a time."""
    return step_by_step(run, data.split(data.grey), **opencv_steps(cv2))


@task.on_cpu("cv2")
def one_pass(data: Pages, run: Run, cv2):
    """OpenCV: each thread cleans a page from the first step to the last, without waits between steps."""
    record(run)
    steps = opencv_steps(cv2)
    with run.stage("pipeline"), ThreadPoolExecutor(run.threads) as pool:
        out = run.output((data.grey.size,), np.bool_)

        def clean(page: Any, place: Any) -> float:
            ink = steps["despeckle"](steps["threshold"](steps["denoise"](page)))
            angle = ANGLES[profile_squares(ink).argmax()]
            place[:] = steps["rotate"](ink, [angle])
            return float(abs(angle))

        turns = list(pool.map(clean, data.split(data.grey), data.split(out)))
    run.observe(mean_turn_degrees=float(np.mean(turns)))
    return out


@task.on_cpu("skimage", needs=["scipy"])
def scikit_image(data: Pages, run: Run, skimage):
    """scikit-image: its own functions for each step; sums over windows come from an integral image, in float64."""
    return step_by_step(
        run,
        data.split(data.grey),
        denoise=lambda page: skimage.filters.median(page, np.ones((3, 3)), mode="nearest"),
        threshold=lambda page: page < skimage.filters.threshold_sauvola(page, window_size=WINDOW, k=K, r=R),
        despeckle=lambda ink: skimage.morphology.remove_small_objects(ink, max_size=SPECK - 1, connectivity=2),
        rotate=lambda ink, angle: skimage.transform.rotate(ink.astype(np.float32), angle[0], order=1) >= 0.5,
    )


@task.pair(cpu="scipy.ndimage", gpu="cupyx.scipy.ndimage", plain=True)
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
        return nd.rotate(ink.astype(xp.float32), float(angle[0]), reshape=False, order=1, prefilter=False) >= 0.5

    with run.stage("put"):
        scans = data.split(run.to_device(data.grey))
    ink = step_by_step(run, scans, denoise=denoise, threshold=threshold, despeckle=despeckle, rotate=rotate)
    with run.stage("get"):
        return run.to_host(ink, out=run.output)


def batches(data: Pages, most: int, alike: bool = False) -> list[tuple[int, Any]]:
    """Pages of one shape that follow each other, up to `most` pixels: where they begin in `data.grey`, and a view.

    If they must be `alike`, all batches of one shape hold equally many pages, since JAX compiles anew for each number.
    Then the last may begin before the one before it ends.
    """
    found, start = [], 0
    for (height, width), same in groupby(data.shape.tolist()):
        pages, pixels = len(list(same)), height * width
        count = -(-pages // -(-pages * pixels // most))
        for number in range(0, pages, count):
            begin = start + (min(number, pages - count) if alike else number) * pixels
            end = min(begin + count * pixels, start + pages * pixels)
            found.append((begin, data.grey[begin:end].reshape(-1, height, width)))
        start += pages * pixels
    return found


@task.pair(
    cpu="scipy.ndimage",
    gpu="cupyx.scipy.ndimage",
    memory={"cpu": Memory(copies=3.5, fixed=0.7e9), "gpu": Memory(copies=3.5, fixed=2e9)},
)
def whole_batches(data: Pages, run: Run, nd):
    """The same filters on batches of pages, (pages, height, width): as many launches for a batch as for a page."""
    xp = run.xp

    def denoise(pages):
        return nd.median_filter(pages, size=(1, 3, 3), mode="nearest")

    def threshold(pages):
        value = pages.astype(xp.float32)
        mean = nd.uniform_filter(value, (1, WINDOW, WINDOW), mode="mirror")
        variance = nd.uniform_filter(value * value, (1, WINDOW, WINDOW), mode="mirror") - mean * mean
        return value < mean * (1 - K + K / R * xp.sqrt(xp.maximum(variance, 0)))

    def despeckle(ink):
        label, count = nd.label(ink, structure=WITHIN_A_PAGE)
        large = xp.bincount(label.reshape(-1), minlength=int(count) + 1) >= SPECK
        large[0] = False  # the paper
        return large[label]

    def rotate(ink, angle):
        pages, height, width = ink.shape
        turn = run.to_device(np.radians(angle).astype(np.float32).reshape(-1, 1, 1))
        down = xp.arange(height, dtype=xp.float32)[:, None] - (height - 1) / 2
        right = xp.arange(width, dtype=xp.float32) - (width - 1) / 2
        places = xp.empty((3, *ink.shape), xp.float32)
        places[0] = xp.arange(pages)[:, None, None]
        places[1] = xp.cos(turn) * down + xp.sin(turn) * right + (height - 1) / 2
        places[2] = xp.cos(turn) * right - xp.sin(turn) * down + (width - 1) / 2
        return nd.map_coordinates(ink.astype(xp.float32), places, order=1, prefilter=False) >= 0.5

    with run.stage("put"):
        grey = run.to_device(data.grey)
        places = batches(data, BATCH[run.device])
        scans = [grey[begin : begin + batch.size].reshape(batch.shape) for begin, batch in places]
    ink = step_by_step(run, scans, denoise=denoise, threshold=threshold, despeckle=despeckle, rotate=rotate)
    with run.stage("get"):
        return run.to_host(ink, out=run.output)


@task.pair(cpu="jax", gpu="jax", needs={"gpu": ["cupy"]}, memory=IN_BATCHES)
def compiled(data: Pages, run: Run, jax):
    """JAX: all steps for a batch of pages as one compiled function, which fuses what it can into few kernels."""
    record(run)
    clean = compiled_clean(jax)
    assert run.xp  # on a GPU, CuPy's pinned buffers carry JAX's arrays over the bus (harness/transfer.py)
    with run.stage("put"):
        places = batches(data, BATCH[run.device], alike=True)
        scans = [run.to_device(batch, into=jax) for _, batch in places]
    with run.stage("clean"), jax.enable_x64(True):
        cleaned = [clean(batch) for batch in scans]
    ready = run.output((data.grey.size,), np.bool_)
    with run.stage("get"):
        for (begin, _), ink in zip(places, cleaned, strict=True):
            fetch(run, ink, begin, ready)
    return ready


@task.pair(cpu="jax", gpu="jax", needs={"gpu": ["cupy"]}, memory=IN_BATCHES)
def overlapped(data: Pages, run: Run, jax):
    """The same function; while a batch is cleaned, the result of the one before comes back and the next one is sent.

    JAX only starts the work and returns. So copies and work overlap in one stage, `pipeline`.
    """
    record(run)
    clean = compiled_clean(jax)
    assert run.xp  # on a GPU, CuPy's pinned buffers carry JAX's arrays over the bus (harness/transfer.py)
    ready = run.output((data.grey.size,), np.bool_)
    with run.stage("pipeline"), jax.enable_x64(True):
        begin, behind = 0, None
        for following, batch in batches(data, BATCH[run.device], alike=True):
            ahead = clean(run.to_device(batch, into=jax))
            if behind is not None:
                fetch(run, behind, begin, ready)
            begin, behind = following, ahead
        fetch(run, behind, begin, ready)
    return ready


def fetch(run: Run, ink: Any, begin: int, ready: NDArray[np.bool_]) -> None:
    """Copy a batch's result to its place; as bytes, which all libraries take from each other."""
    place = ready[begin : begin + ink.size].view(np.uint8)
    run.to_host(ink, out=place.reshape(ink.shape))


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
