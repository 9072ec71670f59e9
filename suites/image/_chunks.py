"""What implementations of `preprocess` share: chunks at work at the same time, and a decoder on the GPU."""

from __future__ import annotations

import functools
import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.photos import SIDE, Photos
from residency.harness import Run


def by_size(data: Photos, chunk: range) -> dict[tuple[int, int], list[int]]:
    """The images of a chunk by height and width."""
    groups: dict[tuple[int, int], list[int]] = {}
    for image in chunk:
        height, width = data.sizes[image].tolist()
        groups.setdefault((height, width), []).append(image)
    return groups


class Slot:
    """A stream of the device, and pinned host memory for a chunk's results, which come back while others are made."""

    def __init__(self, images: int, run: Run, torch: Any) -> None:
        """Torch keeps pinned memory that is freed, so only the first execution pays for pinning."""
        self.pinned = {"pin_memory": run.torch_device != "cpu"}
        device = torch.get_device_module(run.torch_device)
        self.stream, self.done = device.Stream(), device.Event()
        self.results = torch.empty(images, 3, SIDE, SIDE, **self.pinned)
        self.images: list[int] = []  # in the order of their results
        self.filled = 0  # places that have results, or will have
        self.held: Any = None  # what the stream still reads

    def fetch(self, results: Any) -> None:
        """Start to copy results to the host, behind those of the same chunk."""
        first, self.filled = self.filled, self.filled + len(results)
        self.results[first : self.filled].copy_(results, non_blocking=True)

    def finish(self, ready: NDArray[np.float32], pool: ThreadPoolExecutor) -> None:
        """Wait for the chunk's results, and copy them to where they belong."""
        self.done.synchronize()
        list(pool.map(np.copyto, [ready[image] for image in self.images], self.results.numpy()))
        self.images, self.filled = [], 0


@functools.cache
def device_decoder(threads: int, device: str, engines: bool) -> tuple[Any, Any]:
    """A decoder of nvImageCodec and its parameters, made once in a process: it takes memory and starts threads.

    The cores of the GPU and of the host share a batch's images; with `engines`, so do the GPU's JPEG engines, if it has
    them. Without a GPU, the host decodes all. Colour of half the resolution is interpolated, as OpenCV does it.
    """
    codec = importlib.import_module("nvidia.nvimgcodec")
    kinds = [codec.GPU_ONLY, codec.HYBRID_CPU_GPU, codec.CPU_ONLY]
    kinds = [codec.CPU_ONLY] if device == "cpu" else [codec.HW_GPU_ONLY, *kinds] if engines else kinds
    adapted = codec.LoadHintPolicy.ADAPTIVE_MINIMIZE_IDLE_TIME
    decoder = codec.Decoder(
        device_id=codec.NVIMGCODEC_DEVICE_CPU_ONLY if device == "cpu" else codec.NVIMGCODEC_DEVICE_CURRENT,
        max_num_cpu_threads=threads,
        backends=[codec.Backend(kind, load_hint_policy=adapted) for kind in kinds],
        options=":fancy_upsampling=1",
    )
    rgb = codec.DecodeParams(
        apply_exif_orientation=False, color_spec=codec.ColorSpec.SRGB, sample_format=codec.SampleFormat.I_RGB
    )
    return decoder, rgb


def tensor(torch: Any, image: Any) -> Any:
    """A decoded image as a tensor that shares its memory: the GPU's, or without a GPU the host's."""
    is_on_host = image.buffer_kind == importlib.import_module("nvidia.nvimgcodec").ImageBufferKind.STRIDED_HOST
    return torch.from_numpy(np.asarray(image)) if is_on_host else torch.from_dlpack(image)
