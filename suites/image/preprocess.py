"""From JPEG files to a network's input: decode, blur, resize, convert colours, normalise.

Question  How much faster is the preparation of photographs if a GPU does all but the decoding, and if it decodes, too?
Expect    A photograph of 640 x 480 pixels is 73 kB of JPEG, 0.9 MB decoded and 0.6 MB of float32 when ready. Decoding
          goes bit by bit: about a millisecond on one core of the host. The rest is some ten multiply-adds for
          each of 0.9 million numbers: nearly a millisecond on a core for OpenCV; on a GPU some microseconds of
          arithmetic and of memory traffic, but three to ten launches an image, at about ten microseconds each, and
          1.5 MB over PCIe there and back, about 0.06 ms through pinned buffers. So by Amdahl's law the GPU can hardly
          do more than halve the time, however fast it is, as long as the host decodes. `whole_batches` gets there: it
          hides copies and arithmetic behind the decoding. To gain more, the GPU must decode. Its JPEG engines take
          some 15,000 such photographs a second on an H200, about as many as 16 cores; together, that makes three to
          four times what 16 cores do alone. More is not to be had here: decoding is bit by bit on every device.

`datasets/image/photos.py` defines each step exactly; after decoding, all implementations compute in float32. All decode
by OpenCV on all cores of the host, except those whose names say that the GPU decodes, too, by nvImageCodec. On a
cluster each worker prepares its own photographs. The results are eight times as large as the files, and all of them
must come back: stage `get`.

Where decoding, copies and arithmetic overlap, one stage, `pipeline`, holds them all. So the resident time is the same
as the time end to end. `one_pass` is OpenCV without waits between steps, for a fair comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image import photos
from residency.datasets.image.own_images import own_photos
from residency.datasets.image.photographs import photographs
from residency.datasets.image.photos import CUT, SIDE, Photos, colours, decode, decode_all, deviation, taps, weights
from residency.datasets.image.synthetic_photos import synthetic_photos
from residency.harness import Memory, Run, Task
from residency.harness.cluster import LARGEST, Rows
from residency.harness.memory import Memories
from residency.harness.run import PARTS
from residency.suites.image._chunks import Slot, by_size, device_decoder, tensor

CHUNK, PIXELS = 64, 64 * 640 * 480  # at most, at a time: decoded 60 MB, in float32 240 MB
SLOTS = 2  # chunks at work at once: the host has one, the device another
WHOLE_BATCHES: Memories = {"cpu": Memory(copies=1, fixed=0.8e9), "gpu": Memory(copies=0, fixed=2e9, host=1.2)}

task = Task(
    datasets=[synthetic_photos, photographs, own_photos],
    sizes={"smoke": 64, "lab": 2_000, "lecture": 20_000, "production": 100_000},  # images
    quality=photos.psnr,
    tolerance=6.0,  # dB: twice the error; enough for a pixel rounded to 8 bits between two steps
    floor=50.0,  # a resize without the blur has 45
    work=photos.least_work,
    limiter="decoding JPEG bit by bit",
    unit="images",
    memory={"cpu": Memory(copies=1, fixed=0.4e9), "gpu": Memory(copies=0, fixed=1.5e9, host=1.2)},  # a chunk
)


def preparation(data: Photos, ready: NDArray[np.float32], cv2: Any) -> Callable[[int, NDArray[np.uint8]], None]:
    """The function that prepares an image's pixels with OpenCV and writes the result to its place in `ready`."""
    blurs = {side: taps(side).astype(np.float32) for side in np.unique(data.sizes).tolist()}
    colour = np.column_stack(colours()).astype(np.float32)

    def prepare(image: int, pixels: NDArray[np.uint8]) -> None:
        height, width = pixels.shape[:2]
        soft = cv2.sepFilter2D(pixels, cv2.CV_32F, blurs[width], blurs[height], borderType=cv2.BORDER_REPLICATE)
        small = cv2.resize(soft, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        ready[image] = cv2.transform(small, colour).transpose(2, 0, 1)

    return prepare


@task.on_cpu("cv2")
def image_by_image(data: Photos, run: Run, cv2):
    """OpenCV, one image a core at a time: nothing leaves the core's cache between the steps."""
    cv2.setNumThreads(1)  # images are shared out among threads, not rows of an image
    run.effective(dtype="float32", interpolation="INTER_LINEAR", threads=run.threads, opencv_threads=1)
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    prepare = preparation(data, ready, cv2)
    with ThreadPoolExecutor(run.threads) as pool:
        for chunk in data.chunks(CHUNK, PIXELS):
            with run.stage("decode"):
                decoded = list(pool.map(lambda image: decode(data, image), chunk))
            with run.stage("prepare"):
                list(pool.map(prepare, chunk, decoded))
    return ready


@task.pair(cpu="scipy.ndimage", gpu="cupyx.scipy.ndimage", needs=["cv2"], plain=True)
def filters(data: Photos, run: Run, ndimage):
    """One filter after the other, image by image: on a GPU each is a launch; with SciPy each thread takes an image."""
    run.effective(dtype="float32", order=1, mode="nearest", truncate=CUT, grid_mode=True, chunk=CHUNK)
    matrix, offset = (array.astype(np.float32) for array in colours())
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)

    def blur(image):
        deviations = [deviation(side) for side in image.shape[:2]]
        return ndimage.gaussian_filter(image, (*deviations, 0), output=np.float32, mode="nearest", truncate=CUT)

    def resize(image):
        scale = [SIDE / side for side in image.shape[:2]]
        return ndimage.zoom(image, (*scale, 1), order=1, mode="nearest", grid_mode=True)

    with ThreadPoolExecutor(**run.only(cpu={"max_workers": run.threads}, gpu={"max_workers": 1})) as pool:
        for chunk in data.chunks(CHUNK, PIXELS):
            with run.stage("decode"):
                flat = decode_all(data, chunk, run.threads)
            with run.stage("put"):
                flat, matrix, offset = run.to_device(flat, matrix, offset)
            with run.stage("blur"):
                soft = list(pool.map(blur, data.views(flat, chunk)))
            with run.stage("resize"):
                small = list(pool.map(resize, soft))
            with run.stage("colour"):
                done = run.xp.ascontiguousarray((run.xp.stack(small) @ matrix.T + offset).transpose(0, 3, 1, 2))
            with run.stage("get"):
                run.to_host(done, out=ready[chunk.start : chunk.stop])
    return ready


def factors(data: Photos, run: Run, torch: Any) -> tuple[dict[int, Any], tuple[Any, Any]]:
    """On the device: blur and resize as a matrix for each length of a side, and the colours' matrix and offset."""
    sides = np.unique(data.sizes).tolist()
    axes = {side: run.to_device(weights(side).astype(np.float32), into=torch) for side in sides}
    if run.device == "cpu":
        axes = {side: matrix.to_sparse() for side, matrix in axes.items()}
    matrix, offset = run.to_device(*(array.astype(np.float32) for array in colours()), into=torch)
    return axes, (matrix, offset)


@task.pair(cpu="torch", gpu="torch", needs=["cv2"], plain=True)
def matrix_products(data: Photos, run: Run, torch):
    """Blur and resize as one matrix for each axis, mostly zeros: sparse on a CPU, dense for a GPU's fast products."""
    run.effective(dtype="float32", matmul_precision=torch.get_float32_matmul_precision(), chunk=CHUNK)
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    with run.stage("put"):
        resample, (matrix, offset) = factors(data, run, torch)
    for chunk in data.chunks(CHUNK, PIXELS):
        with run.stage("decode"):
            flat = decode_all(data, chunk, run.threads)
        with run.stage("put"):
            flat = run.to_device(flat, into=torch)
        with run.stage("resample"):
            small = []
            for image in data.views(flat, chunk):
                height, width = image.shape[:2]
                rows = resample[height] @ image.reshape(height, -1).float()  # (224, width * 3)
                columns = rows.reshape(SIDE, width, 3).permute(1, 2, 0).reshape(width, -1)  # (width, 3 * 224)
                small.append((resample[width] @ columns).reshape(SIDE, 3, SIDE).permute(1, 2, 0))
        with run.stage("colour"):
            done = matrix @ torch.stack(small).reshape(-1, 3, SIDE**2) + offset[:, None]
        with run.stage("get"):
            run.to_host(done.reshape(-1, 3, SIDE, SIDE), out=ready[chunk.start : chunk.stop])
    return ready


@task.on_cpu("cv2")
def one_pass(data: Photos, run: Run, cv2):
    """OpenCV: each thread decodes an image and prepares it at once. One stage, `pipeline`, without waits in between."""
    cv2.setNumThreads(1)
    run.effective(dtype="float32", interpolation="INTER_LINEAR", threads=run.threads, opencv_threads=1)
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    prepare = preparation(data, ready, cv2)
    with run.stage("pipeline"), ThreadPoolExecutor(run.threads) as pool:
        list(pool.map(lambda image: prepare(image, decode(data, image)), range(data.rows)))
    return ready


def resampled(pixels: Any, axes: Mapping[int, Any], colour: tuple[Any, Any]) -> Any:
    """Images of one size, (n, height, width, 3), ready for a network, (n, 3, 224, 224): three matrix products."""
    images, height, width, _ = pixels.shape
    rows = axes[height] @ pixels.permute(1, 0, 2, 3).reshape(height, -1).float()  # (224, n * width * 3)
    across = rows.view(SIDE, images, width, 3).permute(2, 1, 3, 0).reshape(width, -1)  # (width, n * 3 * 224)
    small = (axes[width] @ across).view(SIDE, images, 3, SIDE).permute(1, 2, 3, 0)
    matrix, offset = colour
    return (matrix @ small.flatten(2) + offset[:, None]).unflatten(2, (SIDE, SIDE))


@task.pair(cpu="torch", gpu="torch", needs=["cv2"], memory=WHOLE_BATCHES)
def whole_batches(data: Photos, run: Run, torch):
    """All images of a size at once. The host decodes into pinned memory while the GPU copies and computes.

    There are two chunks at work, each with its own stream and its own buffers. A stream does its copies and products in
    order, and the streams overlap. So one stage, `pipeline`, holds it all, and should take as long as decoding alone.
    """
    run.effective(dtype="float32", matmul_precision=torch.get_float32_matmul_precision(), chunk=CHUNK, slots=SLOTS)
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    device = torch.get_device_module(run.torch_device)
    chunks = list(data.chunks(CHUNK, PIXELS))

    def fill(image: int, place: NDArray[np.uint8]) -> None:
        place[:] = decode(data, image)

    with run.stage("put"):
        axes, colour = factors(data, run, torch)
        slots = [Slot(min(CHUNK, data.rows), run, torch) for _ in range(SLOTS)]
        most = max(3 * int(data.sizes[chunk].prod(axis=1, dtype=np.int64).sum()) for chunk in chunks)
        buffers = [torch.empty(most, dtype=torch.uint8, **slot.pinned) for slot in slots]
    with run.stage("pipeline"), ThreadPoolExecutor(run.threads) as pool:
        for number, chunk in enumerate(chunks):
            slot, buffer = slots[number % SLOTS], buffers[number % SLOTS]
            slot.finish(ready, pool)
            start, batches, images = 0, [], list[int]()
            for size, same in by_size(data, chunk).items():
                stop = start + 3 * size[0] * size[1] * len(same)
                batches.append(buffer[start:stop].view(len(same), *size, 3))
                start, images = stop, [*images, *same]
            list(pool.map(fill, images, [place for batch in batches for place in batch.numpy()]))
            with device.stream(slot.stream):
                for batch in batches:
                    pixels = batch.to(run.torch_device, non_blocking=True)
                    slot.fetch(resampled(pixels, axes, colour))
                slot.done.record()
            slot.images = images
        for number in range(len(chunks), len(chunks) + SLOTS):
            slots[number % SLOTS].finish(ready, pool)
    return ready


@task.on_gpu("torch", needs=["nvidia.nvimgcodec"], memory=WHOLE_BATCHES)
def decoded_by_cores(data: Photos, run: Run, torch):
    """nvImageCodec: the cores of GPU and host share the decoding. Files cross the bus, not pixels."""
    return decoded_there(data, run, torch, engines=False)


@task.on_gpu("torch", needs=["nvidia.nvimgcodec"], memory=WHOLE_BATCHES)
def decoded_by_engines(data: Photos, run: Run, torch):
    """The same, and the GPU's JPEG engines decode, too: an A100 has five, an H100 or H200 seven."""
    return decoded_there(data, run, torch, engines=True)


def decoded_there(data: Photos, run: Run, torch: Any, engines: bool) -> NDArray[np.float32]:
    """After decoding as `whole_batches`: while a chunk is decoded, the GPU computes and copies the one before."""
    run.effective(dtype="float32", matmul_precision=torch.get_float32_matmul_precision(), chunk=CHUNK, slots=SLOTS)
    run.effective(fancy_upsampling=True, engines=engines)
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    device = torch.get_device_module(run.torch_device)
    with run.stage("put"):
        axes, colour = factors(data, run, torch)
        slots = [Slot(min(CHUNK, data.rows), run, torch) for _ in range(SLOTS)]
        decoder, rgb = device_decoder(run.threads, run.torch_device, engines)
    with run.stage("pipeline"), ThreadPoolExecutor(run.threads) as pool:
        for number, chunk in enumerate(data.chunks(CHUNK, PIXELS)):
            slot = slots[number % SLOTS]
            slot.finish(ready, pool)
            with device.stream(slot.stream):
                stream = getattr(slot.stream, "cuda_stream", 0)  # the one that follows the decoder's work
                slot.held = decoded = decoder.decode(
                    [data.file(image) for image in chunk], params=rgb, cuda_stream=stream
                )
                if None in decoded:
                    raise ValueError(f"nvImageCodec cannot decode image {chunk[decoded.index(None)]}, which Pillow can")
                groups = list(by_size(data, chunk).values())
                for same in groups:
                    pixels = torch.stack([tensor(torch, decoded[image - chunk.start]) for image in same])
                    slot.fetch(resampled(pixels, axes, colour))
                slot.done.record()
            slot.images = [image for same in groups for image in same]
        for slot in slots:
            slot.finish(ready, pool)
    return ready


@task.on_cluster(cpu="cv2")
def images_shared_out(data: Photos, run: Run, cv2):
    """The same lines with OpenCV: each thread of each worker prepares some photographs and sends all results back."""
    return shared_out(data, run, image_by_image, cv2)


@task.on_cluster(cpu="scipy.ndimage", gpu="cupyx.scipy.ndimage", needs=["cv2"])
def filters_shared_out(data: Photos, run: Run, ndimage):
    """The same lines as `filters`: each worker uses its processor or its GPU and sends all results back."""
    return shared_out(data, run, filters, ndimage)


def shared_out(data: Photos, run: Run, alone: Callable[..., Any], library: Any) -> NDArray[np.float32]:
    """All photographs: a worker prepares one part at a time, with the code for a single process.

    Photographs are independent, so workers need nothing from each other. But the results are float32: 0.6 MB for each
    73 kB of JPEG, and all of it goes to one process, the client, in the stage `get`. A real pipeline would do its next
    step where the pictures are, and would not pay for that.
    """
    ready = run.output((data.rows, 3, SIDE, SIDE), np.float32)
    arrays: tuple[Any, ...] = (data.encoded, data.offsets, data.sizes)
    files = tuple(Path(array.filename) for array in arrays)
    parts = run.partitions(data.sizes, count=max(PARTS * run.lanes, -(-ready.nbytes // LARGEST)))
    places = [replace(part, files=files) for part in parts]
    with run.stage("load"):
        photos = run.on_workers(read, places)
    with run.stage("prepare"):
        done = run.on_workers(run.alone(alone, library), photos)
    with run.stage("get"):
        for place, future in zip(places, done, strict=True):
            share = future.result()
            ready[place.start : place.stop] = share.result
            future.release()
    run.effective(**share.parameters)
    return ready


def read(part: Rows) -> Photos:
    """Runs on a worker: the part's own bytes of the files."""
    encoded, offsets, sizes = (np.load(file, mmap_mode="r") for file in part.files)
    ends = np.array(offsets[part.start : part.stop + 1])
    return Photos(np.array(encoded[ends[0] : ends[-1]]), ends - ends[0], np.array(sizes[part.start : part.stop]))
