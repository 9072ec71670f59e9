"""Requests to end: Ctrl-C, SIGTERM (`docker stop`, a scheduler) and SIGHUP (the terminal is gone) mean the same.

Each raises `KeyboardInterrupt` wherever the command is, and so does a second one. Work that must not be interrupted,
such as killing a worker and all that it started, runs within `whole()`: a signal waits until it is over. The first
process of a container gets only signals that it has asked for, so without this module SIGTERM would not end it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 3  # signals that something whole may make wait: it hangs, and whoever sends them means it

_received: list[int] = []
_waiting: list[int] = []  # of them, those that came within `whole`
_depth = [0]  # of `whole` within `whole`
_last_words: list[Callable[[], str]] = []


def install() -> None:
    """Listen to the signals, except those that this process was started to ignore (by `nohup`, for example)."""
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def received() -> bool:
    """Whether this process was asked to end."""
    return bool(_received)


def status() -> int:
    """The exit status of a command that was asked to end: 130 after Ctrl-C, 143 after SIGTERM, as in shells."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def at_last(words: Callable[[], str]) -> None:
    """What to write to stderr before this process ends because uninterruptible work has hung."""
    _last_words[:] = [words]


@contextmanager
def whole() -> Iterator[None]:
    """The block runs to its end; a signal that comes during it interrupts what comes after it."""
    if threading.current_thread() is not threading.main_thread():  # signals interrupt the main thread alone
        yield
        return
    _depth[0] += 1
    try:
        yield
    finally:
        _depth[0] -= 1
        if not _depth[0] and _waiting:
            _waiting.clear()
            raise KeyboardInterrupt


def _interrupt(number: int, _: FrameType | None) -> None:
    _received.append(number)
    if not _depth[0]:
        raise KeyboardInterrupt
    _waiting.append(number)
    if len(_waiting) >= PATIENCE:
        with suppress(OSError):
            os.write(2, "".join(words() for words in _last_words).encode())
        os._exit(status())
