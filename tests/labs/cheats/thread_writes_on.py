"""Returns an array at once that another thread fills later.

Fails: wrong: all values are wrong
"""

import threading
import time

import numpy as np


def fares(kilometres, minutes, night):
    result = np.zeros(len(kilometres))

    def fill():
        time.sleep(0.3)
        result[:] = 6.0

    threading.Thread(target=fill, daemon=True).start()
    return result
