"""The schema of encoded photographs, and an exact definition of preparing them for a network.

Each photograph becomes 3 x 224 x 224 numbers of float32, in this order:

    decode     to 8-bit RGB: a grey image has three equal channels; orientation marks are ignored
    blur       along each axis on which the photograph is larger than 224, by a Gaussian with a standard deviation of
               (scale - 1) / 2 pixels, cut off at four deviations: `taps`. Beyond the edge, the edge's pixel is repeated
    resize     to 224 by 224, without keeping the aspect ratio: linearly between the two nearest pixel centres, on each
               axis
    colour     to luma and two colour differences, BT.601 at full range, which is also what JPEG stores
    normalise  each channel by its `MEAN` and `DEVIATION`, and put the channels first

Blur and resize are linear and act on each axis separately, so both together are one matrix for each axis: `weights`.
Nothing is rounded to 8 bits after decoding.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import metric

SIDE = 224  # pixels
CUT = 4.0  # standard deviations of the blur
LUMA = np.array([0.299, 0.587, 0.114])  # BT.601's weights of red, green and blue
MEAN = np.array([0.38, 0.46, 0.57])  # of luma, blue and red difference, on a scale of 0 to 1: those of the shipped
DEVIATION = np.array([0.25, 0.07, 0.11])  # photographs, rounded
QUALITY = 90  # of JPEG
SAMPLE = 16  # images whose result is compared
ROUNDING = 1 / 12  # grey levels squared: the error of rounding decoded pixels to whole levels


@dataclass(frozen=True)
class Photos:
    """Encoded photographs end to end, with the bytes of their files: JPEG or PNG."""

    encoded: NDArray[np.uint8]  # (bytes,)
    offsets: NDArray[np.int64]  # (images + 1,): image i is encoded[offsets[i]:offsets[i + 1]]
    sizes: NDArray[np.int32]  # (images, 2): height and width in pixels
    remarks: tuple[str, ...] = ()  # what the preparation did that a reader must know

    @property
    def rows(self) -> int:
        """Images."""
        return len(self.sizes)

    @property
    def decoded(self) -> int:
        """Bytes of all images in RGB."""
        return 3 * int(self.sizes.prod(axis=1, dtype=np.int64).sum())

    def file(self, image: int) -> NDArray[np.uint8]:
        """The bytes of one image's file."""
        return self.encoded[self.offsets[image] : self.offsets[image + 1]]

    def chunks(self, images: int, pixels: int) -> Iterator[range]:
        """All images in order, in ranges of at least one image and at most `images` images and `pixels` pixels."""
        ends = self.sizes.prod(axis=1, dtype=np.int64).cumsum()
        start = 0
        while start < self.rows:
            room = (int(ends[start - 1]) if start else 0) + pixels
            stop = min(max(start + 1, int(np.searchsorted(ends, room, side="right"))), start + images)
            yield range(start, stop)
            start = stop

    def views(self, pixels: Any, chunk: range) -> list[Any]:
        """The images in an array of `decode_all`, on any device: views of shape (height, width, 3)."""
        sizes = self.sizes[chunk].tolist()
        ends = np.cumsum([3 * height * width for height, width in sizes]).tolist()
        starts = [0, *ends[:-1]]
        return [pixels[a:b].reshape(*size, 3) for a, b, size in zip(starts, ends, sizes, strict=True)]


def packed(files: list[bytes], sizes: list[tuple[int, int]], remarks: tuple[str, ...] = ()) -> Photos:
    """`Photos` of files; `sizes` are heights and widths."""
    lengths = np.array([len(file) for file in files], np.int64)
    return Photos(
        encoded=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        sizes=np.array(sizes, np.int32).reshape(-1, 2),
        remarks=remarks,
    )


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    """RGB pixels, shape (height, width, 3), as a JPEG file with colour at half the resolution, as cameras write it."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling="4:2:0")
    return file.getvalue()


def decode(data: Photos, image: int) -> Any:
    """One image's pixels in RGB, shape (height, width, 3), decoded by OpenCV on this thread."""
    import cv2

    pixels = cv2.imdecode(data.file(image), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise ValueError(f"OpenCV cannot decode image {image}, which Pillow can")
    return pixels


def decode_all(data: Photos, chunk: range, threads: int) -> NDArray[np.uint8]:
    """The pixels of many images end to end, decoded on `threads` threads: one array to copy to a device."""
    pixels = np.empty(3 * int(data.sizes[chunk].prod(axis=1, dtype=np.int64).sum()), np.uint8)

    def fill(image: int, place: NDArray[np.uint8]) -> None:
        place[:] = decode(data, image)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, chunk, data.views(pixels, chunk)))
    return pixels


def deviation(source: int) -> float:
    """The blur's standard deviation along an axis of `source` pixels, in pixels; 0 means no blur."""
    return max(0.0, (source / SIDE - 1.0) / 2.0)


def taps(source: int) -> NDArray[np.float64]:
    """The blur along an axis of `source` pixels, shape (2 radius + 1,): a Gaussian whose weights add up to 1."""
    radius = int(CUT * deviation(source) + 0.5)
    if radius == 0:
        return np.ones(1)
    bell = np.exp(-0.5 * (np.arange(-radius, radius + 1) / deviation(source)) ** 2)
    normalised: NDArray[np.float64] = bell / bell.sum()
    return normalised


def weights(source: int) -> NDArray[np.float64]:
    """Blur and resize along an axis of `source` pixels, shape (224, source): each row adds up to 1."""
    blur = taps(source)
    centre = (np.arange(SIDE) + 0.5) * source / SIDE - 0.5
    left = np.floor(centre).astype(np.int64)
    shares = np.stack([1.0 - (centre - left), centre - left], axis=1)  # of the two nearest pixels
    pixels = np.clip(np.stack([left, left + 1], axis=1), 0, source - 1)
    places = np.clip(pixels[:, :, None] + np.arange(len(blur)) - len(blur) // 2, 0, source - 1)
    matrix = np.zeros((SIDE, source))
    np.add.at(matrix, (np.arange(SIDE)[:, None, None], places), shares[:, :, None] * blur)
    return matrix


def colours() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colour and normalisation as a matrix (3, 3) and an offset (3,): ready = matrix @ (red, green, blue) + offset.

    The differences are (blue - luma) / 1.772 + 0.5 and (red - luma) / 1.402 + 0.5, so that all three channels lie in 0
    to 1; 0.5 means no colour.
    """
    red, _, blue = np.eye(3)
    matrix = np.stack([LUMA, (blue - LUMA) / (2.0 - 2.0 * LUMA[2]), (red - LUMA) / (2.0 - 2.0 * LUMA[0])])
    grey = np.array([0.0, 0.5, 0.5])
    return matrix / 255.0 / DEVIATION[:, None], (grey - MEAN) / DEVIATION


def prepared(data: Photos, image: int) -> NDArray[np.float64]:
    """One photograph, ready for a network, in float64, shape (3, 224, 224): decoded by Pillow, the rest as defined."""
    from PIL import Image

    pixels = np.asarray(Image.open(io.BytesIO(data.file(image).tobytes())).convert("RGB"))
    height, width = pixels.shape[:2]
    channels = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float64)
    small = weights(height) @ channels @ weights(width).T
    matrix, offset = colours()
    ready: NDArray[np.float64] = np.einsum("oc,chw->ohw", matrix, small) + offset[:, None, None]
    return ready


@metric(name="PSNR")
def psnr(data: Photos, result: Any) -> float:
    """Peak signal-to-noise ratio in decibels against float64, on up to 16 images; the peak is 255 grey levels.

    The images are spread evenly from the first to the last. The rounding error of 8-bit pixels is added to the mean
    squared error: an exact result has 58.9 dB, and errors far below a pixel's own precision do not count.
    """
    if result.shape != (data.rows, 3, SIDE, SIDE) or result.dtype != np.float32:
        raise WrongResult(f"the result is {result.dtype} {result.shape}, expected float32 {(data.rows, 3, SIDE, SIDE)}")
    error = 0.0
    images = np.unique(np.linspace(0, data.rows - 1, SAMPLE).astype(np.int64))
    for image in images:
        levels = (result[image] - prepared(data, int(image))) * 255.0 * DEVIATION[:, None, None]
        error += float(np.mean(levels**2)) / len(images)
    return float(10.0 * np.log10(255.0**2 / (error + ROUNDING)))


def least_work(data: Photos) -> tuple[float, float]:
    """Operations and bytes, without decoding.

    The filters are applied only at the points needed, first down, then across. The bytes are those of the files, of the
    decoded pixels and of the result.
    """
    flops = 0.0
    for size, images in zip(*np.unique(data.sizes, axis=0, return_counts=True), strict=True):
        down, across = (len(taps(int(side))) + 1 for side in size)
        flops += float(images) * 2.0 * 3 * SIDE * (down * float(size[1]) + across * SIDE)
    pixels = float(data.sizes.prod(axis=1, dtype=np.int64).sum())
    return flops, data.encoded.nbytes + 3.0 * pixels + 4.0 * 3 * SIDE**2 * data.rows
