"""Other work that comes and goes, for trying the harness on a busy machine: processes busy or asleep by chance.

    with beside(2): ...

Each is busy or asleep, at random, for 0.05 to 0.8 s at a time. They end with the block, on Ctrl-C too. If their parent
is killed, they end within a second, because each checks whether its parent is still there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

BURSTS = """
import os, random, sys, time
while os.getppid() == int(sys.argv[1]):
    end, busy = time.monotonic() + random.uniform(0.05, 0.8), random.random() < 0.5
    while time.monotonic() < end:
        busy or time.sleep(0.01)
"""


@contextmanager
def beside(processes: int) -> Iterator[None]:
    """Run this many bursty processes during the block; none is left, however the block ends."""
    with ExitStack() as stack:
        for _ in range(processes):
            stack.enter_context(_bursty())
        yield


@contextmanager
def _bursty() -> Iterator[None]:
    """Start one process in a session of its own: a terminal's Ctrl-C is meant for its parent."""
    process = subprocess.Popen(
        [sys.executable, "-c", BURSTS, str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()
