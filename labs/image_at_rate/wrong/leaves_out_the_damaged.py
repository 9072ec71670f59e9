"""Puts nothing for an image that has no thumbnail.

Fails: damaged files
Fails: images that the store cannot read
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
                put_good(store, names[put], waiting.popleft().result())
                put += 1
            waiting.append(pool.submit(one, store, name))
        for name, future in zip(names[put:], waiting, strict=True):
            put_good(store, name, future.result())


def put_good(store: Store, name: int, result: np.ndarray | None) -> None:
    """Put a result, if there is one."""
    if result is not None:
        store.put(name, result)
