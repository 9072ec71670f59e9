"""Photographs: 80 crops of ten pictures that scikit-image and scikit-learn ship."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.datasets.image.photos import Photos, jpeg, packed
from residency.harness.dataset import shipped

PICTURES = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "retina", "rocket")  # of scikit-image
CROPS = 8  # of each picture
LEAST_SHARE = 0.6  # of a picture's height and of its width in a crop


@shipped("skimage", "sklearn.datasets", "PIL")
def photographs(seed: int) -> Photos:
    """Eight crops each of ten photographs, as JPEG at quality 90: some 72 kB and 0.3 million pixels each.

    From scikit-image: an astronaut (Eileen Collins; NASA, public domain), the cat Chelsea, a cup of coffee and a rocket
    (CC0), the Hubble deep field (NASA, public domain), a retina (CC0) and both views of a motorcycle (Middlebury stereo
    benchmark 2014, Scharstein et al.). From scikit-learn: a temple in China and a flower (CC BY 2.0, danielbuechele and
    vultilion). Each crop covers 60 to 100 % of the picture's height and of its width, drawn by the seed. On an axis,
    less than one to six source pixels become one pixel of the result.
    """
    import skimage.data
    from sklearn.datasets import load_sample_images

    shipped_by_skimage: Any = skimage.data  # not all of it is typed
    pictures = [getattr(shipped_by_skimage, name)() for name in PICTURES]
    pictures += [*shipped_by_skimage.stereo_motorcycle()[:2], *load_sample_images().images]
    generator = np.random.default_rng(seed)
    files, sizes = [], []
    for _ in range(CROPS):
        for picture in pictures:
            whole = np.array(picture.shape[:2])
            height, width = generator.integers(np.ceil(LEAST_SHARE * whole).astype(np.int64), whole, endpoint=True)
            top, left = generator.integers(0, whole - (height, width), endpoint=True)
            files.append(jpeg(np.ascontiguousarray(picture[top : top + height, left : left + width])))
            sizes.append((int(height), int(width)))
    return packed(files, sizes)
