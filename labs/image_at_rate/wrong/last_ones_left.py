"""Puts results while it asks for more, and forgets those that are left at the end.

Fails: twelve images
Fails: twenty images, the first one slow
Fails: grey, palette and transparent images
Fails: damaged files
Fails: images that the store cannot read
Fails: three images
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from store import Store

from ..work import HELD, READS, one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    waiting: deque[Future[np.ndarray | None]] = deque()
    put = 0
    with ThreadPoolExecutor(READS) as pool:
        for asked, name in enumerate(names):
            if asked - put == HELD:
                store.put(names[put], waiting.popleft().result())
                put += 1
            waiting.append(pool.submit(one, store, name))
