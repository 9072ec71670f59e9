"""Faces and backgrounds: 200 patches of 25 by 25 pixels, shipped with scikit-image."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.image.labelled_images import LabelledImages, held_out, labelled
from residency.harness.dataset import shipped


@shipped("skimage")
def face_patches(seed: int) -> LabelledImages:
    """A hundred faces and a hundred patches of their backgrounds, grey, 25 by 25 pixels.

    Drawn by scikit-image's authors from Labeled Faces in the Wild (Huang, Ramesh, Berg and Learned-Miller, 2007). The
    40 patches to classify are few: one of them is 0.025 of accuracy.
    """
    import skimage.data

    shipped_by_skimage: Any = skimage.data  # not all of it is typed
    patches = np.rint(255.0 * shipped_by_skimage.lfw_subset()).astype(np.uint8)
    labels = np.repeat([1, 0], 100)
    return labelled(patches[..., None], labels, held_out(labels, seed), ["no face", "face"])
