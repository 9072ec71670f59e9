"""Other work that comes and goes must be gone when what it was beside is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic, sleep

import psutil
import pytest

from residency.runners.bursts import beside

HOLDER = """
import time
from residency.runners.bursts import beside
with beside(2):
    print("there", flush=True)
    time.sleep(60)
"""


def bursty() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "getppid" in " ".join(one.cmdline())]


def test_they_end_with_the_block_however_it_ends() -> None:
    def interrupted() -> None:
        with beside(2):
            deadline = monotonic() + 60  # just after it has started, a process may not tell its command line yet
            while len(bursty()) < 2 and monotonic() < deadline:
                sleep(0.01)
            assert len(bursty()) == 2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert bursty() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_who_started_them(how: signal.Signals) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"there\n"
    started = psutil.Process(holder.pid).children()
    assert len(started) == 2
    os.kill(holder.pid, how)
    holder.wait()
    holder.stdout.close()
    deadline = monotonic() + 60
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started):
        assert monotonic() < deadline
        sleep(0.05)
