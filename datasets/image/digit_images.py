"""Handwritten digits as pictures: 1,797 of 8 by 8 pixels, shipped with scikit-learn."""

from __future__ import annotations

import numpy as np

from residency.datasets.image.labelled_images import LabelledImages, held_out, labelled
from residency.harness.dataset import shipped


@shipped("sklearn.datasets")
def digit_images(seed: int) -> LabelledImages:
    """The grey values of 1,797 handwritten digits, 8 by 8 pixels, to be classified.

    The test part of Alpaydin and Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, with grey values of 0 to 16, kept as they are. A support vector machine reaches an accuracy of about
    0.99 on a fifth of them.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    names = [str(name) for name in bunch.target_names]
    return labelled(bunch.images.astype(np.uint8)[..., None], bunch.target, held_out(bunch.target, seed), names)
