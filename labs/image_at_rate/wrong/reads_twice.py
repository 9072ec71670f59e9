"""Reads again what could not be read.

Fails: damaged files
Fails: images that the store cannot read
"""

import numpy as np
from store import Store

from ..work import thumbnail


def one(store: Store, name: int) -> np.ndarray | None:
    """The thumbnail of one image, or None."""
    try:
        return thumbnail(store.read(name))
    except (OSError, ValueError, SyntaxError):
        pass
    try:
        return thumbnail(store.read(name))
    except (OSError, ValueError, SyntaxError):
        return None
