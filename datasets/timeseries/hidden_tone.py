"""A tone that glides up and down beneath noise, hum and a whine: generated, any number of samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from residency.datasets.timeseries.series import wave
from residency.datasets.timeseries.signals import Signal, Values, band_pass, frames, kept, middles
from residency.harness.dataset import decoded, generated_from, mapped

TAPS, FACTOR, WINDOW, HOP = 129, 4, 512, 128
LOW, HIGH = 0.03, 0.10  # the filter's band, in cycles per sample
LEAST, MOST = 0.045, 0.085  # of the tone
PIECE = 2**15  # samples: the tone glides evenly in each
GLIDE = 0.004  # the most by which it changes in a piece
TONE, HUM, WHINE = 0.3, 10.0, 5.0  # sizes; the noise has standard deviation 1
SLOW, HIGH_UP = 0.001, 0.21  # frequencies of hum and whine


@decoded(4.02)
@generated_from(FACTOR * WINDOW + TAPS)
def hidden_tone(rows: int, seed: int, folder: Path) -> Signal:
    """A quiet tone glides between 0.045 and 0.085 cycles per sample, beneath noise, a hum and a whine.

    The noise has 21 times the tone's power, a slow hum 1,100 times, and a whine 280 times. Without the filter, every
    frame would show the hum or the whine: when one of four samples is kept, the whine at 0.21 looks like a tone at
    0.04. The tone's frequency is known at each moment. Hum, whine and tone are waves made of parabolas.
    """
    generator = np.random.default_rng(seed)
    values = mapped(folder, (rows,), np.float32)
    nodes = _nodes(generator, rows // PIECE + 2)
    phase = 0.0
    for piece, start in enumerate(range(0, rows, PIECE)):
        time = np.arange(min(PIECE, rows - start), dtype=np.float64)
        slope = (nodes[piece + 1] - nodes[piece]) / PIECE
        turns = phase + nodes[piece] * time + 0.5 * slope * time * time
        phase = (phase + 0.5 * (nodes[piece] + nodes[piece + 1]) * PIECE) % 1.0
        other = HUM * wave(SLOW * (start + time)) + WHINE * wave(HIGH_UP * (start + time))
        values[start : start + len(time)] = TONE * wave(turns) + other + generator.standard_normal(len(time))
    count = frames(kept(rows, TAPS, FACTOR), WINDOW, HOP)
    middle = middles(count, taps=TAPS, factor=FACTOR, window=WINDOW, hop=HOP)
    inside = (middle // PIECE).astype(np.int64)
    pitch = nodes[inside] + (nodes[inside + 1] - nodes[inside]) * (middle / PIECE - inside)
    return Signal(values, band_pass(TAPS, LOW, HIGH), FACTOR, WINDOW, HOP, pitch)


def _nodes(generator: np.random.Generator, count: int) -> Values:
    """The tone's frequency where pieces meet: a random walk that turns back at the band's ends."""
    width = MOST - LEAST
    walk = generator.uniform(0.0, width) + np.cumsum(generator.uniform(-GLIDE, GLIDE, count))
    folded = walk - 2.0 * width * np.floor(walk / (2.0 * width))
    nodes: Values = LEAST + np.where(folded > width, 2.0 * width - folded, folded)
    return nodes
