"""The schema of a long signal in which one frequency is to be followed, and what judges the answer.

A frame is a stretch of the signal after filtering and thinning: only every `factor`-th sample is kept. Frames overlap.
The answer is, for each frame, where its spectrum is highest, and how high.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.harness.errors import WrongResult
from residency.harness.quality import metric, vector
from residency.harness.truth import Truth

CHECKED = 16  # frames whose spectrum is computed again
CLOSE = 1e-3  # relative error of a power that float32 may leave

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """A signal of evenly spaced samples, how to look at it, and the frequency that is known in each frame."""

    values: NDArray[np.float32]  # (rows,)
    taps: NDArray[np.float32]  # (taps,): a symmetric filter; taps - 1 is a multiple of twice the factor
    factor: int  # one of so many filtered samples is kept
    window: int  # kept samples of a frame; even
    hop: int  # kept samples from one frame to the next
    pitch: Truth[Values]  # (frames,): the frequency in the middle of each frame, in cycles per sample

    @property
    def rows(self) -> int:
        """Samples."""
        return len(self.values)

    @property
    def kept(self) -> int:
        """Filtered samples that are kept: the filter lies within the signal, and nothing is added at the ends."""
        return kept(self.rows, len(self.taps), self.factor)

    @property
    def frames(self) -> int:
        """Frames that fit into the signal."""
        return frames(self.kept, self.window, self.hop)

    @property
    def hann(self) -> NDArray[np.float32]:
        """Hann's window, shape (window,): a frame is multiplied by it, so that it begins and ends at 0."""
        return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(self.window) / self.window)).astype(np.float32)

    @property
    def scale(self) -> NDArray[np.float32]:
        """What turns squared sizes of a frame's Fourier transform into powers, shape (window // 2 + 1,).

        A sine has half of its squared size, as with `scaling="spectrum"` of SciPy.
        """
        scale = np.full(self.window // 2 + 1, 2.0 / self.hann.sum(dtype=np.float64) ** 2)
        scale[[0, -1]] /= 2.0  # all others stand for two frequencies, one of them negative
        return scale.astype(np.float32)


def kept(rows: int, taps: int, factor: int) -> int:
    """How many samples are kept of so many."""
    return max(0, (rows - taps) // factor + 1)


def frames(kept: int, window: int, hop: int) -> int:
    """How many frames fit into so many kept samples."""
    return max(0, (kept - window) // hop + 1)


def middles(count: int, *, taps: int = 1, factor: int = 1, window: int, hop: int) -> Values:
    """The middle of each frame in the signal, in samples from its beginning, shape (count,)."""
    return factor * (hop * np.arange(count, dtype=np.float64) + window / 2.0) + taps // 2


def band_pass(count: int, low: float, high: float = 0.5) -> NDArray[np.float32]:
    """A filter of `count` taps, an odd number, that lets frequencies from `low` to `high` pass, in cycles per sample.

    It is the difference of two ideal filters under Hamming's window. A constant and a straight line leave
    nothing. If `high` is 0.5, the highest frequency there is, nothing is stopped above.
    """
    place, bell = np.arange(count) - count // 2, np.hamming(count)
    ideal = 2.0 * high * np.sinc(2.0 * high * place) - 2.0 * low * np.sinc(2.0 * low * place)
    taps = ideal * bell
    taps -= bell * (taps.sum() / bell.sum())
    rounded: NDArray[np.float32] = np.round(taps, 7).astype(np.float32)  # the same bytes on any machine
    return rounded


def exact_spectrum(data: Signal, frame: int) -> Values:
    """The power at each frequency of a frame, in float64, shape (window // 2 + 1,)."""
    first = frame * data.hop * data.factor
    last = first + (data.window - 1) * data.factor + len(data.taps)
    around = np.asarray(data.values[first:last], np.float64)
    samples = np.convolve(around, data.taps.astype(np.float64), mode="valid")[:: data.factor]
    power: Values = np.abs(np.fft.rfft(samples * data.hann)) ** 2 * data.scale
    return power


@metric(name="frames followed")
def frames_followed(data: Signal, answer: Any) -> float:
    """The share of frames whose highest frequency is the known one, or a neighbour of it.

    The answer is two arrays of shape (frames,): the number of the highest frequency, and its power. Raises
    `WrongResult` if the spectrum of a frame, computed again in float64, has another peak or another power: 16 frames
    spread over the signal are checked.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise WrongResult("the result must be two arrays: the number of each frame's highest frequency, and its power")
    number, power = (vector(part, data.frames) for part in answer)
    if not (np.isfinite(power).all() and (number == np.floor(number)).all()):
        raise WrongResult("the numbers of the frequencies are not whole, or their powers not finite")
    for frame in np.unique(np.linspace(0, data.frames - 1, CHECKED).astype(np.int64)).tolist():
        exact, found = exact_spectrum(data, frame), int(number[frame])
        if not 0 <= found < len(exact) or exact[found] < (1.0 - CLOSE) * exact.max():
            raise WrongResult(f"the spectrum of frame {frame} is highest at {int(exact.argmax())}, not at {found}")
        if abs(power[frame] - exact[found]) > CLOSE * exact[found]:
            raise WrongResult(f"frame {frame} has power {exact[found]:.6g} there, not {power[frame]:.6g}")
    known = np.asarray(data.pitch) * data.factor * data.window
    return float((np.abs(number - known) <= 1.0).mean())
