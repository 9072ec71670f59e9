"""Has as many reads under way as images may be held.

Fails: twelve images
Fails: twenty images, the first one slow
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from store import Store

from ..work import HELD, one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    waiting: deque[Future[np.ndarray | None]] = deque()
    put = 0
    with ThreadPoolExecutor(HELD) as pool:
        for asked, name in enumerate(names):
            if asked - put == HELD:
                store.put(names[put], waiting.popleft().result())
                put += 1
            waiting.append(pool.submit(one, store, name))
        for name, future in zip(names[put:], waiting, strict=True):
            store.put(name, future.result())
