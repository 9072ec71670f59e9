"""Lets an error of one image end the whole call.

Fails: damaged files
Fails: images that the store cannot read
"""

import numpy as np
from store import Store

from ..work import thumbnail


def one(store: Store, name: int) -> np.ndarray | None:
    """The thumbnail of one image, or None."""
    return thumbnail(store.read(name))
