"""The CUDA driver in this process: whether there is a context on a GPU. Asking does not create one.

Whichever library computes on a GPU through CUDA, it needs a context there first. Nothing is loaded and nothing is
initialised here: a driver that nobody has loaded or initialised yet has no context.

Not yet seen on a real GPU: written from the driver's interface, and tested against a stand-in for its library.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

LIBRARY = "libcuda.so.1"
SUCCESS, NOT_INITIALISED = 0, 3  # of the driver's status codes


def has_context() -> bool | None:
    """Whether this process has a CUDA context; None where the driver does not tell.

    It sees the context that libraries share on each GPU (the primary one) and the calling thread's current one. It does
    not see a context that a program made for itself and set aside, nor those of OpenCL, which are not CUDA's.
    """
    try:
        driver = _loaded()
        context = ctypes.c_void_p()
        if driver.cuCtxGetCurrent(ctypes.byref(context)) == SUCCESS and context.value:
            return True
        count = ctypes.c_int()
        status = driver.cuDeviceGetCount(ctypes.byref(count))
        if status != SUCCESS:
            return False if status == NOT_INITIALISED else None
        return _any_of([_is_active(driver, ordinal) for ordinal in range(count.value)])
    except OSError:
        return False  # not loaded
    except AttributeError:
        return None  # loaded, and lacks one of these functions


@functools.cache
def _loaded() -> Any:
    """The driver's library, if another library has loaded it; raises `OSError` if none has (not cached)."""
    return ctypes.CDLL(LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_NOW)


def _is_active(driver: Any, ordinal: int) -> bool | None:
    """Whether a GPU's primary context exists in this process."""
    device, flags, active = ctypes.c_int(), ctypes.c_uint(), ctypes.c_int()
    if driver.cuDeviceGet(ctypes.byref(device), ordinal) != SUCCESS:
        return None
    if driver.cuDevicePrimaryCtxGetState(device, ctypes.byref(flags), ctypes.byref(active)) != SUCCESS:
        return None
    return bool(active.value)


def _any_of(told: list[bool | None]) -> bool | None:
    """Whether any is true; None if none is true and some are not known."""
    if True in told:
        return True
    return None if None in told else False
