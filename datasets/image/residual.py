"""The initial weights of a small residual network: the same for every library, as the initial centres of clusters are.

The start of training affects its end, so libraries that draw their own weights are not comparable. Here NumPy draws the
weights, with Flax's names and layout. The network is a convolution `stem`, then a block for each width, then the mean
over the picture, and the layer `head`. A block adds the output of its convolutions `first` and `second` to its input.
All blocks except the first halve the picture's sides; there, a convolution `short` makes the input fit. Every
convolution is followed by a normalisation of groups of channels, `_norm`. A block's last normalisation starts with the
factor 0: at first each block only passes on its input, which makes training less sensitive to its first steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, dict[str, NDArray[np.float32]]]


def initial(channels: int, widths: Sequence[int], classes: int, seed: int) -> Weights:
    """Normal weights of variance 2 / inputs (He et al., 2015, "Delving deep into rectifiers").

    Kernels have the shape (height, width, channels before, channels after), the head's (channels, classes).
    """
    generator = np.random.default_rng(seed)
    made: Weights = {}

    def normal(*shape: int) -> NDArray[np.float32]:
        return (generator.standard_normal(shape) * math.sqrt(2.0 / math.prod(shape[:-1]))).astype(np.float32)

    def convolution(name: str, side: int, before: int, after: int, factor: float = 1.0) -> None:
        made[name] = {"kernel": normal(side, side, before, after)}
        made[f"{name}_norm"] = {"scale": np.full(after, factor, np.float32), "bias": np.zeros(after, np.float32)}

    convolution("stem", 3, channels, widths[0])
    for block, (before, after) in enumerate(zip([widths[0], *widths], widths, strict=False)):
        convolution(f"first{block}", 3, before, after)
        convolution(f"second{block}", 3, after, after, factor=0.0)
        if block:
            convolution(f"short{block}", 1, before, after)
    made["head"] = {"kernel": normal(widths[-1], classes), "bias": np.zeros(classes, np.float32)}
    return made


def torch_layout(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights, each with one name; a kernel's axes are in Torch's order, except the channels, which stay last."""
    return {
        f"{layer} {part}": array.transpose(3, 0, 1, 2) if array.ndim == 4 else array
        for layer, parts in weights.items()
        for part, array in parts.items()
    }


def operations(picture: Sequence[int], widths: Sequence[int]) -> float:
    """Multiplications and additions of the convolutions in a forward pass of one picture (height, width, channels)."""
    height, width, channels = picture
    total = 0.0
    for name, part in initial(channels, widths, 2, 0).items():
        if "kernel" in part and name != "head":
            if name.startswith("first") and name != "first0":
                height, width = (height + 1) // 2, (width + 1) // 2
            total += 2.0 * part["kernel"].size * height * width
    return total
