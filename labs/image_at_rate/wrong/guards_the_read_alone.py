"""Expects errors of the store, but none of the decoding.

Fails: damaged files
"""

import numpy as np
from store import Store

from ..work import thumbnail


def one(store: Store, name: int) -> np.ndarray | None:
    """The thumbnail of one image, or None."""
    try:
        data = store.read(name)
    except OSError:
        return None
    return thumbnail(data)
