"""The network of `classify.py`, once in Torch and once in Flax: the same layers with the same weights.

A convolution, the stem, then three blocks. A block's two convolutions are added to its input, or, where it halves the
picture's sides, to what a convolution of one pixel makes of it. Every convolution is followed by a normalisation of
groups of channels, which unlike that of batches does the same in training and afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.image.labelled_images import LabelledImages
from residency.datasets.image.residual import Weights

WIDTHS = (16, 32, 64)  # channels of the three blocks; each but the first halves the picture's sides
GROUPS, EPSILON = 8, 1e-5  # of channels that are normalised together


def torch_layout(weights: Weights) -> dict[str, NDArray[np.float32]]:
    """The weights by one name each; a kernel's axes in Torch's order but for the channels, which stay last."""
    return {
        f"{layer} {part}": array.transpose(3, 0, 1, 2) if array.ndim == 4 else array
        for layer, parts in weights.items()
        for part, array in parts.items()
    }


def torch_network(functional: Any, weights: dict[str, Any], data: LabelledImages, x: Any) -> Any:
    """The classes' scores for pictures (images, height, width, channels).

    Torch's normalisation of groups keeps channels last on a CPU; on a GPU (2.13) it returns them first, so that each
    layer there pays for copies from one layout to the other.
    """

    def convolution(x: Any, name: str, stride: int = 1) -> Any:
        kernel = weights[f"{name} kernel"].permute(0, 3, 1, 2)  # Torch's order of axes; in memory channels are last
        x = functional.conv2d(x, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        return functional.group_norm(x, GROUPS, weights[f"{name}_norm scale"], weights[f"{name}_norm bias"], EPSILON)

    x = (x.permute(0, 3, 1, 2).float() - data.mean) / data.deviation
    x = convolution(x, "stem").relu()
    for block in range(len(WIDTHS)):
        stride = 2 if block else 1
        y = convolution(convolution(x, f"first{block}", stride).relu(), f"second{block}")
        x = (y + (convolution(x, f"short{block}", stride) if block else x)).relu()
    return x.mean((2, 3)) @ weights["head kernel"] + weights["head bias"]


def flax_network(classes: int, mean: float, deviation: float) -> Any:
    """The same as a module of Flax, which takes its weights in the names of `datasets/image/residual.py`."""
    from flax import linen

    class Network(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            def convolution(x: Any, name: str, width: int, side: int = 3, stride: int = 1) -> Any:
                x = linen.Conv(width, (side, side), stride, padding=side // 2, use_bias=False, name=name)(x)
                return linen.GroupNorm(GROUPS, epsilon=EPSILON, name=f"{name}_norm")(x)

            x = (x.astype(np.float32) - mean) / deviation
            x = linen.relu(convolution(x, "stem", WIDTHS[0]))
            for block, width in enumerate(WIDTHS):
                stride = 2 if block else 1
                y = linen.relu(convolution(x, f"first{block}", width, stride=stride))
                y = convolution(y, f"second{block}", width)
                x = linen.relu(y + (convolution(x, f"short{block}", width, 1, stride) if block else x))
            return linen.Dense(classes, name="head")(x.mean((1, 2)))

    return Network()
