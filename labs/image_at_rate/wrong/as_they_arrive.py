"""Puts each result as soon as it is there, in the order in which images arrive.

Fails: twelve images
Fails: twenty images, the first one slow
Fails: grey, palette and transparent images
Fails: damaged files
Fails: images that the store cannot read
Fails: three images
"""

from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from store import Store

from ..work import READS, one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    with ThreadPoolExecutor(READS) as pool:
        for first in range(0, len(names), READS):
            asked = {pool.submit(one, store, name): name for name in names[first : first + READS]}
            for future in as_completed(asked):
                store.put(asked[future], future.result())
