"""Reads all images before the first result is put.

Fails: twenty images, the first one slow
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from store import Store

from ..work import READS, one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    with ThreadPoolExecutor(READS) as pool:
        results = list(pool.map(lambda name: one(store, name), names))
    for name, result in zip(names, results, strict=True):
        store.put(name, result)
