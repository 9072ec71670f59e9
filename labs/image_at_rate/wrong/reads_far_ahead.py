"""Lets the reads go on while it waits for the first image: nothing limits what is held.

Fails: twenty images, the first one slow
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from store import Store

from ..work import READS, one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    with ThreadPoolExecutor(READS) as pool:
        for name, result in zip(names, pool.map(lambda name: one(store, name), names), strict=True):
            store.put(name, result)
