"""Waits for each image before it asks for the next.

Fails: timing
"""

import numpy as np
from store import Store

from ..work import one


def prepare(store: Store, names: np.ndarray) -> None:
    """Put the thumbnail of each image, in the order of `names`; None for an image that cannot be read or decoded."""
    for name in names:
        store.put(name, one(store, name))
