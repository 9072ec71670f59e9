"""The initial weights of a small convolutional recurrent network, the same for every library, as in `residual.py`.

Three convolutions of 3 x 3, each pooled, make features of frames four pixels wide. A recurrent layer (GRU) reads the
frames in both directions, and the layer `out` scores the classes of each frame. NumPy draws the weights, with Torch's
names and layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lines import HEIGHT

POOLS = {"conv1": (2, 2), "conv2": (2, 2), "conv3": (2, 1)}  # how each 3 x 3 convolution is pooled
CHANNELS = (1, 16, 32, 32)
FEATURES, HIDDEN = CHANNELS[-1] * HEIGHT // 8, 64  # of a frame, four pixels wide; of the GRU, each way


def weights(classes: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Initial weights, by Torch's names: He's for convolutions, uniform for all other layers."""
    generator = np.random.default_rng(seed)
    made = {}
    for name, before, after in zip(POOLS, CHANNELS[:-1], CHANNELS[1:], strict=True):
        made[f"{name}.weight"] = generator.standard_normal((after, before, 3, 3)) * np.sqrt(2 / (9 * before))
        made[f"{name}.bias"] = np.zeros(after)
    bound = HIDDEN**-0.5
    for way in ("l0", "l0_reverse"):
        made[f"gru.weight_ih_{way}"] = generator.uniform(-bound, bound, (3 * HIDDEN, FEATURES))
        made[f"gru.weight_hh_{way}"] = generator.uniform(-bound, bound, (3 * HIDDEN, HIDDEN))
        made |= {f"gru.bias_{side}_{way}": np.zeros(3 * HIDDEN) for side in ("ih", "hh")}
    made["out.weight"] = generator.uniform(-bound, bound, (classes, 2 * HIDDEN))
    made["out.bias"] = np.zeros(classes)
    return {name: value.astype(np.float32) for name, value in made.items()}
