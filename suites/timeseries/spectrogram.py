"""A tone in noise: filter a long signal, take its spectrogram, and follow the highest peak.

Question  Filters and Fourier transforms are what GPUs are praised for. How much of that is left when the signal has to
          be copied first, and when the CPU's side is written as carefully as the GPU's?
Expect    A filter adds 129 neighbouring samples, each times a weight (a tap), and keeps one of four results. A frame is
          512 of these; one begins every 128, and its spectrum has one highest peak. That is some hundred operations a
          sample. The frames overlap four times, so with all arrays in memory each step writes about as many bytes as
          the signal has, and the next one reads them: bytes decide. A GPU's memory is some ten times as fast as a
          CPU's. But the signal's way there, 4 bytes a sample, takes ten times as long as all the steps. With a billion
          samples we expect 3 times with the copy, 40 times without it (an estimate: no GPU has been seen).
          SciPy filters on one core, one multiply-add after the other. As a matrix product, the filter takes twice the
          multiply-adds and a sixth of the processor time. `blocks` also takes a few hundred frames through all steps
          while they are in a core's cache, on all cores: a quarter of SciPy's processor time.

`calls` is the plain port: one library call a step. In `tensors` and `blocks` a row of 253 samples times a matrix gives
32 filtered samples at once. Everything is float32, and the peaks are held against float64.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from residency.datasets.timeseries.hidden_tone import hidden_tone
from residency.datasets.timeseries.known_cycles import sunspots, taxi_days, weekly_carbon_dioxide
from residency.datasets.timeseries.signals import Signal, frames_followed
from residency.harness import Memory, Run, Task
from residency.harness.cluster import Rows
from residency.harness.errors import Unavailable
from residency.harness.memory import Memories

MOST = 2**31 - 1  # samples that CuPy's filter can count
AT_ONCE = 32  # filtered samples from a row of the matrix product
BY_BLOCKS: Memories = {"cpu": Memory(copies=1.2, fixed=0.2e9), "gpu": Memory(copies=1.2, fixed=2e9)}
FRAMES = {"cpu": 256, "gpu": 65_536}  # of a block: half a megabyte fits a core's cache; a GPU needs large pieces


def work(data: Signal) -> tuple[float, float]:
    """A real Fourier transform a frame, 2.5 n log2 n operations, and the signal read once."""
    return data.frames * 2.5 * data.window * float(np.log2(data.window)), float(data.values.nbytes)


def best_work(data: Signal) -> tuple[float, float]:
    """The same, and the filter: a multiply-add a tap for each sample that is kept."""
    flops, moved = work(data)
    return flops + 2.0 * data.kept * len(data.taps), moved


task = Task(
    datasets=[hidden_tone, sunspots, weekly_carbon_dioxide, taxi_days],
    sizes={"smoke": 400_000, "lab": 40_000_000, "lecture": 1_000_000_000, "production": 10_000_000_000},  # samples
    quality=frames_followed,
    tolerance=0.01,  # in float32 the higher of two equal peaks may be the other
    floor={"hidden_tone": 0.95, "sunspots": 0.7, "weekly_carbon_dioxide": 0.95, "taxi_days": 0.85},
    work=work,
    best_work=best_work,
    unit="samples",
    memory=Memory(copies=7, fixed=0.2e9),
)


def settings(data: Signal) -> dict[str, Any]:
    """What decides the result."""
    return {
        "taps": len(data.taps),
        "factor": data.factor,
        "window": data.window,
        "hop": data.hop,
        "detrend": False,
        "scaling": "spectrum",
        "dtype": "float32",
    }


@task.pair(cpu="scipy.signal", gpu="cupyx.scipy.signal", plain=True)
def calls(data: Signal, run: Run, signal):
    """One call a step: `upfirdn` filters and keeps one of four samples, then `spectrogram`, then the highest peak."""
    run.effective(**settings(data))
    if run.device == "gpu" and data.rows > MOST:
        raise Unavailable(
            f"CuPy's upfirdn counts samples in 32 bits, so it takes {MOST:,} at most; here are {data.rows:,}: "
            "choose a smaller --size, or --implementations blocks"
        )
    with run.stage("put"):
        values, taps, hann = run.to_device(data.values, data.taps, data.hann)
    with run.stage("filter"):  # it begins before the signal and ends after it: the whole ones are kept
        whole = signal.upfirdn(taps, values, up=1, down=data.factor)[(len(taps) - 1) // data.factor :][: data.kept]
    with run.stage("spectrogram"):
        overlap = data.window - data.hop
        _, _, power = signal.spectrogram(
            whole, window=hann, nperseg=data.window, noverlap=overlap, detrend=False, scaling="spectrum", mode="psd"
        )
    with run.stage("peaks"):
        number, highest = power.argmax(axis=0), power.max(axis=0)
    with run.stage("get"):
        return run.to_host(number), run.to_host(highest)


def filter_matrix(data: Signal) -> NDArray[np.float32]:
    """The filter as a matrix: a row of samples times it is `AT_ONCE` filtered samples, each `factor` samples on."""
    matrix = np.zeros(((AT_ONCE - 1) * data.factor + len(data.taps), AT_ONCE), np.float32)
    for column in range(AT_ONCE):
        matrix[column * data.factor :][: len(data.taps), column] = data.taps
    return matrix


@task.pair(cpu="torch", gpu="torch")
def tensors(data: Signal, run: Run, torch):
    """Torch on all cores: the filter is one matrix product, `torch.stft` is the spectrogram."""
    run.effective(**settings(data), filtered_at_once=AT_ONCE, factors="float32")
    torch.backends.cuda.matmul.allow_tf32 = False  # its short factors are too coarse for a tone beneath a loud hum
    with run.stage("put"):
        values, matrix, hann, scale = run.to_device(data.values, filter_matrix(data), data.hann, data.scale, into=torch)
    with run.stage("filter"):
        step, wide = AT_ONCE * data.factor, len(matrix)
        rows = -(-data.kept // AT_ONCE)
        values = torch.nn.functional.pad(values, (0, max(0, (rows - 1) * step + wide - len(values))))
        whole = (values.unfold(0, wide, step)[:rows] @ matrix).reshape(-1)[: data.kept]
    with run.stage("spectrogram"):
        spectrum = torch.stft(
            whole, data.window, data.hop, window=hann, center=False, normalized=False, onesided=True,
            return_complex=True,
        )  # fmt: skip
        power = (spectrum.real**2 + spectrum.imag**2) * scale[:, None]
    with run.stage("peaks"):
        highest, number = power.max(dim=0)
    with run.stage("get"):
        return run.to_host(number), run.to_host(highest)


class Constants(NamedTuple):
    """On the device."""

    matrix: Any
    hann: Any
    scale: Any


def block(data: Signal, samples: Any, constants: Constants, count: int, *, fft: Any, xp: Any) -> tuple[Any, Any]:
    """The highest peaks of `count` frames, of which the first begins with the samples."""
    windows = xp.lib.stride_tricks.sliding_window_view
    step, wide = AT_ONCE * data.factor, len(constants.matrix)
    rows = -(-((count - 1) * data.hop + data.window) // AT_ONCE)
    if (missing := (rows - 1) * step + wide - len(samples)) > 0:  # at the signal's end; no frame contains these
        samples = xp.pad(samples, (0, missing))
    whole = (windows(samples, wide)[::step][:rows] @ constants.matrix).reshape(-1)
    spectrum = fft.rfft(windows(whole, data.window)[:: data.hop][:count] * constants.hann, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2) * constants.scale
    return power.argmax(axis=1), power.max(axis=1)


@task.pair(cpu="scipy.fft", gpu="cupyx.scipy.fft", memory=BY_BLOCKS)
def blocks(data: Signal, run: Run, fft):
    """All steps for a block of frames before the next block begins; each core takes blocks of its own."""
    run.effective(**settings(data), filtered_at_once=AT_ONCE, frames_of_a_block=FRAMES[run.device])
    with run.stage("put"):
        values, *arrays = run.to_device(data.values, filter_matrix(data), data.hann, data.scale)
    with run.stage("spectra"):
        number, highest = in_blocks(data, run, values, Constants(*arrays), fft)
    with run.stage("get"):
        return run.to_host(number), run.to_host(highest)


def in_blocks(data: Signal, run: Run, values: Any, constants: Constants, fft: Any) -> tuple[Any, Any]:
    """The highest peak of each frame, block by block."""
    from threadpoolctl import threadpool_limits

    size, step = FRAMES[run.device], data.hop * data.factor

    def follow(first: int) -> tuple[Any, Any]:
        count = min(size, data.frames - first)
        end = (first + count) * step + data.window * data.factor + len(constants.matrix)
        return block(data, values[first * step : end], constants, count, fft=fft, xp=run.xp)

    lanes = run.only(cpu={"max_workers": run.threads}, gpu={"max_workers": 1})
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(**lanes) as pool:
        numbers, highest = zip(*pool.map(follow, range(0, data.frames, size)), strict=True)
    return run.xp.concatenate(numbers), run.xp.concatenate(highest)


@task.on_cluster(cpu="scipy.fft", gpu="cupyx.scipy.fft", memory=BY_BLOCKS)
def stretches(data: Signal, run: Run, fft):
    """Each worker reads a stretch of the signal, which overlaps with the next one by a frame, and follows its peaks."""
    parts = max(run.lanes, -(-data.values.nbytes // run.part_bytes))
    bounds = np.unique(np.linspace(0, data.frames, parts + 1).astype(int)).tolist()
    step, frame = data.hop * data.factor, (data.window - 1) * data.factor + len(data.taps)  # samples
    (whole,) = run.partitions(data.values, count=1)
    places = [replace(whole, start=first * step, stop=(last - 1) * step + frame) for first, last in pairwise(bounds)]
    about = {"taps": data.taps, "factor": data.factor, "window": data.window, "hop": data.hop}
    with run.stage("load"):
        loaded = run.on_workers(read, places, about=about)
    with run.stage("spectra"):
        found = run.on_workers(run.alone(blocks, fft), loaded)
    with run.stage("get"):
        shares = run.client.gather(found)
        number, highest = (np.concatenate(column) for column in zip(*(one.result for one in shares), strict=True))
    run.effective(**shares[0].parameters)
    return number, highest


def read(place: Rows, about: dict[str, Any]) -> Signal:
    """Runs on a worker: a stretch of the signal, without its truth."""
    (values,) = place.read()
    return Signal(values, **about, pitch=np.empty(0))
